"""The columns of a report's table, and which of them fit on a screen, how wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# On a screen that is too narrow for all: what is left of a name or an answer, and between columns.
MIN_TEXT_WIDTH = 6
MIN_ANSWER_WIDTH = 11
GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        heading: of it.
        is_number: set to the right and never folded.
        width: at least, where rows are printed as they come.
    """

    heading: str
    is_number: bool = False
    width: int = 0


def columns_shown(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Places of the columns that a screen has room for, with words cut to `MIN_ANSWER_WIDTH` at least."""
    kept = list(range(len(columns)))
    natural = natural_widths([[c.heading.replace(" ", "\n") for c in columns], *cells])
    bound = [MIN_TEXT_WIDTH if place == 0 else MIN_ANSWER_WIDTH for place in kept]
    least = [n if c.is_number else min(n, b) for n, c, b in zip(natural, columns, bound, strict=True)]
    while sum(least[i] for i in kept) + GAP * (len(kept) - 1) > width:
        numbers = [i for i in kept if columns[i].is_number]
        if not numbers:
            break
        kept.remove(numbers[-1])
    return kept


def natural_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column the longest line in a cell."""
    return [max(len(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]


def fitted_widths(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int | None]:
    """Widths on a screen that is too narrow: numbers whole, then answers, and what is left to the name in front."""
    fitted = list(natural)
    texts = [place for place, column in enumerate(columns) if not column.is_number]
    room = width - GAP * (len(columns) - 1) - sum(n for place, n in enumerate(natural) if place not in texts)
    for done, place in enumerate(reversed(texts)):
        left = texts[: len(texts) - done - 1]  # each of these keeps a few characters
        fitted[place] = max(min(natural[place], room - MIN_TEXT_WIDTH * len(left)), min(natural[place], MIN_TEXT_WIDTH))
        room -= fitted[place]
    return [*fitted]
