"""Packets out, rows in: everything that was sent is told in its place, whatever befalls the stream.

Theory of operation. What is not told yet stands in a queue, in the order in which it came: packets that wait for their
answers, and rows that need none (a file that could not be read, a frame that was dropped). A row leaves the queue when
nothing before it is open, and a packet when its answer, or why it has none, is told. How packets get their answers,
over one connection or many, is a matter of `isthmus.edge.delivery`.

Each step is done whole: a Ctrl-C is raised after it, or while it waits (`isthmus.edge.interruption`), so what stands in
the queue is always what is still owed.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import DeadlineError, IsthmusError
from isthmus.edge.client import CloudClient
from isthmus.edge.delivery import Delivery
from isthmus.edge.interruption import Interruption
from isthmus.edge.report import Doubt, Report, Row
from isthmus.edge.result import FrameResult
from isthmus.edge.terms import DeliveryCounts, Patience, Settling

T = TypeVar("T")


class Sendable(Protocol):
    """What is to be told of one packet."""

    def answered(self, result: FrameResult[Any]) -> Iterable[Row]:
        """Its rows, where the cloud has answered, be it with an error of this frame."""

    def missing(self, why: str, error: IsthmusError) -> Iterable[Row]:
        """Its rows, where no answer comes: it was "lost" with a stream, or "refused" before it was sent."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is told of a frame beside its answer, in plain values that JSON keeps.

    Attributes:
        name: for people.
        place: fields of JSON in front of the answer's: where it is among the inputs.
        head, tail: cells of the table in front of the answer's, and behind them but for the time, the last one.
        fields: of JSON, behind the answer's.
        encode_ms: that it took.
        expected: attributes of an answer that is of this frame.
    """

    name: str
    place: Mapping[str, object]
    head: Sequence[str]
    tail: Sequence[str]
    fields: Mapping[str, object]
    encode_ms: float
    expected: Mapping[str, object] = field(default_factory=dict)


class Keepable(Sendable, Protocol):
    """What is to be told of one packet, by whoever finds it in a spool."""

    def record(self) -> Record:
        """What is told of it beside its answer."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a run waits.

    Attributes:
        frame_s: for each frame's answer, from when it is sent on.
        run_s: for all of it, from when the sender is made.
    """

    frame_s: float = math.inf
    run_s: float = math.inf


@dataclass(slots=True, eq=False)
class _Owed:
    """A packet that is not told yet; `rows` once it is settled, and something before it is not."""

    told: Sendable
    rows: tuple[Row, ...] | None = None


def _ignore(_: Any) -> None:
    pass


class Sender:
    """One stream at a time, which opens with the first packet.

    Args:
        client: of the cloud.
        report: takes the rows.
        recode: of what was sent, its packet for a cloud that holds nothing of the stream: asked of all that is under
            way, in order. None where packets refer to no other.
        at_most_once: whether a packet that may have been run is lost rather than sent again.
        deadlines: how long it waits.
        on_row: called with each row as it is reported.
        on_missing: called with what was sent and has no answer, before it is told: the cloud does not hold it.
        on_lost: called where the cloud holds nothing of the stream any more, before anything is sent again.
        patience: how long things may take; None for what the rest says.
        is_chained: as of `Delivery`.
        interruption: what holds Ctrl-C back; one for the whole run.
        sleep: waits; another for tests.

    Attributes:
        answered_count, failed_count: rows that were none, and that were failures.
        doubt: how many answers were doubtful.
    """

    def __init__(  # noqa: PLR0913  what is called when, each by its name
        self,
        client: CloudClient[Any],
        report: Report,
        *,
        recode: Callable[[Any], Packet] | None = None,
        at_most_once: bool = False,
        deadlines: Deadlines = Deadlines(),
        on_row: Callable[[Row], None] = _ignore,
        on_missing: Callable[[Any], None] = _ignore,
        on_lost: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
        is_chained: bool = False,
        interruption: Interruption | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.answered_count = 0
        self.failed_count = 0
        self.doubt = Doubt()
        self._report = report
        self._on_row, self._on_missing = on_row, on_missing
        self._interruption = interruption or Interruption()
        self._delivery = Delivery(
            client,
            Settling(
                self._answered,
                self._missing,
                on_lost,
                None if recode is None else lambda owed: recode(owed.told),
            ),
            patience
            or Patience(
                self._interruption.check,
                sleep or self._interruption.sleep,
                deadlines.frame_s,
                time.monotonic() + deadlines.run_s,
            ),
            at_most_once=at_most_once,
            is_chained=is_chained,
        )
        self._waiting: deque[_Owed | Row] = deque()

    @property
    def client(self) -> CloudClient[Any]:
        """Of the stream; another may take its place while nothing is under way."""
        return self._delivery.client

    @client.setter
    def client(self, client: CloudClient[Any]) -> None:
        self._delivery.client = client

    @property
    def counts(self) -> DeliveryCounts:
        """What it came to so far."""
        return self._delivery.counts

    @property
    def unanswered_count(self) -> int:
        """Packets under way."""
        return self._delivery.unanswered_count

    @property
    def weight(self) -> int:
        """Of the packets under way, together, in whatever unit they were given."""
        return self._delivery.weight

    def fresh(self, items: Iterable[T]) -> Iterator[T]:
        """All of them: none was taken before."""
        return iter(items)

    def send(self, packet: Packet, told: Sendable, weight: int = 0) -> bool:
        """Send one packet; whether it is under way now. One that the cloud would refuse is told as refused.

        Raises:
            RunOverError: there is no time left.
            IsthmusError: what ended the stream, where no other could be opened.
        """
        with self._interruption.held():
            owed = _Owed(told)
            self._waiting.append(owed)
            try:
                return self._delivery.send(packet, owed, weight)
            except BaseException:
                if owed.rows is None and not self._delivery.owes(owed):  # it was not taken
                    self._waiting.remove(owed)
                raise

    def place(self, row: Row) -> None:
        """Report what needs no answer, in its place."""
        with self._interruption.held():
            self._waiting.append(row)
            self._flush()

    def take(self) -> None:
        """Wait for one result. Raises as `send`."""
        with self._interruption.held():
            self._delivery.take()

    def take_ready(self) -> None:
        """Take the results that are here already. RunOverError: there is no time left."""
        with self._interruption.held():
            self._delivery.take_ready()

    def drain(self) -> None:
        """Take all results that are still due. Raises as `send`."""
        while self.unanswered_count:
            self.take()

    def give_up(self, error: IsthmusError) -> None:
        """Report all that is under way as lost; where no cloud was ever reached, nothing has been on its way."""
        with self._interruption.held():
            if self._delivery.is_begun:
                self._delivery.give_up(error)

    def cut_off(self, deadlines: Deadlines) -> None:
        """The run's time is over: report what is under way as lost. What was not taken by now counts as one failure."""
        self._delivery.give_up(DeadlineError(f"expected an answer within the run's {deadlines.run_s:g} s, got none"))
        self.failed_count = max(self.failed_count, 1)

    def lines(self) -> tuple[str, ...]:
        """For people, once it is closed: nothing."""
        return ()

    def complete(self) -> None:
        """All inputs were taken, and all answers told."""

    def close(self) -> None:
        """Nothing to let go."""

    def _answered(self, owed: _Owed, result: FrameResult[Any]) -> None:
        if isinstance(result.outcome, IsthmusError):
            self._on_missing(owed.told)
        self._settle(owed, owed.told.answered(result))

    def _missing(self, owed: _Owed, why: str, error: IsthmusError) -> None:
        self._on_missing(owed.told)
        self._settle(owed, owed.told.missing(why, error))

    def _settle(self, owed: _Owed, rows: Iterable[Row]) -> None:
        owed.rows = tuple(rows)
        self._flush()

    def _flush(self) -> None:
        """Report what waits for nothing before it."""
        while self._waiting:
            first = self._waiting[0]
            rows = (first,) if isinstance(first, Row) else first.rows
            if rows is None:
                return
            self._waiting.popleft()
            for row in rows:
                self.failed_count += row.is_failure
                self.answered_count += not row.is_failure
                self.doubt.add(row)
                self._report.add(row)
                self._on_row(row)
