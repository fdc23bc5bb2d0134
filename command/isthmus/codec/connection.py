"""A cloud as a program uses it: signals go in, and of each comes out what the cloud says, in their order.

Theory of operation. A connection is a stream of one codec, with an encoder of its own. `results` sends as far ahead as
the cloud allows and gives what comes back meanwhile; every input gives exactly one `Result`, in its place, be it the
error of one file or frame. What ends the stream is raised. The next call opens another, whose first frame refers to
no other; so does a frame after one that the cloud refused.

`results` may be left early: what is under way then is given up with its stream, so that no later call takes it for its
own. One call at a time: a newer one takes the connection over, and an older generator that is asked for more says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any

from isthmus.codec.choice import chosen_task
from isthmus.codec.codec import Codec, each
from isthmus.codec.values import value_of
from isthmus.common import wire
from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, IsthmusError, LimitExceededError, StreamMisuseError

if TYPE_CHECKING:
    from isthmus.edge.call import FrameResult
    from isthmus.edge.client import CloudClient


NO_TIMING = wire.Timing(0, 0)


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
    timing: wire.Timing = NO_TIMING

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
        task: of the codec's, in words; "" for its first.
        wants_pixels: whether reconstructions come back as images, or only their size and checksum.
        wants_timing: whether the cloud says how long it took.
        timeout_s: limit for each wait for the cloud; 0 for the signal's usual one.
    """

    task: str = ""
    wants_pixels: bool = True
    wants_timing: bool = False
    timeout_s: float = 0.0


def connect(
    address: str,
    codec: Codec,
    task: str = "",
    *,
    wants_pixels: bool = True,
    wants_timing: bool = False,
    timeout_s: float = 0.0,
) -> Connection:
    """A connection to a cloud, to be used in a `with`; the stream is opened when that begins.

        with connect("127.0.0.1:50051", codec) as cloud:
            print(cloud.ask("photo.jpg").value)
            for result in cloud.results("holiday/"):
                print(result.given, result.packet_bits, result.value)

    Args:
        address: "host:port" of a cloud that serves the same codec.
        codec: as `load` gives it; its options hold (`top_k` among them).
        task: of the codec's, in words; "" for its first.
        wants_pixels: whether reconstructions come back as images, or only their size and checksum.
        wants_timing: whether the cloud says how long it took.
        timeout_s: limit for each wait for the cloud; 0 for the signal's usual one.

    Raises:
        InputError: no such task, or an address that is none.
    """
    return Connection(address, codec, Asking(task, wants_pixels, wants_timing, timeout_s))


