"""What a run says of its answers all together."""

from __future__ import annotations

import re

import pytest

from isthmus.edge.columns import Column
from isthmus.edge.report import Doubt, Row, Summary, TableReport

COLUMNS = (
    Column("file"),
    Column("class"),
    Column("probability", is_number=True),
    Column("payload bits", is_number=True),
    Column("packet bits", is_number=True),
)


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


def shown(names: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    report = TableReport(COLUMNS)
    for name in names:
        report.add(Row((name, "night_stand", "52.5%", "48", "56"), {}))
    report.finish(Summary())
    return capsys.readouterr().out


def test_a_narrow_screen_still_shows_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headings stand word under word, the file's name is folded; classes and numbers are whole."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "50"}.items():
        monkeypatch.setenv(name, value)
    text = shown(["a_rather_long_name_of_a_cloud.npy"], capsys)
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 50
    assert [plain.count(word) for word in ("night_stand", "52.5%", "probability", "payload", "packet")] == [1] * 5
    assert "".join(line[:7].strip() for line in plain.splitlines()).endswith("a_rather_long_name_of_a_cloud.npy")


def test_a_row_is_a_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    names = ["deep/" * 40 + "a.npy", "b.npy"]
    heading, *lines = shown(names, capsys).splitlines()
    assert heading.split() == ["file", "class", "probability", "payload", "bits", "packet", "bits"]
    assert [line.split() for line in lines] == [[name, "night_stand", "52.5%", "48", "56"] for name in names]


def test_the_narrowest_screens_leave_numbers_out_and_keep_the_class(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width, gone in ((50, 0), (40, 1), (30, 2), (24, 3)):
        for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(width)}.items():
            monkeypatch.setenv(name, value)
        plain = re.sub(r"\x1b\[[\d;]*m", "", shown(["a_rather_long_name_of_a_cloud.npy"], capsys))
        assert max(map(len, plain.splitlines())) <= width
        assert "night_stand" in plain
        assert sum(word not in plain for word in ("52.5%", "payload", "packet")) >= gone
