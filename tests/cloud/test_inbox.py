"""What is ordered is counted by stream, peer and in all; beyond a budget nothing more is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from isthmus.cloud.inbox import MAX_BATCH_WORK, Inbox
from isthmus.cloud.ledger import Amount, Budgets, Ledger
from isthmus.cloud.memory import Memory
from isthmus.common.cost import REFUSAL, Cost, FrameBudget
from isthmus.common.errors import InputError, LimitExceededError

MEMORY = Memory(1 << 30)
BUDGETS = Budgets(stream=Amount(1000, 100), peer=Amount(1500, 150), total=Amount(2000, 200))


def costs(packet: bytes) -> Cost:
    """A packet says in its first byte how many hundreds of work it is."""
    return Cost(100 * packet[0], packet[0])


def inbox(ledger: Ledger, peer: str = "a") -> Inbox:
    return Inbox(peer, ledger, costs, FrameBudget(10_000))


Waits = Callable[[Inbox], bool]


@pytest.fixture
def waits() -> Iterator[Waits]:
    """Whether the next message of a stream is not read yet."""

    async def main(box: Inbox) -> bool:
        try:
            await asyncio.wait_for(box.room(), 0.01)
        except TimeoutError:
            return True
        return False

    with asyncio.Runner() as runner:
        yield lambda box: runner.run(main(box))


def test_a_stream_is_read_until_it_has_ordered_its_budget(waits: Waits) -> None:
    ledger = Ledger(BUDGETS, MEMORY)
    box = inbox(ledger)
    box.add([b"\x05", b"\x04"])
    assert not waits(box)
    box.add([b"\x01"])
    assert waits(box)
    box.take(1)
    assert waits(box)  # what is being done is not done yet
    box.answered()
    assert not waits(box)


def test_bytes_count_as_well(waits: Waits) -> None:
    box = inbox(Ledger(BUDGETS, MEMORY))
    box.add([b"\x00" + bytes(99)])
    assert waits(box)


def test_streams_of_a_peer_share_its_budget_and_others_have_their_own(waits: Waits) -> None:
    ledger = Ledger(BUDGETS, MEMORY)
    one, two, other = inbox(ledger), inbox(ledger), inbox(ledger, "b")
    one.add([b"\x08"])
    two.add([b"\x07"])
    assert waits(two)
    assert not waits(other)
    one.close()
    assert not waits(two)


def test_whoever_fills_the_cloud_waits_and_nobody_else(waits: Waits) -> None:
    ledger = Ledger(BUDGETS, MEMORY)
    hog, modest = inbox(ledger, "a"), inbox(ledger, "b")
    hog.add([b"\x0e"])
    modest.add([b"\x07"])
    assert ledger.total.work > BUDGETS.total.work
    assert waits(hog)
    assert not waits(modest)


def test_nothing_is_left_when_streams_end() -> None:
    ledger = Ledger(BUDGETS, MEMORY)
    box = inbox(ledger)
    box.add([b"\x05", b"\x09"])
    box.take(1)
    box.close()
    assert (ledger.total, ledger.ordered_by("a")) == (Amount(), Amount())


def test_a_batch_is_a_step_of_work_at_most() -> None:
    box = Inbox("a", Ledger(Budgets(), MEMORY), lambda _: Cost(MAX_BATCH_WORK // 3, 7), FrameBudget())
    box.add([b"x"] * 10)
    packets, cost = box.take(128)
    assert (len(packets), cost) == (3, Cost(3 * (MAX_BATCH_WORK // 3), 21))
    assert len(box.take(2)[0]) == 2
    large = Inbox("a", Ledger(Budgets(), MEMORY), lambda _: Cost(5 * MAX_BATCH_WORK, 7), FrameBudget())
    large.add([b"x"] * 2)
    assert len(large.take(128)[0]) == 1


def test_what_will_be_refused_orders_nothing() -> None:
    ledger = Ledger(BUDGETS, MEMORY)
    box = Inbox("a", ledger, lambda _: Cost(1 << 40, 1 << 50), FrameBudget())
    box.add([b"x"])
    assert ledger.total.work == REFUSAL.work
    assert box.take(1)[1] == REFUSAL


@pytest.mark.parametrize(("work", "size"), [(0, 1), (1, 0)])
def test_a_budget_of_nothing_is_a_mistake(work: int, size: int) -> None:
    with pytest.raises(InputError, match="budget of at least 1 for each peer"):
        Budgets(peer=Amount(work, size))


def test_a_frame_beyond_its_budget_says_how_much() -> None:
    with pytest.raises(LimitExceededError, match="at most 5 pixels' worth of work, its header orders 6"):
        FrameBudget(5).check(Cost(6, 0))
    with pytest.raises(LimitExceededError, match="at most 9 bytes of memory, its header orders 10"):
        FrameBudget(5, 9).check(Cost(5, 10))
    FrameBudget(5, 9).check(Cost(5, 9))
    with pytest.raises(InputError, match="max_work of at least 1"):
        FrameBudget(0)
