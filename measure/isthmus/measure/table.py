"""Tables of a measurement: rows once, for the terminal, for Markdown documents and for pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

LONGEST_LINE = 40
"""Letters of a cell; a column of longer ones is broken into lines where there is no room, before any is cut short."""


@dataclass(frozen=True, slots=True)
class Table:
    """A title, column heads and rows of finished text; the first column is text, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """A GitHub table, without its title."""
        ruler = ["---", *("---:" for _ in self.columns[1:])]
        lines = [self.columns, ruler, *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def to_rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(
            title=self.title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for i, column in enumerate(self.columns):
            is_short = all(len(row[i]) <= LONGEST_LINE for row in self.rows)
            table.add_column(column, justify="left" if i == 0 else "right", no_wrap=is_short)
        for row in self.rows:
            table.add_row(*row)
        return table

    def to_html(self) -> str:
        """Under its title, for a page."""
        head = "".join(f"<th>{escape(c)}</th>" for c in self.columns)
        rows = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in self.rows)
        return (
            f"<h2>{escape(self.title)}</h2><div class='scroll'><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )


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
