"""Tables: columns of words beside columns of numbers."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from isthmus.measure.table import Table

TABLE = Table("Rivals", ("codec", "bits", "settings"), (("jpeg", "12", "4:2:0 & more " * 9),), texts=("settings",))


def test_columns_of_words_are_on_the_left_everywhere() -> None:
    assert TABLE.to_markdown().splitlines()[1] == "| --- | ---: | --- |"
    html = TABLE.to_html()
    assert "<th>bits</th><th class='text'>settings</th>" in html
    assert "<td>12</td><td class='text'>4:2:0 &amp; more" in html


def test_words_go_on_below_where_a_terminal_is_narrow_and_numbers_are_never_cut() -> None:
    file = StringIO()
    Console(file=file, width=60).print(TABLE.to_rich())
    text = file.getvalue()
    assert "…" not in text
    assert text.count("4:2:0") == 9
    assert text.count("12") == 1


LONG = "a codec of a long name, q"
WIDE = Table(
    "Rates",
    ("codec", "against", "points, of how many", "bits", "BD-rate %", "wire ↑"),
    tuple((f"{LONG}{q}", "G-PCC TMC13, octree", f"{q} of 9", f"{1000 * q}", "−95.1", "7.25") for q in range(3)),
    texts=("against",),
    least=("points, of how many",),
)


def printed(width: int, table: Table = WIDE) -> str:
    file = StringIO()
    Console(file=file, width=width).print(table.to_rich())
    return file.getvalue()


@pytest.mark.parametrize(
    ("width", "there", "left_out"),
    [
        (100, ["against", "points, of how many", "bits", "BD-rate %", "wire ↑"], ""),
        (55, ["against", "bits", "BD-rate", "wire"], "points, of how many"),
        (45, ["against", "bits", "BD-rate"], "points, of how many, wire ↑"),
        (30, ["against"], "points, of how many, bits, BD-rate %, wire ↑"),
        (12, [], "against, points, of how many, bits, BD-rate %, wire ↑"),
    ],
)
def test_on_a_narrow_screen_the_least_important_columns_go_first(width: int, there: list[str], left_out: str) -> None:
    text = printed(width)
    table, _, note = text.partition("left out")
    assert " ".join(note.split()).removeprefix(", for want of room: ") == left_out
    assert all(heading.split()[0] in table for heading in ["codec", *there])
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for number in ("2000", "−95.1", "7.25"):
        assert (number in table) == ({"2000": "bits", "−95.1": "BD-rate", "7.25": "wire"}[number] in table)
    assert "".join(table.split()).count("q") >= 3  # no name loses its end


def test_in_a_pipe_a_row_is_a_line() -> None:
    lines = [line for line in printed(10_000).splitlines() if LONG in line]
    assert [line.split()[-1] for line in lines] == ["7.25"] * 3
    assert all("G-PCC TMC13, octree" in line for line in lines)


def test_brackets_are_no_markup() -> None:
    assert "[bold]x[/bold]" in printed(80, Table("T", ("name",), (("[bold]x[/bold]",),)))
