"""`isthmus edge` as a process of its own, and the rows that it prints, as they come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus.common.errors import DeadlineError

RUN_TIMEOUT_S = 240.0


@dataclass(slots=True)
class EdgeRun:
    """What one run came to.

    Attributes:
        rows: objects that it printed, but for the summary.
        summary: the last one, {} where there is none.
        code: that it ended with.
        said: the end of its standard error.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    said: str = ""


def start_edge(words: Sequence[str], stdout: int, stderr: int) -> subprocess.Popen[str]:
    """`isthmus edge WORDS`; it finds the project where this process found it, installed or not."""
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment = os.environ | single | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        [sys.executable, "-m", "isthmus.command", "edge", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def run_edge(
    words: Sequence[str], on_row: Callable[[int], None] = lambda _: None, timeout_s: float = RUN_TIMEOUT_S
) -> EdgeRun:
    """Run it to its end.

    Args:
        words: of the command line, after `isthmus edge`.
        on_row: called with the number of rows so far, after each.
        timeout_s: after which it is killed.

    Raises:
        DeadlineError: it did not end by itself.
    """
    run = EdgeRun()
    is_late = threading.Event()
    with tempfile.TemporaryFile() as log:
        process = start_edge(words, subprocess.PIPE, log.fileno())

        def give_up() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(timeout_s, give_up)
        timer.start()
        try:
            assert process.stdout is not None  # it is a pipe
            for line in process.stdout:
                add_line(run, line)
                on_row(len(run.rows))
            run.code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        log.seek(0)
        run.said = log.read().decode(errors="replace").strip()[-2000:]
    if is_late.is_set():
        raise DeadlineError(f"expected the edge to end within {timeout_s:g} s, got {len(run.rows)} rows: {run.said}")
    return run


def read_rows(path: Path) -> EdgeRun:
    """What runs have left in a file; a line that was not finished counts as none."""
    run = EdgeRun()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        add_line(run, line)
    return run


def add_line(run: EdgeRun, line: str) -> None:
    """Take one line of output."""
    try:
        row = json.loads(line)
    except ValueError:
        return
    if "summary" in row:
        run.summary = row["summary"]
    else:
        run.rows.append(row)
