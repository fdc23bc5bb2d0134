"""The drills: each sends a course through one kind of fault until it was met as often as asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.common.errors import DeadlineError
from isthmus.measure.drill.course import Course
from isthmus.measure.drill.edge_run import EdgeRun, run_edge
from isthmus.measure.drill.edge_strikes import hold_edge_kills, hold_full_disk
from isthmus.measure.drill.faulty_proxy import FaultyProxy, faulty_proxy
from isthmus.measure.drill.ground import Ground
from isthmus.measure.drill.odd_clients import hold_half_closer, hold_slow_reader
from isthmus.measure.drill.options import DrillOptions
from isthmus.measure.drill.strikes import CloudStrikes, Progress, Strike, WayStrikes, striking
from isthmus.measure.drill.tally import Tally

MAX_RUNS = 60
"""Of an edge in one drill, whatever it has met by then."""


Expected = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drill:
    """One kind of fault.

    Attributes:
        name: of it.
        count: how many faults of it, as asked for.
        hold: sends a course through them: (ground, course, right answers, tally, what to call with each fault).
    """

    name: str
    count: Callable[[DrillOptions], int]
    hold: Callable[[Ground, Course, Expected, Tally, Callable[[int], None]], None]


def right_answers(ground: Ground, course: Course) -> tuple[Expected, EdgeRun]:
    """What a cloud says of each input where nothing breaks, by key, and the run that said it."""
    cloud = ground.nursery.take()
    try:
        run = run_edge((*course.words, "--cloud", cloud.address))
    finally:
        cloud.kill()
    return {course.key(row): course.answer(row) for row in run.rows}, run


def _hold_clouds(how: str) -> Callable[[Ground, Course, Expected, Tally, Callable[[int], None]], None]:
    def hold(ground: Ground, course: Course, expected: Expected, tally: Tally, advance: Callable[[int], None]) -> None:
        count = ground.options.kills if how == "kill" else ground.options.terminations
        with faulty_proxy("127.0.0.1:1") as proxy:
            strike = CloudStrikes(ground.nursery, proxy, how)
            try:
                _run_through(ground, course, expected, tally, advance, proxy, strike, count)
            finally:
                strike.close()

    return hold


def _hold_way(ground: Ground, course: Course, expected: Expected, tally: Tally, advance: Callable[[int], None]) -> None:
    cloud = ground.nursery.take()
    try:
        with faulty_proxy(cloud.address) as proxy:
            strike = WayStrikes(proxy, ground.options.seed)
            _run_through(ground, course, expected, tally, advance, proxy, strike, ground.options.cuts * 5 // 4)
    finally:
        cloud.kill()


def _run_through(
    ground: Ground,
    course: Course,
    expected: Expected,
    tally: Tally,
    advance: Callable[[int], None],
    proxy: FaultyProxy,
    strike: Strike,
    count: int,
) -> None:
    """Run edges until so many faults were met."""
    start_s = time.monotonic()
    while tally.faults.total() < count and tally.runs < MAX_RUNS:
        left = count - tally.faults.total()
        progress = Progress()
        try:
            with striking(proxy, strike, left, ground.options.seed + tally.runs, progress) as struck:
                run = run_edge((*course.words, "--cloud", proxy.address), progress)
        except DeadlineError as error:
            run = EdgeRun(said=str(error), code=-1)
        tally.runs += 1
        tally.faults += struck
        advance(struck.total())
        take_run(tally, course, run, expected)
    tally.seconds = time.monotonic() - start_s


def take_run(tally: Tally, course: Course, run: EdgeRun, expected: Expected) -> None:
    """Count what a run over the whole course printed."""
    tally.add(course, run.rows, expected)
    tally.reconnects += int(run.summary.get("reconnects", 0))
    if run.code:
        tally.note(f"{course.codec}: the edge ended with {run.code}: {run.said[-500:]}")


DRILLS: tuple[Drill, ...] = (
    Drill("cloud killed", lambda options: options.kills, _hold_clouds("kill")),
    Drill("cloud told to end", lambda options: options.terminations, _hold_clouds("terminate")),
    Drill("connection broken", lambda options: options.cuts * 5 // 4, _hold_way),
    Drill("edge killed", lambda options: options.edge_kills, hold_edge_kills),
    Drill("disk full", lambda options: options.rounds, hold_full_disk),
    Drill("slow reader", lambda options: options.rounds, hold_slow_reader),
    Drill("half-closer", lambda options: options.rounds, hold_half_closer),
)
