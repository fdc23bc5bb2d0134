"""Packets out, rows in: everything that was sent is answered in its place, whatever befalls the stream.

Theory of operation. What is under way stands in a queue, in the order in which it came: packets that wait for their
results, and rows that need none (a file that could not be read, a frame that was dropped). A row leaves the queue when
nothing before it is open. Where the sender may reconnect, a stream that is lost loses the packets under way, which are
told so; another stream is opened after a while, a bounded number of times. Where it may not, what ended the stream is
raised. Each step is done whole: a Ctrl-C is raised after it, or while it waits (`isthmus.edge.interruption`), so what
stands in the queue is always what the stream still owes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    IsthmusError,
    LimitExceededError,
    OverloadedError,
)
from isthmus.edge.client import CloudClient
from isthmus.edge.interruption import Interruption
from isthmus.edge.report import Doubt, Report, Row
from isthmus.edge.result import FrameResult

# After a stream that was lost: tries to open another, and the wait before each, which doubles.
RECONNECT_TRIES = 6
FIRST_WAIT_S = 0.2
MAX_WAIT_S = 5.0

LOST_STREAM = (CloudUnreachableError, DeadlineError, OverloadedError, CloudFailureError)


class Sendable(Protocol):
    """What is to be told of one packet."""

    def answered(self, result: FrameResult[Any]) -> Iterable[Row]:
        """Its rows, where the cloud has answered, be it with an error of this frame."""

    def missing(self, why: str, error: IsthmusError) -> Iterable[Row]:
        """Its rows, where no answer comes: it was "lost" with a stream, or "refused" before it was sent."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A packet under way."""

    told: Sendable
    weight: int


def _ignore(_: Any) -> None:
    pass


class Sender:
    """One stream at a time.

    Args:
        client: of the stream.
        report: takes the rows.
        reconnects: whether a stream that is lost is followed by another.
        on_row: called with each row as it is reported.
        on_missing: called with what was sent and has no answer, before it is told: the cloud does not hold it.
        on_lost: called when a stream was lost, before another is opened.
        interruption: what holds Ctrl-C back; one for the whole run.
        sleep: waits; another for tests.

    Attributes:
        client: of the stream; another may take its place while nothing is under way.
        failed_count: rows that were failures.
        reconnect_count: streams that were opened anew.
        doubt: how many answers were doubtful.
    """

    def __init__(
        self,
        client: CloudClient[Any],
        report: Report,
        *,
        reconnects: bool = False,
        on_row: Callable[[Row], None] = _ignore,
        on_missing: Callable[[Any], None] = _ignore,
        on_lost: Callable[[], None] = lambda: None,
        interruption: Interruption | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.client = client
        self.failed_count = 0
        self.reconnect_count = 0
        self.doubt = Doubt()
        self._report = report
        self._reconnects = reconnects
        self._on_row, self._on_missing, self._on_lost = on_row, on_missing, on_lost
        self._interruption = interruption or Interruption()
        self._sleep = sleep or self._interruption.sleep
        self._waiting: deque[_Sent | Row] = deque()

    @property
    def unanswered_count(self) -> int:
        """Packets under way."""
        return sum(isinstance(entry, _Sent) for entry in self._waiting)

    @property
    def weight(self) -> int:
        """Of the packets under way, together, in whatever unit they were given."""
        return sum(entry.weight for entry in self._waiting if isinstance(entry, _Sent))

    def send(self, packet: Packet, told: Sendable, weight: int = 0) -> bool:
        """Send one packet; whether it is under way now. One that the cloud would refuse is told as refused.

        Raises:
            IsthmusError: what ended the stream, where it may not reconnect or could not.
        """
        with self._interruption.held():
            self._waiting.append(_Sent(told, weight))
            try:
                self.client.send(packet)
            except LimitExceededError as error:  # nothing was sent
                self._waiting.pop()
                self._waiting.extend(told.missing("refused", error))
                self._flush()
                return False
            except LOST_STREAM as error:
                self._reconnect(error)
            except KeyboardInterrupt:  # while there was no room for it
                self._waiting.pop()
                raise
        return True

    def place(self, row: Row) -> None:
        """Report what needs no answer, in its place."""
        with self._interruption.held():
            self._waiting.append(row)
            self._flush()

    def take(self) -> None:
        """Wait for one result. IsthmusError as of `send`."""
        with self._interruption.held():
            try:
                result = self.client.receive()
            except LOST_STREAM as error:
                self._reconnect(error)
            else:
                self._answer(result)

    def take_ready(self) -> None:
        """Take the results that are here already."""
        with self._interruption.held():
            for result in self.client.take_ready():
                self._answer(result)

    def drain(self) -> None:
        """Take all results that are still due. IsthmusError as of `send`."""
        while self.unanswered_count:
            self.take()

    def give_up(self, error: IsthmusError) -> None:
        """Report all that is under way as lost."""
        with self._interruption.held():
            self._give_up(error)

    def _give_up(self, error: IsthmusError) -> None:
        self._flush()
        while self._waiting:
            self._settle("lost", error)

    def _answer(self, result: FrameResult[Any]) -> None:
        sent = self._first_sent()
        if isinstance(result.outcome, IsthmusError):
            self._on_missing(sent.told)
        self._emit(sent.told.answered(result))
        self._flush()

    def _settle(self, why: str, error: IsthmusError) -> None:
        """The oldest packet under way has no answer."""
        sent = self._first_sent()
        self._on_missing(sent.told)
        self._emit(sent.told.missing(why, error))
        self._flush()

    def _first_sent(self) -> _Sent:
        """The oldest packet under way, no longer under way."""
        sent = self._waiting.popleft()
        assert isinstance(sent, _Sent)  # `_flush` has left nothing else in front
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

    def _reconnect(self, error: IsthmusError) -> None:
        """Give up the packets under way and open another stream.

        Raises:
            IsthmusError: none could be opened, or none is to be.
        """
        if not self._reconnects:
            raise error
        self.take_ready()  # what came before the end
        self._give_up(error)
        self._on_lost()
        wait_s = FIRST_WAIT_S
        for attempt in range(RECONNECT_TRIES):
            self._interruption.check()  # nothing is under way now
            self.client.end_stream()
            self._sleep(min(max(wait_s, _asked_wait_s(error)), MAX_WAIT_S))
            wait_s *= 2
            try:
                self.client.open()
            except LOST_STREAM as again:
                error = again
                if attempt == RECONNECT_TRIES - 1:
                    raise
            else:
                self.reconnect_count += 1
                return


def _asked_wait_s(error: IsthmusError) -> float:
    """How long an overloaded cloud asks to be left alone."""
    return error.retry_delay_s if isinstance(error, OverloadedError) else 0.0
