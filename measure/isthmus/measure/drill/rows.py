"""The table of drills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.measure.drill.tally import Tally
from isthmus.measure.table import Table, number

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


def drills_of(detail: Mapping[str, Any]) -> tuple[Tally, ...]:
    """What `drill.json` says."""
    return tuple(Tally(**{**said, "faults": Counter(said["faults"])}) for said in detail["drills"])
