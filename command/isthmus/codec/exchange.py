"""What goes on between a program and a cloud, step by step: signals are sent, and each has one result in its place.

Theory of operation. An exchange is a stream of one codec, with an encoder of its own. Every input gives exactly one
`Result`, be it the error of one file or frame. A connection that breaks is followed by another, on which the stream
goes on or what was not answered is sent again (`isthmus.edge.delivery`); where none can be opened, that is raised.
Whoever asks takes a turn, which ends when all its results were taken, or early: what is under way then is given up
with its stream, so that no later turn takes it for its own, and the next one has another, whose first frame refers to
no other; so does a frame after one that the cloud refused. `isthmus.codec.connection` and
`isthmus.codec.async_connection` are its faces.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.codec.codec import Codec
from isthmus.codec.values import value_of
from isthmus.common import protocol
from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, IsthmusError, StreamMisuseError
from isthmus.edge.access import NO_ACCESS, Access

if TYPE_CHECKING:
    from isthmus.common.bits.packet import Packet
    from isthmus.edge.client import CloudClient
    from isthmus.edge.delivery import Delivery
    from isthmus.edge.result import FrameResult

NO_TIMING = protocol.Timing(0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What became of one signal.

    Attributes:
        given: what it was made of: the path, array or signal that was sent; of a folder or video its path.
        coded: its packet; None where it could not be encoded.
        outcome: what the task gives, as `Codec.decode` does; or the error of this signal alone.
        round_trip_s: from sending to the arrival of the result; 0 where nothing was sent.
        timing: the cloud's own times; zeros unless they were asked for.
    """

    given: Any
    coded: Coded[Any] | None
    outcome: Any
    round_trip_s: float = 0.0
    timing: protocol.Timing = NO_TIMING

    @property
    def value(self) -> Any:
        """What the task gives. Raises the signal's error if it has one."""
        if isinstance(self.outcome, IsthmusError):
            raise self.outcome
        return self.outcome

    @property
    def packet_bits(self) -> int:
        """Bits of its packet; 0 where there is none."""
        return 0 if self.coded is None else self.coded.packet_bits


