"""Progress bars for long measurements: one a task, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def tracked(console: Console) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
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
