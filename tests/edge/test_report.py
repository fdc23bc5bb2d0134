"""What a run says of its answers all together."""

from __future__ import annotations

import pytest

from isthmus.edge.report import Doubt, Row


@pytest.mark.parametrize(
    ("doubtful", "begins"),
    [
        ([], None),
        ([False, False], None),
        ([True, False], "1 of 2 answers is doubtful (below 50%): "),
        ([True] * 3, "3 of 3 answers are doubtful (below 50%): "),
    ],
)
def test_doubtful_answers_are_counted(doubtful: list[bool], begins: str | None) -> None:
    doubt = Doubt()
    for each in doubtful:
        doubt.add(Row(("a",), {"doubtful": each}))
    doubt.add(Row(("a",), {"error": "InputError"}, "no such file", is_failure=True))  # no answer at all
    assert [line[: len(begins or "")] for line in doubt.lines()] == ([begins] if begins else [])
