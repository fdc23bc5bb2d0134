"""Tables of a measurement: rows once, for the terminal, for Markdown documents and for pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape as escape_markup
from rich.table import Table as RichTable
from rich.text import Text

from isthmus.common.shown import shown

# Of a table on a screen: the space at its sides, and between columns; what is left of words at least.
EDGES, GAP = 1, 2
MIN_WORDS_WIDTH = 12


@dataclass(frozen=True, slots=True)
class Table:
    """A title, column heads and rows of finished text.

    The first column and those of `texts` hold words, on the left; the others numbers, on the right, never cut. Where a
    terminal is too narrow, columns are left out: those of `least` in their order, then the last ones.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...] = ()
    least: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """A GitHub table, without its title."""
        ruler = ["---" if is_text else "---:" for is_text in self._are_text]
        lines = [self.columns, ruler, *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def to_rich(self) -> NarrowTable:
        """For a terminal of any width."""
        return NarrowTable(self)

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


@dataclass(frozen=True, slots=True)
class NarrowTable:
    """A table as it is printed: whole in a pipe, and on a screen as many of its columns as there is room for."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich prints."""
        width, all_columns = options.max_width, list(range(len(self.table.columns)))
        is_narrow = self._width(all_columns, folded=False) > width
        kept = self._fitting(width) if is_narrow else all_columns
        table = RichTable(
            title=escape_markup(shown(self.table.title)),
            title_justify="left",
            header_style="bold",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        for place in kept:
            column, wraps = self.table.columns[place], self._wraps(place)
            table.add_column(
                escape_markup(column.replace(" ", "\n") if is_narrow else column),
                justify="left" if self.table._are_text[place] else "right",
                no_wrap=not (wraps and is_narrow),
                overflow="fold",
                min_width=self._least(place) if wraps and is_narrow else None,
            )
        for row in self.table.rows:
            table.add_row(*(escape_markup(shown(row[place])) for place in kept))
        yield table
        left_out = [self.table.columns[place] for place in all_columns if place not in kept]
        if left_out:
            yield Text(f"left out, for want of room: {', '.join(left_out)}", style="dim")

    def _wraps(self, place: int) -> bool:
        return self.table._are_text[place]

    def _fitting(self, width: int) -> list[int]:
        """Places of the columns that stay; the first always does."""
        columns, kept = self.table.columns, list(range(len(self.table.columns)))
        named = [place for name in self.table.least for place in reversed(kept) if columns[place] == name]
        for place in [*named, *(place for place in reversed(kept) if place not in named)][: len(kept) - 1]:
            if self._width(kept, folded=True) <= width:
                break
            kept.remove(place)
        return kept

    def _width(self, places: Sequence[int], *, folded: bool) -> int:
        """Of these columns and what is between them; with headings, names and words folded, or not."""
        widths = [self._least(place) if folded else self._longest(place, self.table.columns[place]) for place in places]
        return sum(widths) + EDGES + GAP * len(widths)

    def _least(self, place: int) -> int:
        """What a column needs: a number all of itself, words a part."""
        heading = max(self.table.columns[place].split(" "), key=cell_len)
        longest = self._longest(place, heading)
        return min(longest, max(MIN_WORDS_WIDTH, cell_len(heading))) if self._wraps(place) else longest

    def _longest(self, place: int, heading: str) -> int:
        return max(cell_len(cell) for cell in (heading, *(row[place] for row in self.table.rows)))


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
