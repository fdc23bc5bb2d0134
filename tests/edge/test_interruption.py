"""Ctrl-C: at any line of what must be done whole, a second one, and where nobody listens."""

from __future__ import annotations

import inspect
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from support.ctrl_c import CtrlC

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.errors import CloudUnreachableError, IsthmusError
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.protocol import HeldStream, NamedStream, StreamOpened, Timing
from isthmus.edge import sender as senders
from isthmus.edge.client import CloudClient
from isthmus.edge.delivery import Delivery
from isthmus.edge.interruption import Interruption
from isthmus.edge.report import Row, Summary
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Sender

FRAMES = 5
PACKET = Packet(PacketType.INTRA, (b"",))
BEGUN = NamedStream(bytes(16), 1, 1)
GONE = CloudUnreachableError("gone")


@dataclass
class Cloud:
    """Answers every packet once it is asked; `breaks_at` packets end the connection instead, and another cloud follows.

    Attributes:
        sent: packets that were taken, those that are sent again once.
    """

    breaks_at: tuple[int, ...] = ()
    sent: int = 0
    named: NamedStream = BEGUN
    next_index: int = 0
    is_broken: bool = False
    due: deque[FrameResult[Any]] = field(default_factory=deque)

    def send(self, packet: Packet) -> None:
        del packet
        if self.sent + 1 in self.breaks_at and self.named.epoch == 1:
            self.is_broken = True
        if self.is_broken:
            raise GONE
        self.sent += 1
        self.due.append(FrameResult(self.next_index, "answer", 0.01, Timing(0, 0)))
        self.next_index += 1

    def receive(self) -> FrameResult[Any]:
        if self.is_broken and not self.due:
            raise GONE
        return self.due.popleft()  # IndexError where nothing is in flight

    def take_ready(self) -> list[FrameResult[Any]]:
        ready = list(self.due)
        self.due.clear()
        return ready

    def taken(self, count: int) -> None: ...

    def turn(self) -> None:
        self.sent -= len(self.due)
        self.due.clear()

    def open(self, named: NamedStream, sent_before: Sequence[int] = ()) -> StreamOpened:
        del sent_before
        self.named, self.is_broken, self.next_index = named, False, named.first_unanswered_index
        held = HeldStream(
            b"", is_resumed=False, next_frame_index=self.next_index, max_result_count=9, max_result_bytes=9
        )
        return StreamOpened("", StreamLimits(Limits()), 1, held)


@dataclass
class Told:
    number: int

    def answered(self, result: FrameResult[Any]) -> Sequence[Row]:
        del result
        return [Row((str(self.number), "answered"), {})]

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        del error
        return [Row((str(self.number), why), {})]


@dataclass
class Kept:
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row.cells)

    def finish(self, summary: Summary) -> None: ...


def told(cloud: Cloud, begin: Callable[[], None] = lambda: None) -> tuple[list[tuple[str, ...]], int]:
    """The rows of a run that is ended as a camera is, and how many packets its cloud was given."""
    kept = Kept()
    with suppress(KeyboardInterrupt), Interruption() as interruption:  # as it is left, all is told
        sender = Sender(cast(CloudClient[Any], cloud), kept, interruption=interruption, sleep=lambda _: None)
        try:
            begin()
            for number in range(FRAMES):
                if number == 2:
                    sender.place(Row((str(number), "dropped"), {}))
                    continue
                sender.send(PACKET, Told(number))
                if number != 1:
                    sender.take_ready()
            sender.drain()
            interruption.hold()
        except KeyboardInterrupt:
            sender.drain()
        assert sender.unanswered_count == 0
    return kept.rows, cloud.sent


@pytest.mark.parametrize("breaks_at", [(), (2,)])
def test_ctrl_c_at_any_line_of_a_sender(ctrl_c: CtrlC, breaks_at: tuple[int, ...]) -> None:
    """All that was sent is told, once, in its place; nothing is waited for that does not come."""
    whole, _ = told(Cloud(breaks_at))
    assert len(whole) == FRAMES
    lengths = set()
    for at in range(1, 1000):
        with ctrl_c.coming(at, (inspect.getfile(senders), inspect.getfile(Delivery), inspect.getfile(Interruption))):
            rows, sent = told(Cloud(breaks_at), ctrl_c.begin)
        assert rows == whole[: len(rows)], ctrl_c.where
        assert sum(kind != "dropped" for _, kind in rows) == sent, ctrl_c.where
        lengths.add(len(rows))
        if not ctrl_c.where:
            break
    else:
        pytest.fail("no end")
    assert lengths >= set(range(1, FRAMES + 1))


def test_a_second_one_does_not_wait(ctrl_c: CtrlC) -> None:
    del ctrl_c
    steps: list[str] = []

    def twice() -> None:
        with interruption.held():
            signal.raise_signal(signal.SIGINT)
            steps.append("held")
            assert not interruption.is_final
            signal.raise_signal(signal.SIGINT)
            steps.append("not held")

    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        twice()
    assert steps == ["held"]
    assert interruption.is_final
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_wait_may_be_left(ctrl_c: CtrlC) -> None:
    del ctrl_c
    with Interruption() as interruption, interruption.held():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.sleep(60)
        interruption.check()


def test_another_handler_keeps_the_signal(ctrl_c: CtrlC) -> None:
    del ctrl_c
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    with Interruption():
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGINT]


def test_in_another_thread_nobody_listens(ctrl_c: CtrlC) -> None:
    del ctrl_c
    handlers = []

    def run() -> None:
        with Interruption() as interruption, interruption.held():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
