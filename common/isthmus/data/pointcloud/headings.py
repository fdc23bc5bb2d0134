"""The heading of a table of points: which of its columns are x, y and z."""

from __future__ import annotations

import re
from collections.abc import Sequence

from isthmus.common.errors import InputError

XYZ = (0, 1, 2)

# As they are called, the best name first.
_NAMES = {
    "x": ("x", "px", "pos_x", "position_x", "points:0", "points_0", "easting", "east"),
    "y": ("y", "py", "pos_y", "position_y", "points:1", "points_1", "northing", "north"),
    "z": ("z", "pz", "pos_z", "position_z", "points:2", "points_2", "height", "elevation", "altitude", "up"),
}
_ON_THE_GLOBE = {"lat", "lon", "lng", "long", "latitude", "longitude"}
_UNIT = re.compile(r"\s*(?:\[[^\]]*\]|\([^)]*\))")  # x [m], x (m)


def columns_named(
    heading: str, comment: str, separator: str | None, table: Sequence[Sequence[str]]
) -> tuple[int, int, int]:
    """Places of x, y and z.

    Args:
        heading: the line above the rows, "" where there is none.
        comment: the last comment above them; it counts where it names a column each.
        separator: between columns, None for blanks.
        table: some rows, cut into words.

    Raises:
        InputError: a heading that names columns, and not x, y and z among them.
    """
    width = len(table[0])
    names = _split(heading or comment, separator)
    if not heading and len(names) != width:
        return XYZ
    if globe := sorted(_ON_THE_GLOBE & set(names)):
        raise InputError(f"expected x y z in one unit of length, got columns {', '.join(globe)}; project them first")
    found = [next((name for name in known if name in names), "") for known in _NAMES.values()]
    if all(found):
        if any(names.count(name) > 1 for name in found):
            raise InputError(f"expected columns x, y and z once each, got {', '.join(names)[:80]}")
        x, y, z = (names.index(name) for name in found)
        if len(names) == width:
            return x, y, z
        if len(names) == width - 1 and _counts([row[0] for row in table]):  # R leaves row names without one
            return x + 1, y + 1, z + 1
        if (x, y, z) == XYZ and len(names) < width:
            return XYZ
        raise InputError(f"expected a name for each of {width} columns, got {len(names)}: {', '.join(names)[:80]}")
    if heading and len(names) == width and (width > 3 or any(found)):
        raise InputError(
            f"expected columns named x, y and z, got {', '.join(names)[:80]}; rename them, or say which they are with "
            "the columns x,y,z,_"
        )
    return XYZ  # a title, or three names of whatever kind


def _split(line: str, separator: str | None) -> list[str]:
    return [word.strip(" \t\"'").lower() for word in _UNIT.sub("", line).split(separator)]


def _counts(words: Sequence[str]) -> bool:
    """Whether each is one more than the one before it, from 0 or 1 on."""
    bare = [word.strip(' "') for word in words]
    return any(bare == [str(k + start) for k in range(len(bare))] for start in (0, 1))
