"""Whose turn it is, decided without looking at a clock: the clock is the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from isthmus.cloud.half import Steps
from isthmus.cloud.memory import Memory
from isthmus.cloud.schedule import LANES, Scheduler

MIB = 1 << 20
WAIT_S = 20.0


class Clock:
    """Seconds of a core; each step of a job says how many it takes."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Bed:
    """A scheduler whose first lane is held until `go`, so that what comes meanwhile has to queue."""

    def __init__(self, limit_bytes: int = 1 << 30) -> None:
        self.clock = Clock()
        self.memory = Memory(limit_bytes)
        self.scheduler = Scheduler(self.memory, self.clock)
        self.order: list[str] = []
        self._may_go = threading.Event()

    def steps(self, name: str, count: int, seconds: float = 1.0, work: int = 100) -> Steps[str]:
        """Work that notes each of its steps."""
        for _ in range(count):
            yield work
            self.order.append(name)
            self.clock.now_s += seconds
        return name

    def gate(self) -> Steps[str]:
        yield 1
        assert self._may_go.wait(WAIT_S)
        return "gate"

    async def after_all_queued(self, *work: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
        """Results, or errors, of all of it, queued in this order before any of it begins."""
        tasks = [asyncio.create_task(self.scheduler.run(self.gate(), "gate"))]
        for one in work:
            await asyncio.sleep(0)
            tasks.append(asyncio.create_task(one()))
        await asyncio.sleep(0.01)
        self._may_go.set()
        return (await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), WAIT_S))[1:]


@pytest.fixture
def bed() -> Iterator[Bed]:
    made = Bed()
    yield made
    made.scheduler.close()


def test_a_flood_waits_for_itself(bed: Bed) -> None:
    """One peer has ten pieces of work before another comes with one: that one is next but one."""
    run, steps = bed.scheduler.run, bed.steps

    async def main() -> None:
        flood = [lambda n=n: run(steps(f"flood {n}", 1), "flood") for n in range(10)]
        found = await bed.after_all_queued(*flood, lambda: run(steps("victim", 1), "victim"))
        assert found[-1] == "victim"

    asyncio.run(main())
    assert bed.order.index("victim") == 1
    assert bed.order[2:] == [f"flood {n}" for n in range(1, 10)]


def test_long_work_gives_way_after_each_step(bed: Bed) -> None:
    async def main() -> None:
        await bed.after_all_queued(
            lambda: bed.scheduler.run(bed.steps("image", 8), "a"),
            lambda: bed.scheduler.run(bed.steps("frame", 1), "b"),
            lambda: bed.scheduler.run(bed.steps("frame", 1), "b"),
        )

    asyncio.run(main())
    assert bed.order[:2] == ["image", "frame"]
    assert bed.order[:4].count("frame") == 2


def test_peers_are_served_by_time_and_not_by_count(bed: Bed) -> None:
    async def main() -> None:
        await bed.after_all_queued(
            lambda: bed.scheduler.run(bed.steps("dear", 4, seconds=3.0), "a"),
            lambda: bed.scheduler.run(bed.steps("cheap", 9, seconds=1.0), "b"),
        )

    asyncio.run(main())
    assert bed.order[:8].count("cheap") == 6


def test_streams_of_a_peer_take_turns(bed: Bed) -> None:
    async def main() -> None:
        await bed.after_all_queued(
            lambda: bed.scheduler.run(bed.steps("one", 3), "a"), lambda: bed.scheduler.run(bed.steps("two", 3), "a")
        )

    asyncio.run(main())
    assert bed.order == ["one", "two"] * 3


def test_who_comes_back_has_saved_up_nothing(bed: Bed) -> None:
    async def main() -> None:
        await bed.scheduler.run(bed.steps("early", 1), "idle")
        await bed.scheduler.run(bed.steps("busy", 50), "busy")
        bed.order.clear()
        await bed.after_all_queued(
            lambda: bed.scheduler.run(bed.steps("busy", 5), "busy"),
            lambda: bed.scheduler.run(bed.steps("idle", 5), "idle"),
        )

    asyncio.run(main())
    assert bed.order[:6].count("idle") == 3


