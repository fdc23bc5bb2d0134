"""What a person sees of a training run: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Reporter:
    """Progress of one training, on standard error."""

    def __init__(self, label: str, epochs: int, steps: int) -> None:
        self._label, self._epochs, self._steps = label, epochs, steps
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
            self._task = self._bar.add_task(label, total=epochs * steps, metrics="")

    def step(self, epoch: int, step: int) -> None:
        """One optimiser step is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch * self._steps + step + 1)

    def epoch(self, epoch: int, metrics: dict[str, float], seconds: float) -> None:
        """One epoch is done and validated."""
        text = " ".join(f"{name} {value:.3f}" for name, value in metrics.items())
        if self._bar is not None:
            self._bar.update(self._task, metrics=text)
        else:
            print(f"{self._label} {epoch + 1}/{self._epochs} {text} {seconds:.0f}s", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The run is over."""
        if self._bar is not None:
            self._bar.stop()
