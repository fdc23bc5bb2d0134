"""Inputs that came to nothing, told in their place; notes on those that were read; the bar over a long list of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.shown import shown

if TYPE_CHECKING:
    from rich.progress import Progress

# Shorter lists are done before a bar has been drawn.
PROGRESS_FROM_COUNT = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that came to nothing, and why.

    Attributes:
        name: for people.
        error: why.
        where: for programs; {} where the name says it.
    """

    name: str
    error: IsthmusError
    where: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The error's message, with the input's name in front unless the message starts with it."""
        message = str(self.error)
        return message if message.startswith(self.name) else f"{self.name}: {message}"

    @property
    def fields(self) -> dict[str, object]:
        """Of a JSON object."""
        return {"file": self.name, **self.where, "error": type(self.error).__name__, "message": str(self.error)}


def input_names(
    inputs: Iterable[str], paths_of: Callable[[Iterable[str | Path]], list[Path]]
) -> Iterator[str | Failure]:
    """Each file of the inputs, "-" as it is; an input that `paths_of` does not take keeps its place as a failure."""
    for given in inputs:
        if given == "-":
            yield given
            continue
        try:
            yield from map(str, paths_of([given]))
        except InputError as error:
            yield Failure(given, error)


def tell_notes(name: str, notes: Iterable[str]) -> None:
    """On standard error, what a person may want to know of how an input was read."""
    for note in notes:
        print(f"note: {shown(name)}: {shown(note)}", file=sys.stderr)


def progress_bar(count: int) -> Progress:
    """A bar on standard error that vanishes when done; none where nobody looks or the list is short."""
    from rich.console import Console  # not for programs, which take long enough to start
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=count < PROGRESS_FROM_COUNT or not console.is_terminal,
    )
