"""Tables of all measurements: what is done and to do, and what was measured when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from isthmus.common.results import SUMMARY_FILE, read_results, read_summary
from isthmus.measure.drill.rows import drills_of, drills_table
from isthmus.measure.everything.measurements import Measurement
from isthmus.measure.everything.run import Plan
from isthmus.measure.table import Table, number, summary_table


def state_table(plan: Plan, measurements: Iterable[Measurement]) -> Table:
    """A row a measurement: done, to do, or what it lacks."""
    rows = []
    for measurement in measurements:
        missing = plan.lacks(measurement)
        state = f"lacks {', '.join(missing)}" if missing else "done" if plan.is_done(measurement) else "to do"
        rows.append((measurement.name, state))
    return Table("Measurements", ("name", "state"), tuple(rows))


def measured_table(detail: Mapping[str, Any]) -> Table:
    """What `all.json` says: a row a measurement, in the order in which they ran."""
    rows = tuple(
        (f"`{row['command']}`", ", ".join(row["writes"]), row["date"], f"`{row['commit']}`", number(row["minutes"]))
        for row in detail["measurements"]
    )
    return Table("Measured", ("command", "writes", "on", "code", "minutes"), rows)


def circumstances_table(folder: Path) -> Table:
    """A row a results file: the day, the code, the machine, and which split chose what."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        if path.name == SUMMARY_FILE:
            continue
        provenance = read_results(path).provenance
        where = provenance.circumstances
        said = ("–", "–", "–", "–")
        if where is not None:
            load = "–" if where.load is None else number(where.load, 2)
            said = (where.date, f"`{where.commit}`", f"{where.processor}, {where.cores} cores", load)
        rows.append((path.stem, *said, provenance.chosen))
    return Table("Circumstances", ("file", "on", "code", "processor", "load before", "chosen"), tuple(rows))


FOLDER_TABLES: Mapping[str, Callable[[Path, str], Table]] = {
    "summary": lambda results, prefix: summary_table(read_summary(results), prefix),
    "circumstances": lambda results, _: circumstances_table(results),
    "drills": lambda results, name: drills_table(drills_of(read_results(results / f"{name}.json").detail)),
    "measured": lambda results, name: measured_table(read_results(results / f"{name}.json").detail),
}
"""Of more than one measurement: made of the folder of the results and the second word."""
