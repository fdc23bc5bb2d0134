"""What became of what was sent, for people as a table and for programs as JSON: rows once, told both ways.

A job says its columns and makes a `Row` of everything that comes to an end; the reports know neither signals nor tasks.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from isthmus.common.errors import IsthmusError
from isthmus.common.shown import shown, shown_json
from isthmus.common.task import Task
from isthmus.common.tasks import DOUBTFUL, DOUBTFUL_BELOW
from isthmus.edge.columns import GAP, Column, columns_shown, fitted_widths, natural_widths

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Rows of a live table, the newest last.
LIVE_ROWS = 16
LIVE_REFRESHES_PER_S = 8

# Of a table in a pipe or a file, where no screen sets a bound.
MAX_LINE_WIDTH = 10_000

# Of a cell: what a person reads of a name or an answer. JSON has all of it.
MAX_CELL = 500


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one thing.

    Attributes:
        cells: one for each column; () for what is no row of the table.
        fields: of a JSON object.
        error: for people, "" where nothing went wrong.
        is_failure: whether it counts as one that came to nothing.
    """

    cells: tuple[str, ...]
    fields: dict[str, object]
    error: str = ""
    is_failure: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run comes to: lines for people and fields for programs."""

    lines: tuple[str, ...] = ()
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Doubt:
    """How many of the answers were doubtful, where a task says that of its own."""

    answers: int = 0
    doubtful: int = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        if DOUBTFUL in row.fields:
            self.answers += 1
            self.doubtful += bool(row.fields[DOUBTFUL])

    def lines(self) -> tuple[str, ...]:
        """For people: one line, none where nothing was doubtful."""
        if not self.doubtful:
            return ()
        are = "is" if self.doubtful == 1 else "are"
        below = f"below {DOUBTFUL_BELOW:.0%}"
        return (
            f"{self.doubtful} of {self.answers} answers {are} doubtful ({below}): the codec names one of its own "
            "classes for anything that it is shown",
        )


class Report(Protocol):
    """Where rows go, in the order of what they are about."""

    def add(self, row: Row) -> None:
        """Take the next one."""

    def finish(self, summary: Summary) -> None:
        """Nothing more comes."""


def task_columns(task: Task[Any], widths: Sequence[int] = ()) -> tuple[Column, ...]:
    """The columns of a task's outcome; `widths` of the first of them."""
    known = dict(enumerate(widths))
    return tuple(
        Column(heading.removesuffix("*"), heading.endswith("*"), known.get(place, 0))
        for place, heading in enumerate(task.columns)
    )


def error_fields(error: IsthmusError) -> dict[str, object]:
    """An error as fields of JSON."""
    return {"error": type(error).__name__, "message": str(error)}


def open_report(columns: Sequence[Column], *, as_json: bool, is_live: bool = False) -> Report:
    """The report that was asked for.

    Args:
        columns: of the table.
        as_json: for programs.
        is_live: rows come one by one without an end in sight, and are shown as they come.
    """
    if as_json:
        return JsonReport()
    if not is_live:
        return TableReport(columns)
    from rich.console import Console  # not for programs: it takes longer to import than the rest of a command

    console = Console()
    return LiveReport(columns, console) if console.is_terminal else LineReport(columns)


class JsonReport:
    """One object a line on standard output; the last one is the summary, if there is one."""

    def add(self, row: Row) -> None:
        """Print the row at once."""
        print(shown_json(row.fields), flush=True)

    def finish(self, summary: Summary) -> None:
        """Print the summary."""
        if summary.fields:
            print(shown_json({"summary": summary.fields}), flush=True)


class TableReport:
    """A table on standard output when all is done; failures go to standard error, in the table as dashes."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Keep it; a failure is told at once."""
        if row.cells:
            self._rows.append(_as_shown(row))
        _tell_error(row)

    def finish(self, summary: Summary) -> None:
        """Print the table, and what it comes to."""
        if self._rows:
            from rich.console import Console

            console = Console()
            if not console.is_terminal:
                console.width = MAX_LINE_WIDTH  # a row is a line for whoever reads the pipe
            console.print(_table(self._columns, self._rows, console.width))
        _print_lines(summary.lines)


class LineReport:
    """A line a row on standard output, as they come: nobody looks, or a file keeps them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        print(self._line([column.heading for column in columns]), flush=True)

    def add(self, row: Row) -> None:
        """Print it at once."""
        if row.cells:
            print(self._line(_as_shown(row).cells), flush=True)
        _tell_error(row)

    def finish(self, summary: Summary) -> None:
        """Say what it comes to."""
        _print_lines(summary.lines)

    def _line(self, cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(column.width) if column.is_number else cell.ljust(column.width)
            for cell, column in zip(cells, self._columns, strict=True)
        )
        return "  ".join(padded).rstrip()


class LiveReport:
    """A table of the newest rows, drawn again as they come."""

    def __init__(self, columns: Sequence[Column], console: Console) -> None:
        from rich.live import Live

        self._columns = columns
        self._rows: deque[Row] = deque(maxlen=LIVE_ROWS)
        self._live = Live(
            console=console,
            refresh_per_second=LIVE_REFRESHES_PER_S,
            get_renderable=lambda: _table(self._columns, self._rows, console.width),
        )
        self._live.start()

    def add(self, row: Row) -> None:
        """Show it."""
        if row.cells:
            self._rows.append(_as_shown(row))
        _tell_error(row)

    def finish(self, summary: Summary) -> None:
        """Leave the table as it is, and say what it comes to."""
        self._live.stop()
        _print_lines(summary.lines)


def _as_shown(row: Row) -> Row:
    """A row whose cells may be printed: a file's name, a tensor's, may hold anything."""
    return replace(row, cells=tuple(shown(cell, MAX_CELL) for cell in row.cells))


def _tell_error(row: Row) -> None:
    if row.error:
        print(f"error: {shown(row.error)}", file=sys.stderr)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(shown(line))


def _table(columns: Sequence[Column], rows: Collection[Row], width: int) -> Table:
    """Where rows are wider than the screen, headings stand word under word, and the first column is folded first.

    Where that is not enough, numbers are left out, the last first: what something is stays to the end.
    """
    from rich import table as tables
    from rich.markup import escape

    kept = columns_shown(columns, [row.cells for row in rows], width)
    columns, cells = [columns[i] for i in kept], [tuple(row.cells[i] for i in kept) for row in rows]
    natural = natural_widths([[column.heading for column in columns], *cells])
    is_narrow = sum(natural) + GAP * (len(columns) - 1) > width
    headings = [column.heading.replace(" ", "\n") if is_narrow else column.heading for column in columns]
    fitted = fitted_widths(columns, natural_widths([headings, *cells]), width) if is_narrow else [None] * len(columns)
    table = tables.Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(
            headings[place],
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            overflow="fold" if place == 0 else "ellipsis",
            width=fitted[place],
            min_width=None if is_narrow else column.width or None,
        )
    for row, texts in zip(rows, cells, strict=True):
        table.add_row(*map(escape, texts), style="red" if row.is_failure else "")
    return table