@dataclass(frozen=True, slots=True)
class Asking:
    """What a connection asks of the cloud.

    Attributes:
        task: of the codec's, in a word or verb; "" for its first.
        wants_pixels: whether reconstructions come back as images, or only their size and checksum.
        wants_timing: whether the cloud says how long it took.
        timeout_s: limit for each wait for the cloud; 0 for the signal's usual one.
        access: TLS and token.
        reconnect_tries: connections that are tried after one that broke, before that is raised; 0 for none.
    """

    task: str = ""
    wants_pixels: bool = True
    wants_timing: bool = False
    timeout_s: float = 0.0
    access: Access = NO_ACCESS
    reconnect_tries: int = 16


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One signal, or why there is none, and what it was made of."""

    given: Any
    signal: Any


@dataclass(slots=True, eq=False)
class _Slot:
    """The place of one signal among the results."""

    given: Any
    number: int
    signal: Any = None
    coded: Coded[Any] | None = None
    result: Result | None = None


class Exchange:
    """One stream to a cloud. Not to be used by two threads at once, but for `close` and `end_stream`.

    Args:
        address: "host:port".
        codec: as `load` gives it.
        asking: what of the cloud.

    Raises:
        InputError: no such task, an address that is none, or no access to it.
    """

    def __init__(self, address: str, codec: Codec, asking: Asking) -> None:
        from isthmus.edge.client import CloudClient  # gRPC, which whoever only encodes does not need

        task = codec.manifest.task_for(asking.task)
        wait_s = asking.timeout_s or codec.signal.answer_timeout_s
        self.codec = codec
        self._client: CloudClient[Any] = CloudClient(
            address,
            codec.manifest,
            task,
            top_k=codec.top_k,
            wants_timing=asking.wants_timing,
            wants_pixels=asking.wants_pixels and "pixels" in task.wants,
            connect_timeout_s=wait_s,
            result_timeout_s=wait_s,
            access=asking.access,
        )
        self._stream = codec.stream()
        self._tries = asking.reconnect_tries
        self._is_given_up = False
        self._delivery = self._new_delivery()
        self._turning = threading.Lock()  # no turn begins while the stream of the one before it is being ended
        self._turn = 0
        self._number = 0
        self._restarted_at = 0
        self._waiting: deque[_Slot] = deque()  # in their order, those that need no answer among them

    def begin(self) -> int:
        """Take the connection over; what is under way for others is given up. Gives the number of this turn."""
        with self._turning:
            self._turn += 1
        self._give_up()
        self._delivery.open()
        return self._turn

    def inputs(self, given: Iterator[Any]) -> Iterator[Drawn]:
        """The signals in what was given; where one cannot be read, its error."""
        for one in given:
            try:
                for signal in self.codec.signals(one, self._stream.encoder):
                    yield Drawn(one, signal)
            except IsthmusError as error:
                yield Drawn(one, error)

    def is_due(self, turn: int) -> bool:
        """Whether results of this turn are due. StreamMisuseError: it is over."""
        if turn != self._turn:
            raise StreamMisuseError(
                "expected the newest call of an open connection, got an older one: a later call, or close(), has given "
                "up what was under way; use a connection for each"
            )
        return bool(self._waiting)

    def taken(self, turn: int, drawn: Drawn | None = None) -> list[Result]:
        """Send a signal, and the results that are there; without one, wait for a result.

        Raises:
            StreamMisuseError: a newer turn has begun, or the connection is closed.
            IsthmusError: what ended the stream.
        """
        self.is_due(turn)
        if drawn is not None:
            self._send(drawn)
        elif self._waiting[0].result is None:
            self._delivery.take()
        self._delivery.take_ready()
        settled: list[Result] = []
        while self._waiting and (result := self._waiting[0].result) is not None:
            self._waiting.popleft()
            settled.append(result)
        return settled

    def leave(self, turn: int) -> None:
        """End a turn, if it has not ended yet; what is under way is given up."""
        if turn == self._turn:
            self._give_up()

    def _give_up(self) -> None:
        # A Ctrl-C may have left a signal half sent or its result half taken: the three agree only on nothing at all.
        if self._waiting or self._delivery.unanswered_count or self._client.pending_count or self._is_given_up:
            self._client.end_stream()
            self._waiting.clear()
            self._is_given_up = False
            self._delivery = self._new_delivery()
            self._restart()

    def _new_delivery(self) -> Delivery:
        """Of a stream of its own."""
        from isthmus.edge.delivery import Delivery
        from isthmus.edge.terms import Patience, Settling

        recode = self._recode if self.codec.signal.is_sequence else None
        settling = Settling(self._answer, self._missing, self._restart, recode)
        return Delivery(self._client, settling, Patience(self._check, tries=self._tries))

    def _check(self) -> None:
        """Called while something is waited for, perhaps by a thread."""
        if self._is_given_up:
            raise StreamMisuseError("expected a call that goes on, it was given up by a later one, or by close()")

    def _send(self, drawn: Drawn) -> None:
        slot = _Slot(drawn.given, self._number, drawn.signal)
        self._number += 1
        self._waiting.append(slot)
        if isinstance(drawn.signal, IsthmusError):
            slot.result = Result(drawn.given, None, drawn.signal)
            return
        try:
            slot.coded = self._stream.encode_signal(drawn.signal)
        except IsthmusError as error:
            slot.result = Result(drawn.given, None, error)
            return
        self._delivery.send(slot.coded.packet, slot)

    def _recode(self, slot: _Slot) -> Packet:
        slot.coded = self._stream.encode_signal(slot.signal)
        self._restarted_at = min(self._restarted_at, slot.number)
        return slot.coded.packet

    def _missing(self, slot: _Slot, why: str, error: IsthmusError) -> None:
        del why
        slot.result = Result(slot.given, slot.coded, error)
        self._restart()

    def _answer(self, slot: _Slot, found: FrameResult[Any]) -> None:
        outcome = found.outcome
        if isinstance(outcome, IsthmusError):
            if slot.number >= self._restarted_at:  # what refers to it is refused as well, until a key frame comes
                self._restart()
        else:
            try:
                outcome = value_of(outcome, self.codec.classes)
            except IsthmusError as error:  # of pixels that are not what the cloud says of them
                outcome = error
        slot.result = Result(slot.given, slot.coded, outcome, found.round_trip_s, found.timing)

    def _restart(self) -> None:
        """The cloud does not hold what the next packet would refer to."""
        self._stream.restart()
        self._restarted_at = self._number

    def end_stream(self, turn: int) -> None:
        """End the stream of a turn that is not over, if anything is under way; whoever waits for it is told."""
        with self._turning:
            if turn == self._turn and self._delivery.unanswered_count:
                self._is_given_up = True
                self._client.end_stream()

    def close(self) -> None:
        """End the stream and the connection; what is under way is given up. May be called again."""
        self._turn += 1
        self._is_given_up = True
        self._client.close()


def only(found: list[Result]) -> Result:
    """The one result that there is to be. InputError otherwise."""
    if len(found) != 1:
        raise InputError(f"ask: expected one signal, got {'several' if found else 'none'}; results() takes many")
    return found[0]
