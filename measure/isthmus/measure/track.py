"""Progress bars for long measurements: one a task, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Track = Callable[[str, int], Callable[[int], None]]
"""Begins a task of a title and so many steps; answers what to call with the steps done since the last call."""


def no_track(_title: str, _total: int) -> Callable[[int], None]:
    """Tracks nothing."""
    return lambda _: None


@contextmanager
def tracked(console: Console) -> Iterator[Track]:
    """What begins a task of a title and a total, and answers what to call with each step's size."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:

        def track(title: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(title, total=total)
            return lambda steps: progress.advance(task, steps)

        yield track
