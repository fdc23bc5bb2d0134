"""Runs the measurements one after another, each a process of its own; what this very code measured already is kept.

A measurement is done if each of its results files says that it was made by the commit that the code is at now (or by
one that is accepted). So a run that was killed goes on where it was, and after a change of the code all is measured
again. `all.json` says what was measured when, by which command, and how long it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.common.circumstances import CHANGED, UNKNOWN, Circumstances, code_commit, load
from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, read_results, write_results
from isthmus.data.beside import VARIABLE, data_beside
from isthmus.measure.everything.measurements import CHECKOUT, DATA, OUT, Measurement

RESULTS_NAME = "all"
QUIET_LOAD = 0.5
MAX_WAIT_S = 240
LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, where, and what counts as done.

    Attributes:
        root: folder of the checkout; benchmarks lie in it.
        work: working folder of the commands: checkpoints, graphs, pictures, logs.
        out: folder of the results files.
        accepted: commits whose figures are as good as this one's.
        again: whether what is done is measured all the same.
    """

    root: Path
    work: Path
    out: Path
    accepted: tuple[str, ...] = ()
    again: bool = False

    def is_done(self, measurement: Measurement) -> bool:
        """Whether all its files are of this code."""
        return not self.again and all(self._is_current(name) for name in measurement.writes)

    def lacks(self, measurement: Measurement) -> tuple[str, ...]:
        """Data sets that it needs and that are not there."""
        return tuple(name for name in measurement.needs if not data_beside(name).exists())

    def _is_current(self, name: str) -> bool:
        try:
            where = read_results(self.out / f"{name}.json").provenance.circumstances
        except InputError:
            return False
        if where is None or where.commit == UNKNOWN or where.commit.endswith(CHANGED):
            return False
        return where.commit in (code_commit(), *self.accepted)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a measurement.

    Attributes:
        measurement: which.
        seconds: that it took, what was made first included.
        failure: why it failed, the end of its log; empty where it did not.
    """

    measurement: Measurement
    seconds: float
    failure: str = ""


def run_measurement(plan: Plan, measurement: Measurement, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Make what it needs, wait for a quiet machine if it is one of times, run it, and note it in `all.json`.

    Args:
        plan: where.
        measurement: which.
        tell: takes a line about what is going on.
    """
    plan.work.mkdir(parents=True, exist_ok=True)
    start_s = time.monotonic()
    log = plan.work / f"{measurement.name}.log"
    log.unlink(missing_ok=True)
    for step in measurement.steps:
        if not (plan.work / step.makes).exists():
            tell(f"makes {step.makes} first; the next run finds it there")
            if failure := _run(plan, step.command, log):
                return Outcome(measurement, time.monotonic() - start_s, failure)
    if measurement.is_timed:
        _wait_until_quiet(tell)
    failure = _run(plan, measurement.command, log)
    seconds = time.monotonic() - start_s
    if not failure:
        _note(plan, measurement, seconds)
    return Outcome(measurement, seconds, failure)


def chosen_measurements(known: Sequence[Measurement], names: Iterable[str]) -> tuple[Measurement, ...]:
    """Those of some names, in their own order; all without names. InputError for a name that is none."""
    names = tuple(names)
    if unknown := sorted(set(names) - {m.name for m in known}):
        raise InputError(f"expected measurements of {', '.join(m.name for m in known)}, got {', '.join(unknown)}")
    return tuple(m for m in known if not names or m.name in names)


def _run(plan: Plan, command: Sequence[str], log: Path) -> str:
    """Why a command failed; empty where it did not. Its output is added to the log."""
    folders = {OUT: str(plan.out.resolve()), CHECKOUT: str(plan.root.resolve())}
    words = [folders.get(word, word) for word in command]
    words = [str(data_beside(word.removeprefix(DATA)).resolve()) if word.startswith(DATA) else word for word in words]
    if words[0].endswith(".py"):
        words[0] = str((plan.root / words[0]).resolve())
    environment = os.environ | {VARIABLE: str(data_beside("").parent.resolve()), "PYTHONUNBUFFERED": "1"}
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n")
        file.flush()
        done = subprocess.run(
            [sys.executable, *words],
            cwd=plan.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not done.returncode:
        return ""
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LAST_LINES:]
    return f"it ended with {done.returncode}; its log, {log}, ends so:\n" + "\n".join(last)


def _wait_until_quiet(tell: Callable[[str], None]) -> None:
    """Until hardly anything else runs, or it is clear that something always does; the results file says the load."""
    end_s = time.monotonic() + MAX_WAIT_S
    while time.monotonic() < end_s and (busy := load() or 0.0) > QUIET_LOAD:
        tell(f"waits for a quiet machine: the load is {busy:.1f}")
        time.sleep(5)


def _note(plan: Plan, measurement: Measurement, seconds: float) -> None:
    """Add a measurement to `all.json`, in the place of what it said of it before, and gather the summary."""
    try:
        kept = read_results(plan.out / f"{RESULTS_NAME}.json").detail["measurements"]
    except (InputError, KeyError):
        kept = []
    here = Circumstances.here()
    row: dict[str, Any] = {
        "name": measurement.name,
        "command": measurement.typed,
        "writes": list(measurement.writes),
        "date": here.date,
        "commit": here.commit,
        "minutes": round(seconds / 60, 1),
    }
    rows = [old for old in kept if old["name"] != measurement.name] + [row]
    summary = {"all.measurements": len(rows), "all.minutes": sum(each["minutes"] for each in rows)}
    provenance = Provenance.of("isthmus measure all", "as each measurement says", 0)
    write_results(plan.out, Results(RESULTS_NAME, provenance, summary, {"measurements": rows}))
    gather_summary(plan.out)
