"""Damaged files in a process of their own: each is refused in words, or read after all, in bounded time and memory.

A case passes if the reader either raises an `InputError` with a message, or reads the file. It fails with any other
exception, after more than the reader's time, or with more than its memory added; and where the process ends, by a
fault of a library, or falls silent. The process that follows goes on with the next case.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from isthmus.common.errors import InputError
from isthmus.measure.inputs.reader import Reader
from isthmus.measure.inputs.spoil import WHOLE, has_sums_mended, spoiled, way_of

SILENT_S = 60.0
"""After which a process that says nothing is ended."""
START_S = 120.0
"""The same before its first file: it imports, and makes whole files."""
MOST_ENDS = 20
"""Processes of a reader that may end before it is given up."""
KEPT_FAILURES = 20
MOST_HEX = 400
READ, REFUSED = "read", "refused"
CLEAR = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Said:
    """What a process says of a case: that it was read or refused, or why it failed; or what is said when it ended."""

    case: int
    mutation: str
    outcome: str
    data: bytes = b""
    taken_s: float = 0.0
    added_bytes: int = 0
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What a process says first: how many whole files it made, or why it could not."""

    files: int
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not pass; `data` is its beginning."""

    case: int
    mutation: str
    reason: str
    data: bytes


@dataclass(slots=True)
class ReaderTally:
    """What became of the cases of one reader.

    Attributes:
        name, signal: of the reader.
        files: that were spoiled.
        read: cases that were files after all.
        refused: cases that were refused in words.
        by_mutation: cases of each way to spoil.
        failures: of all cases; the first `KEPT_FAILURES` are told.
        slowest_s, most_bytes: of all cases, the longest time and the most memory added.
        left_out: why nothing was read, where a package is missing.
    """

    name: str
    signal: str
    files: int = 0
    read: int = 0
    refused: int = 0
    by_mutation: Counter[str] = field(default_factory=Counter)
    failure_count: int = 0
    failures: list[Failure] = field(default_factory=list)
    slowest_s: float = 0.0
    most_bytes: int = 0
    left_out: str = ""

    @property
    def cases(self) -> int:
        """All of them."""
        return self.by_mutation.total()

    def add(self, said: Said) -> None:
        """Count a case."""
        self.by_mutation[said.mutation] += 1
        self.slowest_s, self.most_bytes = max(self.slowest_s, said.taken_s), max(self.most_bytes, said.added_bytes)
        if said.outcome == READ:
            self.read += 1
        elif said.outcome == REFUSED:
            self.refused += 1
        else:
            self.failure_count += 1
            if len(self.failures) < KEPT_FAILURES:
                self.failures.append(Failure(said.case, said.mutation, said.outcome, said.data))

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file; times are not among them, so that a run gives the same file."""
        return {
            "name": self.name,
            "signal": self.signal,
            "files": self.files,
            "cases": self.cases,
            "read": self.read,
            "refused": self.refused,
            "by_mutation": dict(sorted(self.by_mutation.items())),
            "failures": self.failure_count,
            "first_failures": [f"{f.case}, {f.mutation}: {f.reason}: {f.data.hex()}" for f in self.failures],
            "left_out": self.left_out,
        }


def try_reader(
    reader: Reader, cases: int, seed: int, advance: Callable[[int], None] = lambda _: None, silent_s: float = SILENT_S
) -> ReaderTally:
    """Hand so many spoiled files to a reader; its whole ones are the first of them."""
    tally, ends, case = ReaderTally(reader.name, reader.signal), 0, 0
    while case < cases and not tally.left_out:
        for said in _said(reader, range(case, cases), seed, silent_s):
            if isinstance(said, Made):
                tally.files, tally.left_out = said.files, said.left_out
                continue
            tally.add(said)
            advance(1)
            ends += said.is_end
            case = said.case + 1
        if ends > MOST_ENDS:
            tally.add(Said(case, WHOLE, f"given up: {ends} processes ended"))
            break
    return tally


def _said(reader: Reader, cases: range, seed: int, silent_s: float) -> Iterator[Made | Said]:
    """What a process says of case after case, until it is done or ends; then, of the last, that it ended."""
    context = multiprocessing.get_context("spawn")
    heard, tells = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="isthmus-inputs-") as folder:
        path = Path(folder) / f"file{reader.suffixes[0]}"
        process = context.Process(target=_read_all, args=(reader, path, cases, seed, tells), daemon=True)
        process.start()
        tells.close()
        case, reason, files = cases.start, "", 0
        try:
            while case < cases.stop and not reason:
                try:
                    said = heard.recv() if heard.poll(silent_s if files else START_S) else None
                except EOFError:
                    process.join()
                    reason = _ended(process.exitcode)
                    break
                if said is None:
                    reason = f"no answer within {silent_s:g} s"
                    break
                yield said
                if isinstance(said, Made):
                    files = said.files
                    if said.left_out:
                        return
                else:
                    case = said.case + 1
        finally:
            process.kill()
            process.join()
            heard.close()
        if reason:
            data = path.read_bytes() if path.exists() else b""
            yield Said(case, way_of(case, files), reason, data[: MOST_HEX // 2], is_end=True)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the process was ended by {signal.Signals(-code).name}"
    return f"the process ended with {code}"


def _read_all(reader: Reader, path: Path, cases: range, seed: int, tells: Connection) -> None:
    """In the process: every case, each said as soon as it is done. What libraries print is nobody's."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(nowhere, standard)
    try:
        files = reader.files()
    except ImportError as error:
        tells.send(Made(0, f"{error.name} is not installed"))
        return
    tells.send(Made(len(files)))
    for data in files:
        outcome_of(reader, path, data)  # what a library sets up with its first file is no file's doing
    warnings.simplefilter("error")  # nobody wants to read one
    for case in cases:
        mutation, data = spoiled(files, case, f"{seed} {reader.name}")
        if reader.mend is not None and has_sums_mended(case, f"{seed} {reader.name}"):
            data = reader.mend(data)
        before_bytes, start_s = _fresh_peak(), time.process_time()
        outcome = outcome_of(reader, path, data)
        taken_s, added_bytes = time.process_time() - start_s, max(0, _memory("VmHWM") - before_bytes)
        if outcome == REFUSED and mutation == WHOLE:
            outcome = "a whole file is refused"
        elif outcome in (READ, REFUSED) and taken_s > reader.most_s:
            outcome = f"took {taken_s:.1f} s"
        elif outcome in (READ, REFUSED) and added_bytes > reader.most_bytes:
            outcome = f"added {added_bytes >> 20} MiB"
        shown = b"" if outcome in (READ, REFUSED) else data[: MOST_HEX // 2]
        tells.send(Said(case, mutation, outcome, shown, taken_s, added_bytes))


def outcome_of(reader: Reader, path: Path, data: bytes) -> str:
    """What becomes of a file of these bytes, written at `path`: `READ`, `REFUSED`, or why that is a failure."""
    path.write_bytes(data)
    try:
        reader.read(path)
    except InputError as error:
        return REFUSED if str(error) else "an error without a message"
    except BaseException as error:  # whatever it is, a damaged file has brought it out
        return f"{type(error).__name__}: {error}"
    return READ


def _fresh_peak() -> int:
    """Memory that the process holds now, its peak forgotten; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    CLEAR.write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    if sys.platform != "linux":
        return 0
    with STATUS.open(encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(name))
