"""Edges that are killed while they send, each started again on its spool; and one whose disk is full."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus.common.errors import DeadlineError
from isthmus.measure.drill.course import Course
from isthmus.measure.drill.edge_run import EdgeRun, read_rows, start_edge
from isthmus.measure.drill.ground import Ground
from isthmus.measure.drill.tally import Tally

START_S = 20.0
"""How long an edge may take until it tells its first row, or ends."""
LIVE_S = (0.0, 0.6)
"""How long it then lives at least, and at most."""
END_S = 240.0
LOOK_S = 0.01
SMALL_FILE_BYTES = 192 << 10
"""Of what an edge on a full disk may write into one file: its spool soon has as much."""


def hold_edge_kills(
    ground: Ground, course: Course, expected: Mapping[str, Any], tally: Tally, advance: Callable[[int], None]
) -> None:
    """Kill edges, until it was done as often as asked for; the output of each course is one file over all its edges."""
    start_s, drawn = time.monotonic(), random.Random(ground.options.seed)
    cloud = ground.nursery.take()
    try:
        while tally.faults.total() < ground.options.edge_kills:
            folder = ground.folder / f"{course.codec}-{tally.runs}"
            words = (*course.words, "--cloud", cloud.address, "--spool", str(folder / "spool"))
            folder.mkdir()
            output = folder / "rows"
            left = ground.options.edge_kills - tally.faults.total()
            kills, run = _killed_and_started_again(words, output, left, drawn, len(expected))
            tally.faults["edge killed"] += kills
            advance(kills)
            tally.runs += kills + 1
            _count(tally, course, run, expected)
    finally:
        cloud.kill()
    tally.seconds = time.monotonic() - start_s


def _killed_and_started_again(
    words: Sequence[str], output: Path, left: int, drawn: random.Random, count: int
) -> tuple[int, EdgeRun]:
    """Kill an edge again and again as it gets on; how often, and what all of them printed.

    One that was killed when it had told all of `count` frames is not started again: that would be another run.
    """
    kills = 0
    while True:
        before = output.stat().st_size if output.exists() else 0
        code = _end(words, output, drawn.uniform(*LIVE_S) if kills < left else -1.0, before)
        if code != -signal.SIGKILL:
            run = read_rows(output)
            run.code = code
            return kills, run
        kills += 1
        run = read_rows(output)
        if len(run.rows) >= count:
            return kills, run


def _end(words: Sequence[str], output: Path, live_s: float, before: int) -> int:
    """Start an edge, kill it so long after its first row (never, where that is negative); the code it ended with."""
    with output.open("ab") as rows, output.with_suffix(".log").open("ab") as log:
        edge = start_edge(words, rows.fileno(), log.fileno())
    try:
        if live_s >= 0:
            _wait(edge, START_S, lambda: output.stat().st_size > before)
            if edge.poll() is None:
                time.sleep(live_s)
                edge.kill()
        return edge.wait(END_S)
    except subprocess.TimeoutExpired as error:
        said = output.with_suffix(".log").read_text(encoding="utf-8", errors="replace")[-500:]
        raise DeadlineError(f"expected the edge to end within {END_S:g} s: {said}") from error
    finally:
        edge.kill()
        edge.wait()


def _wait(edge: subprocess.Popen[str], limit_s: float, is_there: Callable[[], bool]) -> None:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s and edge.poll() is None and not is_there():
        time.sleep(LOOK_S)


def hold_full_disk(
    ground: Ground, course: Course, expected: Mapping[str, Any], tally: Tally, advance: Callable[[int], None]
) -> None:
    """An edge whose files may not grow any more: it says so and ends, and another one with room goes on."""
    start_s = time.monotonic()
    for number in range(ground.options.rounds):
        folder = ground.folder / f"{course.codec}-full-{number}"
        folder.mkdir()
        output = folder / "rows"
        words = (*course.words, "--spool", str(folder / "spool"))
        with output.open("ab") as rows, output.with_suffix(".log").open("ab") as log:
            edge = start_edge((*words, "--cloud", "127.0.0.1:1"), rows.fileno(), log.fileno())
        resource.prlimit(edge.pid, resource.RLIMIT_FSIZE, (SMALL_FILE_BYTES, SMALL_FILE_BYTES))
        try:
            code = edge.wait(END_S / 4)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            edge.kill()
            edge.wait()
        if code == 2:
            tally.faults["disk full"] += 1
        else:
            tally.note(f"{course.codec}: expected the edge to end with 2 as its disk was full, it ended with {code}")
        advance(1)
        cloud = ground.nursery.take()
        try:
            code = _end((*words, "--cloud", cloud.address), output, -1.0, 0)
        finally:
            cloud.kill()
        run = read_rows(output)
        run.code = code
        tally.runs += 2
        _count(tally, course, run, expected)
    tally.seconds = time.monotonic() - start_s


def _count(tally: Tally, course: Course, run: EdgeRun, expected: Mapping[str, Any]) -> None:
    tally.add(course, run.rows, expected)
    if run.code:
        tally.note(f"{course.codec}: the edge ended with {run.code}")
