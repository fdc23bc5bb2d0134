"""A bar for each stage of long work that says in words what it does: "gradients of the answers, image 3 of 160"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_COUNTED = re.compile(r"(?P<stage>.+), (?:image|try) (?P<done>\d+) of (?P<total>\d+)")


@contextmanager
def staged(console: Console) -> Iterator[Callable[[str], None]]:
    """What is told the stages, each as it begins or goes on; the one before is done then."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as progress:
        current: tuple[str, TaskID] | None = None

        def finish(task: TaskID) -> None:
            total = next(t.total for t in progress.tasks if t.id == task) or 1
            progress.update(task, total=total, completed=total)

        def say(text: str) -> None:
            nonlocal current
            counted = _COUNTED.fullmatch(text)
            stage = counted["stage"] if counted else text
            if current is None or current[0] != stage:
                if current is not None:
                    finish(current[1])
                current = stage, progress.add_task(stage, total=None)
            if counted:
                progress.update(current[1], total=int(counted["total"]), completed=int(counted["done"]) - 1)

        yield say
        if current is not None:
            finish(current[1])
