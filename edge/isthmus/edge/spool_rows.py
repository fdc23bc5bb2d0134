"""Rows of frames in a spool: told from their records, and noted there once they are printed.

Rows have two fields more: `spool`, its name, and `number`, that of the frame. Where standard output is a file, its last
row says what was told last, whatever the spool knows of it (`told_before`).
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from isthmus.common.errors import IsthmusError, MessageError, SymbolMismatchError
from isthmus.common.task import Task
from isthmus.edge.failures import Failure
from isthmus.edge.kept import Kept
from isthmus.edge.report import Report, Row, Summary
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Record
from isthmus.edge.spool import Spool

TAIL_BYTES = 1 << 20
"""Of a file of rows, in which its last row is looked for."""


@dataclass(frozen=True, slots=True)
class FromDisk:
    """How a frame is told, by its record; not at all where it is sent only because others refer to it."""

    kept: Kept
    numbered: dict[str, object]
    task: Task[Any]
    class_names: tuple[str, ...]

    def answered(self, result: FrameResult[Any]) -> Iterable[Row]:
        """Its row, a failure where the answer is not of this frame."""
        if self.kept.is_told:
            return ()
        if isinstance(result.outcome, IsthmusError):
            return self.missing("refused", result.outcome)
        record = self.record()
        told = self.task.tell(result.outcome, self.class_names)
        for name, value in record.expected.items():
            found = getattr(result.outcome, name, value)
            if found not in (value, -1):
                error = SymbolMismatchError if name == "state_crc32" else MessageError
                return self.missing("refused", error(f"answer: expected {name} {value}, as sent, got {found}"))
        round_trip_ms = result.round_trip_s * 1e3
        cells = (*record.head, *told.cells, *record.tail, f"{record.encode_ms + round_trip_ms:.2f}")
        fields = {**record.place, **told.fields, **record.fields}
        fields |= {"encode_ms": round(record.encode_ms, 3), "round_trip_ms": round(round_trip_ms, 3)}
        return [Row(tuple(cells), fields | self.numbered)]

    def record(self) -> Record:
        """What was kept."""
        return Record(**self.kept.record)

    def missing(self, why: str, error: IsthmusError) -> Iterable[Row]:
        """Its row."""
        del why
        if self.kept.is_told:
            return ()
        record = self.record()
        failure = Failure(record.name, error, record.place)
        cells = (*record.head, *["-"] * (len(self.task.columns) + len(record.tail) + 1))
        return [Row(cells, failure.fields | self.numbered, failure.message, is_failure=True)]


class Printing:
    """A report that notes in the spool what it has printed."""

    def __init__(self, report: Report, spool: Spool, on_row: Callable[[Row], None]) -> None:
        self._report, self._spool, self._on_row = report, spool, on_row
        self._number = told_before(spool.id)
        self.note()

    def add(self, row: Row) -> None:
        """Print it."""
        self._report.add(row)
        self._on_row(row)
        self._number = int(str(row.fields["number"]))

    def finish(self, summary: Summary) -> None:
        """Not here: whoever made the report ends it."""

    def note(self) -> None:
        """What was printed is told for good."""
        if not self._number:
            return
        if _is_file(sys.stdout):
            os.fsync(sys.stdout.fileno())
        self._spool.tell(self._number)
        self._number = 0


def told_before(spool_id: str) -> int:
    """The number of a spool's last row in the file that standard output goes to; 0 where there is none.

    A last line that was not finished counts as none, and is ended.
    """
    if not _is_file(sys.stdout):
        return 0
    try:
        with Path(f"/proc/self/fd/{sys.stdout.fileno()}").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            *lines, last = file.read().split(b"\n")
    except OSError:
        return 0
    if last:
        print(flush=True)
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            if row["spool"] == spool_id:
                return int(row["number"])
    return 0


def _is_file(stream: IO[str]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False
