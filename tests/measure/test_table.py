"""Tables: columns of words beside columns of numbers."""

from __future__ import annotations

from io import StringIO

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