def test_work_that_nobody_waits_for_is_left(bed: Bed) -> None:
    begun, may_end = threading.Event(), threading.Event()
    closed = []

    def endless() -> Steps[None]:
        try:
            while True:
                yield 1
                begun.set()
                assert may_end.wait(WAIT_S)
        finally:
            closed.append(True)

    async def main() -> None:
        task = asyncio.create_task(bed.scheduler.run(endless(), "a", 32 * MIB))
        await asyncio.to_thread(begun.wait, WAIT_S)
        assert bed.memory.reserved_bytes == 32 * MIB
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        may_end.set()
        assert await bed.scheduler.run(bed.steps("next", 1), "a") == "next"

    asyncio.run(main())
    assert closed == [True]
    assert bed.memory.reserved_bytes == 0


def test_small_steps_do_not_wait_for_large_ones(bed: Bed) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def large() -> Steps[str]:
        yield int(LANES[1][0]) + 1
        begun.set()
        assert may_end.wait(WAIT_S)
        return "large"

    async def main() -> None:
        task = asyncio.create_task(bed.scheduler.run(large(), "a"))
        await asyncio.to_thread(begun.wait, WAIT_S)
        assert bed.scheduler.longest_s() > 0
        for work in (1, int(LANES[0][0]), int(LANES[1][0])):
            assert await asyncio.wait_for(bed.scheduler.run(bed.steps("small", 1, work=work), "a"), WAIT_S) == "small"
        may_end.set()
        assert await task == "large"

    asyncio.run(main())
    assert bed.scheduler.longest_s() == 0


def test_memory_is_waited_for_and_never_passed() -> None:
    bed = Bed(limit_bytes=100 * MIB)
    most = 0

    def hungry() -> Steps[None]:
        nonlocal most
        for _ in range(3):
            yield 1
            most = max(most, bed.memory.reserved_bytes)

    async def main() -> None:
        await bed.after_all_queued(*(lambda: bed.scheduler.run(hungry(), "a", 40 * MIB) for _ in range(6)))

    asyncio.run(main())
    bed.scheduler.close()
    assert most == 80 * MIB
    assert bed.memory.reserved_bytes == 0


def test_large_work_is_not_starved_of_memory_by_what_comes_later() -> None:
    bed = Bed(limit_bytes=100 * MIB)

    async def main() -> None:
        await bed.after_all_queued(
            lambda: bed.scheduler.run(bed.steps("first", 2), "a", 60 * MIB),
            lambda: bed.scheduler.run(bed.steps("large", 1), "b", 90 * MIB),
            *(lambda: bed.scheduler.run(bed.steps("later", 2), "c", 30 * MIB) for _ in range(4)),
            lambda: bed.scheduler.run(bed.steps("small", 1), "d", MIB),
        )

    asyncio.run(main())
    bed.scheduler.close()
    assert bed.order.index("large") < bed.order.index("later")
    assert bed.order.index("small") < bed.order.index("large")


def test_errors_and_empty_work_come_back(bed: Bed) -> None:
    def fails() -> Steps[None]:
        yield 1
        raise ValueError("inside")

    async def main() -> None:
        with pytest.raises(ValueError, match="inside"):
            await bed.scheduler.run(fails(), "a")
        assert await bed.scheduler.run(bed.steps("nothing", 0), "a") == "nothing"

    asyncio.run(main())


def test_brief_work_stays_here_unless_others_were_served_less(bed: Bed) -> None:
    scheduler = bed.scheduler

    async def main() -> None:
        assert scheduler.may_run_here("a")
        assert scheduler.run_here(bed.steps("a", 2, seconds=5.0), "a") == "a"
        assert scheduler.may_run_here("a")  # alone
        scheduler.run_here(bed.steps("b", 1, seconds=0.001), "b")
        assert not scheduler.may_run_here("a")  # it has had its share while b wants something too
        assert scheduler.may_run_here("b")

    asyncio.run(main())


def test_a_thousand_peers_that_are_gone_are_forgotten(bed: Bed) -> None:
    async def main() -> None:
        for n in range(1500):
            scheduler_peer = f"peer {n}"
            bed.scheduler.run_here(bed.steps("x", 1, seconds=0.0), scheduler_peer)

    asyncio.run(main())
    assert len(bed.scheduler._peers) <= 1026
