"""What every measurement ends with on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.command.frame import print_note, table_console

if TYPE_CHECKING:
    from isthmus.measure.table import Table


def tell_measured(tables: Iterable[Table], notes: Iterable[str], written: Iterable[Path] = ()) -> None:
    """Its tables, what a reader must know of them, and where they are."""
    console = table_console()
    for table in tables:
        console.print(table.to_rich())
    for note in notes:
        print_note(note)
    if paths := " ".join(str(path) for path in written):
        console.print("written:", paths, soft_wrap=True)
