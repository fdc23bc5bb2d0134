"""`results/drill.json`: every frame answered once and rightly, whatever breaks."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.side_by_side import side_by_side
from isthmus.common.zoo import find_zoo
from isthmus.measure.command_line import command_line
from isthmus.measure.drill.course import Course, make_course
from isthmus.measure.drill.drills import DRILLS, Drill, right_answers
from isthmus.measure.drill.ground import Ground
from isthmus.measure.drill.nursery import Nursery
from isthmus.measure.drill.options import DrillOptions
from isthmus.measure.drill.tally import Tally
from isthmus.measure.key import slug
from isthmus.measure.options import words
from isthmus.measure.table import Table, number
from isthmus.measure.track import Track, no_track

VERSIONED = ("numpy", "grpcio", "protobuf", "onnxruntime")


@dataclass(frozen=True, slots=True)
class DrillRun:
    """What all drills came to."""

    tallies: tuple[Tally, ...]

    def total(self, name: str, signal: str = "") -> int:
        """The sum of a count over all tallies, or those of a signal."""
        return sum(int(getattr(tally, name)) for tally in self.tallies if signal in ("", tally.signal))

    @property
    def failures(self) -> int:
        """Inputs or answers that are not as they should be."""
        return self.total("failures")


def chosen_drills(names: Sequence[str]) -> tuple[Drill, ...]:
    """Those of some names; all without names. InputError for a name that is none."""
    if unknown := sorted(set(names) - {drill.name for drill in DRILLS}):
        raise InputError(f"--only: expected some of {', '.join(d.name for d in DRILLS)}, got {', '.join(unknown)}")
    return tuple(drill for drill in DRILLS if not names or drill.name in names)


def run_drills(options: DrillOptions, track: Track = no_track, counts: int = 0) -> DrillRun:
    """Hold the drills over a course of each codec, the codecs side by side.

    Args:
        options: as asked for.
        track: of progress.
        counts: inputs of a course, 0 for the usual number.

    Raises:
        InputError: no such drill, or no such codec.
        CloudUnreachableError: no cloud comes up.
    """
    drills = [drill for drill in chosen_drills(words(options.only)) if drill.count(options)]
    zoo, codecs = find_zoo(options.zoo), words(options.codecs)
    with tempfile.TemporaryDirectory(prefix="isthmus-drill-", ignore_cleanup_errors=True) as folder:

        def over(codec: str) -> list[Tally]:
            course = make_course(codec, options.zoo, Path(folder) / codec, options.seed, counts)
            with Nursery(zoo) as nursery:
                return _over(Ground(nursery, Path(folder), options), course, drills, track)

        return DrillRun(tuple(tally for tallies in side_by_side(over, codecs) for tally in tallies))


def _over(ground: Ground, course: Course, drills: Sequence[Drill], track: Track) -> list[Tally]:
    """All drills over one course; first of all a run without faults."""
    calm = Tally("nothing breaks", course.signal)
    expected, run = right_answers(ground, course)
    calm.runs = 1
    calm.add(course, run.rows, expected)
    if run.code:
        calm.note(f"{course.codec}: the edge ended with {run.code}: {run.said[-500:]}")
    tallies = [calm]
    for drill in drills:
        tally = Tally(drill.name, course.signal)
        drill.hold(ground, course, expected, tally, track(f"{course.codec}: {drill.name}", drill.count(ground.options)))
        tallies.append(tally)
    return tallies


COUNTED = ("sent", "lost", "wrong", "doubled", "disordered")


def summary_of(run: DrillRun) -> dict[str, float]:
    """The figures that are quoted."""
    found: dict[str, float] = {f"drill.frames_{name}": run.total(name) for name in COUNTED}
    for signal in dict.fromkeys(tally.signal for tally in run.tallies):
        found |= {f"drill.{signal}.frames_{name}": run.total(name, signal) for name in COUNTED}
    for tally in run.tallies:
        key = f"drill.faults_{slug(tally.drill)}"
        if tally.faults:
            found[key] = found.get(key, 0) + tally.faults.total()
    found["drill.faults"] = sum(tally.faults.total() for tally in run.tallies)
    found["drill.minutes"] = sum(tally.seconds for tally in run.tallies) / 60
    return found


def write_drills(run: DrillRun, options: DrillOptions, folder: Path) -> Path:
    """Write `drill.json` and gather the summary; answers the file's path."""
    command = command_line("isthmus drill", options)
    provenance = Provenance.of(command, "generated clouds, images and frames of a video", options.seed, VERSIONED)
    detail: dict[str, Any] = {"drills": [tally.to_json() for tally in run.tallies]}
    path = write_results(folder, Results("drill", provenance, summary_of(run), detail))
    gather_summary(folder)
    return path


COLUMNS = ("drill", "signal", "faults", "frames sent", "lost", "wrong", "doubled", "out of order", "seconds")


def drills_table(tallies: Sequence[Tally]) -> Table:
    """A row a drill and signal."""
    rows = tuple(
        (
            tally.drill,
            tally.signal,
            number(tally.faults.total(), 0),
            *(number(count, 0) for count in (tally.sent, tally.lost, tally.wrong, tally.doubled, tally.disordered)),
            number(tally.seconds, 0),
        )
        for tally in tallies
    )
    return Table("Drills", COLUMNS, rows, texts=("signal",))
