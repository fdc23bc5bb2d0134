"""Names in the order in which people count: frame2 before frame10."""

from __future__ import annotations

import re
from pathlib import Path

NUMBERS = re.compile(r"([0-9]+)")


def natural_key(path: str | Path) -> tuple[object, ...]:
    """What to sort by: numbers in a name by their value, all else by its characters, folder by folder.

    Where only zeros before a number differ ("1", "01"), the name itself decides, so that the order never wavers.
    """
    parts = tuple(
        tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in NUMBERS.split(part) if piece)
        for part in Path(path).parts
    )
    return parts, str(path)
