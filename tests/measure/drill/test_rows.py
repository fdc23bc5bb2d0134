"""The table of drills, from what was counted and from a results file."""

from __future__ import annotations

from collections import Counter

from isthmus.measure.drill.rows import drills_of, drills_table
from isthmus.measure.drill.tally import Tally

TALLY = Tally("cloud killed", "video", Counter(kill=50), 3, 1200, 0, 1, 2, 3, 4, 65.4)


def test_a_row_a_drill() -> None:
    table = drills_table([TALLY])
    assert table.rows == (("cloud killed", "video", "50", "1,200", "0", "1", "2", "3", "65"),)
    assert drills_of({"drills": [TALLY.to_json()]}) == (TALLY,)
