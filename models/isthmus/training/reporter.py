"""What a person sees of a training run: a bar on a terminal, a line a round elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Reporter:
    """Progress of one training, on standard error.

    Args:
        label: its name.
        steps: all of its optimiser steps.
    """

    def __init__(self, label: str, steps: int) -> None:
        self._label = label
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[metrics]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(label, total=steps, metrics="")

    def step(self, done: int) -> None:
        """So many optimiser steps are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def row(self, place: str, row: Mapping[str, float], seconds: float) -> None:
        """A round is done; `place` says which of how many."""
        text = " ".join(f"{name} {value:.4f}" for name, value in row.items())
        if self._bar is not None:
            self._bar.update(self._task, metrics=text)
        else:
            print(f"{self._label} {place} {text} {seconds:.0f}s", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The run is over."""
        if self._bar is not None:
            self._bar.stop()
