"""Packets out, rows in: everything that was sent is answered in its place, whatever befalls the stream.

Theory of operation. What is under way stands in a queue, in the order in which it came: packets that wait for their
results, and rows that need none (a file that could not be read, a frame that was dropped). A row leaves the queue when
nothing before it is open, and a packet when its result, or why it has none, is told: the edge owns the truth. Packets
are numbered in a stream with a name of its own, which outlives connections (`NamedStream` of the protocol).

A connection that breaks, or a cloud that says goodbye, is followed by another, at the next address if there are
several, after a wait that doubles and is drawn at random below that, so that a thousand edges do not come back at once.
What had come is taken first. The cloud then says where it stands: if it holds the stream, results that were lost come
again, and packets follow from where it stopped. If not (it was started anew, or is another one), every packet under way
is sent again, under its number; one that refers to frames which that cloud never saw is made anew (`recode`). A frame
may so be run twice, and is told once. Who would rather lose it says `at_most_once`.

Each step is done whole: a Ctrl-C is raised after it, or while it waits (`isthmus.edge.interruption`), so what stands in
the queue is always what the stream still owes.

More than 300 lines: the queue, and what befalls it, are one state that must be seen whole.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    FrameOrderError,
    IsthmusError,
    LimitExceededError,
    MessageError,
    OverloadedError,
)
from isthmus.edge.client import CloudClient, new_stream
from isthmus.edge.interruption import Interruption
from isthmus.edge.report import Doubt, Report, Row
from isthmus.edge.result import FrameResult

# After a connection that was lost: tries to open another, and the longest wait before each, which doubles.
RECONNECT_TRIES = 16
FIRST_WAIT_S = 0.2
MAX_WAIT_S = 5.0

LOST_STREAM = (
    CloudUnreachableError,
    DeadlineError,
    OverloadedError,
    CloudFailureError,
    FrameOrderError,
    MessageError,
)
"""What another connection may mend."""


class Sendable(Protocol):
    """What is to be told of one packet."""

    def answered(self, result: FrameResult[Any]) -> Iterable[Row]:
        """Its rows, where the cloud has answered, be it with an error of this frame."""

    def missing(self, why: str, error: IsthmusError) -> Iterable[Row]:
        """Its rows, where no answer comes: it was "lost" with a stream, or "refused" before it was sent."""


@dataclass(slots=True, eq=False)
class _Sent:
    """A packet under way; `was_sent` on any connection."""

    packet: Packet
    told: Sendable
    weight: int
    was_sent: bool = False


def _ignore(_: Any) -> None:
    pass


class Sender:
    """One stream at a time.

    Args:
        client: whose stream is open, and has a name.
        report: takes the rows.
        recode: of what was sent, its packet for a cloud that holds nothing of the stream: asked of all that is under
            way, in order. None where packets refer to no other.
        at_most_once: whether a packet that may have been run is lost rather than sent again.
        on_row: called with each row as it is reported.
        on_missing: called with what was sent and has no answer, before it is told: the cloud does not hold it.
        on_lost: called where the cloud holds nothing of the stream any more, before anything is sent again.
        interruption: what holds Ctrl-C back; one for the whole run.
        sleep: waits; another for tests.

    Attributes:
        failed_count: rows that were failures.
        reconnect_count: connections that were opened anew.
        again_count: packets that were sent again.
        doubt: how many answers were doubtful.
    """

    def __init__(  # noqa: PLR0913  what is called when, each by its name
        self,
        client: CloudClient[Any],
        report: Report,
        *,
        recode: Callable[[Any], Packet] | None = None,
        at_most_once: bool = False,
        on_row: Callable[[Row], None] = _ignore,
        on_missing: Callable[[Any], None] = _ignore,
        on_lost: Callable[[], None] = lambda: None,
        interruption: Interruption | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._client = client
        self._stream = client.named
        self.failed_count = 0
        self.reconnect_count = 0
        self.again_count = 0
        self.doubt = Doubt()
        self._report = report
        self._recode, self._at_most_once = recode, at_most_once
        self._on_row, self._on_missing, self._on_lost = on_row, on_missing, on_lost
        self._interruption = interruption or Interruption()
        self._sleep = sleep or self._interruption.sleep
        self._waiting: deque[_Sent | Row] = deque()
        self._packets: deque[_Sent] = deque()  # of these, those without an answer
        self._sent_count = 0  # of them, those that this connection was given

    @property
    def client(self) -> CloudClient[Any]:
        """Of the stream; another may take its place while nothing is under way."""
        return self._client

    @client.setter
    def client(self, client: CloudClient[Any]) -> None:
        if client is not self._client:
            self._client, self._stream = client, client.named

    @property
    def unanswered_count(self) -> int:
        """Packets under way."""
        return len(self._packets)

    @property
    def weight(self) -> int:
        """Of the packets under way, together, in whatever unit they were given."""
        return sum(entry.weight for entry in self._packets)

    def send(self, packet: Packet, told: Sendable, weight: int = 0) -> bool:
        """Send one packet; whether it is under way now. One that the cloud would refuse is told as refused.

        Raises:
            IsthmusError: what ended the stream, where no other could be opened.
        """
        with self._interruption.held():
            entry = _Sent(packet, told, weight)
            self._waiting.append(entry)
            self._packets.append(entry)
            try:
                self._send_all()
            except KeyboardInterrupt:  # while there was no room for it
                if not entry.was_sent and self._packets and self._packets[-1] is entry:
                    self._packets.pop()
                    self._waiting.pop()
                raise
            return entry.was_sent

    def lines(self) -> tuple[str, ...]:
        """For people: what the connections that broke came to; none where none did."""
        if not self.reconnect_count:
            return ()
        return (f"{self.reconnect_count} connections opened anew, {self.again_count} packets sent again",)

    def place(self, row: Row) -> None:
        """Report what needs no answer, in its place."""
        with self._interruption.held():
            self._waiting.append(row)
            self._flush()

    def take(self) -> None:
        """Wait for one result. IsthmusError as of `send`."""
        with self._interruption.held():
            self._send_all()
            if not self._packets:
                return
            try:
                result = self._client.receive()
            except LOST_STREAM as error:
                self._reopen(error)
            else:
                self._answer(result)

    def take_ready(self) -> None:
        """Take the results that are here already."""
        with self._interruption.held():
            self._take_ready()

    def drain(self) -> None:
        """Take all results that are still due. IsthmusError as of `send`."""
        while self.unanswered_count:
            self.take()

    def give_up(self, error: IsthmusError) -> None:
        """Report all that is under way as lost."""
        with self._interruption.held():
            self._flush()
            while self._packets:
                self._settle("lost", error)

    def _send_all(self) -> None:
        """Send what this connection was not given yet, over as many connections as that takes."""
        while self._sent_count < len(self._packets):
            entry = self._packets[self._sent_count]
            try:
                self._client.send(entry.packet)
            except LimitExceededError as error:  # nothing was sent
                self._refuse(entry, error)
            except LOST_STREAM as error:
                self._reopen(error)
            else:
                self._sent_count += 1
                self.again_count += entry.was_sent
                entry.was_sent = True
                if self._sent_count < len(self._packets):
                    self._take_ready()

    def _refuse(self, entry: _Sent, error: LimitExceededError) -> None:
        """The cloud takes no such packet: it has no number, and those after it move up."""
        at = self._sent_count
        del self._packets[at]
        place = self._waiting.index(entry)
        del self._waiting[place]
        for number, row in enumerate(entry.told.missing("refused", error)):
            self._waiting.insert(place + number, row)
        self._on_missing(entry.told)
        self._flush()

    def _take_ready(self) -> None:
        for result in self._client.take_ready():
            self._answer(result)

    def _answer(self, result: FrameResult[Any]) -> None:
        if result.frame_index != self._stream.first_unanswered_index:
            raise FrameOrderError(
                f"expected the result of frame {self._stream.first_unanswered_index}, got that of {result.frame_index}"
            )
        sent = self._first_sent()
        if isinstance(result.outcome, IsthmusError):
            self._on_missing(sent.told)
        self._emit(sent.told.answered(result))
        self._flush()
        self._client.taken(self._stream.first_unanswered_index)

    def _settle(self, why: str, error: IsthmusError) -> None:
        """The oldest packet under way has no answer."""
        sent = self._first_sent()
        self._on_missing(sent.told)
        self._emit(sent.told.missing(why, error))
        self._flush()

    def _first_sent(self) -> _Sent:
        """The oldest packet under way, no longer under way."""
        sent = self._packets.popleft()
        first = self._waiting.popleft()
        assert first is sent  # `_flush` has left nothing else in front
        self._sent_count = max(0, self._sent_count - 1)
        self._stream = replace(self._stream, first_unanswered_index=self._stream.first_unanswered_index + 1)
        return sent

    def _emit(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.failed_count += row.is_failure
            self.doubt.add(row)
            self._report.add(row)
            self._on_row(row)

    def _flush(self) -> None:
        """Report what waits for nothing before it."""
        while self._waiting and isinstance(row := self._waiting[0], Row):
            self._waiting.popleft()
            self._emit((row,))

    def _reopen(self, error: IsthmusError) -> None:
        """Go on over another connection.

        Raises:
            IsthmusError: none could be opened.
        """
        self._take_due()
        longest_s = FIRST_WAIT_S
        for _ in range(RECONNECT_TRIES):
            self._interruption.check()
            self._client.turn()
            self._sleep(max(random.uniform(0.0, longest_s), min(_asked_wait_s(error), MAX_WAIT_S)))
            longest_s = min(2 * longest_s, MAX_WAIT_S)
            try:
                self._open()
            except LOST_STREAM as again:
                error = again
            else:
                self.reconnect_count += 1
                return
        raise error

    def _take_due(self) -> None:
        """What had come before the connection broke; and of a cloud that said goodbye, what it still answers."""
        while self._sent_count:
            try:
                result = self._client.receive()
            except LOST_STREAM:
                return
            self._answer(result)

    def _open(self) -> None:
        """Open another connection of the stream, and see what the cloud holds of it."""
        self._stream = replace(self._stream, epoch=self._stream.epoch + 1)
        sent_before = [entry.packet.signal_count for entry in self._packets if entry.was_sent]
        held = self._client.open(self._stream, sent_before).held
        if held is not None and held.is_resumed:
            self._sent_count = held.next_frame_index - self._stream.first_unanswered_index
            return
        self._stream = replace(self._stream, began_epoch=self._stream.epoch)
        self._sent_count = 0
        if self._at_most_once and any(entry.was_sent for entry in self._packets):
            self._lose_run()
        self._on_lost()
        if self._recode is not None:
            for entry in self._packets:
                entry.packet = self._recode(entry.told)

    def _lose_run(self) -> None:
        """What was sent may have been run, and no cloud knows: it is lost, and the rest goes on in a stream anew."""
        error = CloudUnreachableError("expected an answer; its cloud is gone, and may have run the frame")
        while self._packets and self._packets[0].was_sent:
            self._settle("lost", error)
        self._client.open(new_stream())
        self._stream = self._client.named


def _asked_wait_s(error: IsthmusError) -> float:
    """How long an overloaded cloud asks to be left alone."""
    return error.retry_delay_s if isinstance(error, OverloadedError) else 0.0