class Connection:
    """One stream to a cloud; `connect` makes it. Not to be used by two threads at once.

    Raises:
        InputError: no such task, or an address that is none.
    """

    def __init__(self, address: str, codec: Codec, asking: Asking) -> None:
        from isthmus.edge.client import CloudClient  # gRPC, which whoever only encodes does not need

        task = chosen_task(codec.manifest, asking.task)
        wait_s = asking.timeout_s or codec.signal.answer_timeout_s
        self.codec = codec
        self.client: CloudClient[Any] = CloudClient(
            address,
            codec.manifest,
            task,
            top_k=codec.top_k,
            wants_timing=asking.wants_timing,
            wants_pixels=asking.wants_pixels and "pixels" in task.wants,
            connect_timeout_s=wait_s,
            result_timeout_s=wait_s,
        )
        self._stream = codec.stream()
        self._stream_id = ""
        self._turn = 0
        self._number = 0
        self._restarted_at = 0
        self._waiting: deque[_Slot] = deque()  # in their order, those that need no answer among them
        self._unanswered: deque[_Slot] = deque()

    def __enter__(self) -> Connection:
        """Open encoder and stream.

        Raises:
            CloudUnreachableError, DeadlineError: no answer.
            UnknownCodecError, ManifestMismatchError, UnsupportedVersionError: not the same codec on both sides.
            OverloadedError: the cloud takes no more streams now.
        """
        try:
            self.begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream and the connection; what is under way is given up. May be called again."""
        self._turn += 1
        self.client.close()

    def ask(self, given: Any) -> Result:
        """Send one signal, and wait for what the cloud says of it; an error of the signal itself is in the result.

        Raises:
            InputError: several signals, or none.
            IsthmusError: what ended the stream, or kept it from opening.
        """
        return only(list(islice(self.results([given]), 2)))

    def results(self, given: Any) -> Iterator[Result]:
        """What the cloud says of each signal, in their order; signals are drawn and sent while results are under way.

        Args:
            given: the path of a folder, of a video, or of one file; an array of frames or clouds, the first axis
                counting them; or any iterable of such things and of signals, without an end if need be.

        Raises:
            IsthmusError: what ended the stream, or kept it from opening; what was under way has no result.
            Exception: whatever the iterable raises, after the results of all that it gave before.
        """
        turn = self.begin()
        failure: Exception | None = None
        inputs = self.inputs(each(given))
        try:
            while True:
                try:
                    drawn = next(inputs)
                except StopIteration:
                    break
                except Exception as error:  # the caller's own, told when all that came before has its result
                    failure = error
                    break
                yield from self.taken(turn, drawn)
            while self.is_waiting:
                yield from self.taken(turn)
            if failure is not None:
                raise failure
        finally:
            self.leave(turn)

    # What `results` is made of, each step for itself: `isthmus.codec.async_connection` does them in a thread.

    def begin(self) -> int:
        """Take the connection over; what is under way for others is given up. Gives the number of this turn."""
        self._turn += 1
        self._give_up()
        stream_id = self.client.open().stream_id
        if stream_id != self._stream_id:
            self._restart()
        self._stream_id = stream_id
        return self._turn

    def inputs(self, given: Iterator[Any]) -> Iterator[Drawn]:
        """The signals in what was given; where one cannot be read, its error."""
        for one in given:
            try:
                for signal in self.codec.signals(one, self._stream.encoder):
                    yield Drawn(one, signal)
            except IsthmusError as error:
                yield Drawn(one, error)

    @property
    def is_waiting(self) -> bool:
        """Whether results are due."""
        return bool(self._waiting)

    def taken(self, turn: int, drawn: Drawn | None = None) -> list[Result]:
        """Send a signal, and the results that are there; without one, wait for a result.

        Raises:
            StreamMisuseError: a newer turn has begun, or the connection is closed.
            IsthmusError: what ended the stream.
        """
        if turn != self._turn:
            raise StreamMisuseError(
                "expected the newest call of an open connection, got an older one: a later call, or close(), has given "
                "up what was under way; use a connection for each"
            )
        if drawn is not None:
            self._send(drawn)
        elif self._unanswered and self._waiting[0].result is None:
            self._answer(self.client.receive())
        for found in self.client.take_ready():
            self._answer(found)
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
        if self._unanswered:
            self.client.end_stream()
        self._waiting.clear()
        self._unanswered.clear()

    def _send(self, drawn: Drawn) -> None:
        slot = _Slot(drawn.given, self._number)
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
        try:
            self.client.send(slot.coded.packet)
        except LimitExceededError as error:  # nothing was sent
            slot.result = Result(drawn.given, slot.coded, error)
            self._restart()
        else:
            self._unanswered.append(slot)

    def _answer(self, found: FrameResult[Any]) -> None:
        slot = self._unanswered.popleft()
        outcome = found.outcome
        if isinstance(outcome, IsthmusError):
            if slot.number >= self._restarted_at:  # what refers to it is refused as well, until a key frame comes
                self._restart()
        else:
            outcome = value_of(outcome, self.codec.classes)
        slot.result = Result(slot.given, slot.coded, outcome, found.round_trip_s, found.timing)

    def _restart(self) -> None:
        """The cloud does not hold what the next packet would refer to."""
        self._stream.restart()
        self._restarted_at = self._number


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
    coded: Coded[Any] | None = None
    result: Result | None = None


def only(found: list[Result]) -> Result:
    """The one result that there is to be. InputError otherwise."""
    if len(found) != 1:
        raise InputError(f"ask: expected one signal, got {'several' if found else 'none'}; results() takes many")
    return found[0]
