"""Tables of a measurement: rows once, for the terminal, for Markdown documents and for pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class Table:
    """A title, column heads and rows of finished text.

    The first column and those of `texts` hold words, on the left; the others numbers, on the right, never cut while
    words can go on below.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """A GitHub table, without its title."""
        ruler = ["---" if is_text else "---:" for is_text in self._are_text]
        lines = [self.columns, ruler, *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def to_rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(
            title=self.title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for column, is_text in zip(self.columns, self._are_text, strict=True):
            wraps = column in self.texts
            justify: JustifyMethod = "left" if is_text else "right"
            table.add_column(column, justify=justify, no_wrap=not wraps, overflow="fold" if wraps else "ellipsis")
        for row in self.rows:
            table.add_row(*row)
        return table

    def to_html(self) -> str:
        """Under its title, for a page."""
        kinds = [" class='text'" if column in self.texts else "" for column in self.columns]
        head = "".join(f"<th{kind}>{escape(c)}</th>" for kind, c in zip(kinds, self.columns, strict=True))
        lines = (zip(kinds, row, strict=True) for row in self.rows)
        rows = "".join("<tr>" + "".join(f"<td{kind}>{escape(c)}</td>" for kind, c in line) + "</tr>" for line in lines)
        return (
            f"<h2>{escape(self.title)}</h2><div class='scroll'><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )

    @property
    def _are_text(self) -> tuple[bool, ...]:
        return tuple(place == 0 or column in self.texts for place, column in enumerate(self.columns))


def number(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """A number for people: thousands apart, a real minus, a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    sign = "+" if signed else ""
    text = f"{value:{sign},.{digits}f}"
    return text.replace("-", "−")


def with_rows(*tables: Table) -> tuple[Table, ...]:
    """Those that have something to say."""
    return tuple(table for table in tables if table.rows)


def summary_table(summary: Mapping[str, float], prefix: str) -> Table:
    """Quoted numbers whose key begins with `prefix`."""
    rows = tuple(
        (f"`{key}`", number(value, 0 if float(value).is_integer() else 3))
        for key, value in summary.items()
        if key.startswith(prefix)
    )
    return Table(f"Summary: {prefix}", ("key", "value"), rows)
