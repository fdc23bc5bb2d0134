"""What is counted as lost, wrong, doubled and out of order."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.measure.drill.course import Course
from isthmus.measure.drill.tally import MAX_EXAMPLES, Tally

COURSE = Course("pointcloud", "c", (), ("a", "b", "c"), lambda row: str(row.get("file")), lambda row: row.get("labels"))
RIGHT = {"a": 1, "b": 2, "c": 3}


def rows(*names: str, **labels: int) -> list[dict[str, Any]]:
    return [{"file": name, "labels": labels.get(name, RIGHT.get(name))} for name in names]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (rows("a", "b", "c"), (3, 0, 0, 0, 0)),
        (rows("a", "c"), (3, 1, 0, 0, 0)),
        (rows("a", "b", "b", "c"), (3, 0, 0, 1, 0)),
        (rows("b", "a", "c"), (3, 0, 0, 0, 1)),
        (rows("a", "b", "c", b=7), (3, 0, 1, 0, 0)),
        ([*rows("a", "b"), {"file": "c", "error": "CloudUnreachableError"}], (3, 1, 0, 0, 0)),
        ([*rows("a", "b"), {"file": "c", "error": "SymbolMismatchError"}], (3, 1, 1, 0, 0)),
        ([], (3, 3, 0, 0, 0)),
    ],
)
def test_counts(printed: list[dict[str, Any]], expected: tuple[int, ...]) -> None:
    tally = Tally("d", "pointcloud")
    tally.add(COURSE, printed, RIGHT)
    assert (tally.sent, tally.lost, tally.wrong, tally.doubled, tally.disordered) == expected
    assert tally.failures == sum(expected[1:])
    assert bool(tally.examples) == bool(sum(expected[1:4]))
    assert tally.to_json()["sent"] == 3


def test_examples_are_few() -> None:
    tally = Tally("d", "pointcloud")
    for number in range(3 * MAX_EXAMPLES):
        tally.note(str(number))
    assert len(tally.examples) == MAX_EXAMPLES
