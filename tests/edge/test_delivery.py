"""Packets are settled once and in order: when a stream opens, what a deadline ends, what goes to another cloud."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.errors import CloudUnreachableError, DeadlineError, FrameOrderError
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.protocol import HeldStream, NamedStream, StreamOpened, Timing
from isthmus.edge.client import CloudClient
from isthmus.edge.delivery import Delivery
from isthmus.edge.result import FrameResult
from isthmus.edge.terms import FIRST_TRIES, Patience, RunOverError, Settling

NEW = NamedStream(bytes(16), 0)
GONE = CloudUnreachableError("gone")


def packet(number: int, kind: PacketType = PacketType.INTRA) -> Packet:
    """One that says its number."""
    return Packet(kind, (bytes([number]),))


@dataclass
class Cloud:
    """Answers what it is let; may be gone, forget, or be slow.

    Attributes:
        refuses: openings that fail, from now on.
        forgets: whether the next opening finds nothing held.
        is_gone: whether the connection is broken.
        slow: results that are not given until somebody has waited in vain.
        log: what was opened and sent, in order.
    """

    refuses: int = 0
    forgets: bool = True
    is_gone: bool = False
    slow: int = 0
    log: list[str] = field(default_factory=list)
    named: NamedStream = NEW
    base_index: int = 0
    next_index: int = 0
    due: deque[int] = field(default_factory=deque)
    while_waiting: Any = None

    def open(self, named: NamedStream, sent_before: Sequence[int] = ()) -> StreamOpened:
        del sent_before
        if self.refuses:
            self.refuses -= 1
            raise GONE
        is_resumed = not self.forgets and named.first_unanswered_index >= self.base_index
        self.is_gone, self.forgets = False, False
        self.named = named
        if not is_resumed:
            self.base_index = self.next_index = named.first_unanswered_index
        self.due = deque(range(named.first_unanswered_index, self.next_index))
        self.log.append(f"open {named.epoch} at {named.first_unanswered_index}")
        held = HeldStream(b"", is_resumed, self.next_index, 9, 9)
        return StreamOpened("", StreamLimits(Limits()), 1, held)

    def send(self, sent: Packet) -> None:
        if self.is_gone:
            raise GONE
        self.log.append(f"{sent.sections[0][0]} as {self.next_index}")
        self.due.append(self.next_index)
        self.next_index += 1

    def receive(self) -> FrameResult[Any]:
        if self.is_gone:
            raise GONE
        while self.slow:
            self.slow -= 1
            self.while_waiting()
        return FrameResult(self.due.popleft(), "answer", 0.01, Timing(0, 0))

    def take_ready(self) -> list[FrameResult[Any]]:
        return []

    def taken(self, count: int) -> None: ...

    def turn(self) -> None: ...


@dataclass
class Settled:
    answered: list[Any] = field(default_factory=list)
    missing: list[tuple[Any, str, str]] = field(default_factory=list)

    def settling(self, **more: Any) -> Settling:
        return Settling(
            lambda told, _: self.answered.append(told),
            lambda told, why, error: self.missing.append((told, why, type(error).__name__)),
            **more,
        )


def made(cloud: Cloud, settled: Settled, patience: Patience | None = None, **more: Any) -> Delivery:
    waits = patience or Patience(sleep=lambda _: None)
    return Delivery(cast(CloudClient[Any], cloud), settled.settling(), waits, **more)


def test_the_stream_opens_with_the_first_packet() -> None:
    cloud, settled = Cloud(), Settled()
    delivery = made(cloud, settled)
    delivery.take_ready()
    delivery.take()
    assert not cloud.log
    assert not delivery.is_begun
    assert delivery.send(packet(7), "seven")
    delivery.take()
    assert cloud.log == ["open 1 at 0", "7 as 0"]
    assert settled.answered == ["seven"]


def test_a_cloud_that_is_not_there_is_said_soon() -> None:
    waits: list[float] = []
    cloud, settled = Cloud(refuses=FIRST_TRIES), Settled()
    delivery = made(cloud, settled, Patience(sleep=waits.append))
    with pytest.raises(CloudUnreachableError):
        delivery.send(packet(0), 0)
    assert len(waits) == FIRST_TRIES - 1
    assert sum(waits) < 2
    assert delivery.owes(0)
    cloud, settled = Cloud(refuses=FIRST_TRIES - 1), Settled()
    assert made(cloud, settled).send(packet(0), 0)
    assert cloud.log[0] == f"open {FIRST_TRIES} at 0"


def test_what_comes_too_late_is_lost_and_its_answer_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    cloud, settled = Cloud(slow=1), Settled()
    delivery = made(cloud, settled, Patience(sleep=lambda _: None, frame_timeout_s=4.0))
    delivery.send(packet(0), 0)
    now_s[0] = 4.0
    delivery.take()  # it waits, and the packet's time is over
    assert settled.missing == [(0, "lost", "DeadlineError")]
    delivery.send(packet(1), 1)
    while delivery.unanswered_count:
        delivery.take()
    assert settled.answered == [1]
    assert delivery.counts.lost == {"DeadlineError": 1}
    assert cloud.log == ["open 1 at 0", "0 as 0", "1 as 1"]


def test_a_run_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    cloud, settled = Cloud(slow=1), Settled()
    delivery = made(cloud, settled, Patience(sleep=lambda _: None, run_end_s=5.0))
    delivery.send(packet(0), 0)
    now_s[0] = 5.0
    for step in (delivery.take, delivery.take_ready, lambda: delivery.send(packet(1), 1)):
        with pytest.raises(RunOverError):
            step()
    assert not delivery.owes(1)
    delivery.give_up(DeadlineError("over"))
    assert settled.missing == [(0, "lost", "DeadlineError")]


@pytest.mark.parametrize("forgets", [False, True])
def test_packets_go_on_or_go_again(*, forgets: bool) -> None:
    cloud, settled = Cloud(), Settled()
    delivery = made(cloud, settled)
    for number in range(3):
        delivery.send(packet(number), number)
    delivery.take()
    cloud.is_gone, cloud.forgets = True, forgets
    while delivery.unanswered_count:
        delivery.take()
    assert settled.answered == [0, 1, 2]
    again = ["1 as 1", "2 as 2"] if forgets else []
    assert cloud.log == ["open 1 at 0", "0 as 0", "1 as 1", "2 as 2", "open 2 at 1", *again]
    counts = delivery.counts
    assert (counts.reconnects, counts.resumed, counts.again) == (1, int(not forgets), len(again))


def test_what_packets_refer_to_goes_before_them() -> None:
    """To a cloud that holds nothing, under the numbers that it had; what comes of it is passed over."""
    cloud, settled = Cloud(), Settled()
    delivery = made(cloud, settled, is_chained=True)
    for number in range(6):
        kind = PacketType.INTRA if number in {0, 2, 5} else PacketType.PREDICTED
        delivery.send(packet(number, kind), number)
    for _ in range(4):
        delivery.take()
    cloud.is_gone, cloud.forgets, cloud.log = True, True, []
    while delivery.unanswered_count:
        delivery.take()
    assert settled.answered == list(range(6))
    assert cloud.log == ["open 2 at 4", "open 3 at 2", "2 as 2", "3 as 3", "4 as 4", "5 as 5"]
    assert delivery.counts.again == 2


def test_a_result_of_another_packet_ends_it() -> None:
    cloud, settled = Cloud(), Settled()
    delivery = made(cloud, settled)
    delivery.send(packet(0), 0)
    cloud.due[0] = 1
    with pytest.raises(FrameOrderError, match="expected the result of frame 0, got that of 1"):
        delivery.take()


def test_who_gives_up_settles_all() -> None:
    cloud, settled = Cloud(), Settled()
    delivery = made(cloud, settled)
    delivery.send(packet(0), 0)
    delivery.give_up(GONE)
    assert settled.missing == [(0, "lost", "CloudUnreachableError")]
    assert delivery.counts.lost == {"CloudUnreachableError": 1}
