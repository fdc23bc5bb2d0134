"""What the columns of a table of points hold, as a user says it: `x,y,z,intensity`, `_,x,y,z`, `x:>f8,y:>f8,z:>f8`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from isthmus.common.errors import InputError

MAX_COLUMNS = 1000
UNUSED = "_"

_WORD = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)(?::(?P<kind>[<>]?(?:f[248]|[iu][1248])))?")


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns in their order.

    Attributes:
        names: x, y and z once each; whatever else is passed over.
        kinds: of each in a binary table, as NumPy writes it (">f8"); "" for little-endian float32.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Columns:
        """From names apart by commas, each with its type behind a colon where it is not float32.

        Raises:
            InputError: something else, or x, y and z are not there once each.
        """
        found = [_WORD.fullmatch(word.strip()) for word in text.split(",")]
        matches = [match for match in found if match is not None]
        names = tuple(match["name"].lower() for match in matches)
        if len(matches) != len(found) or [names.count(axis) for axis in "xyz"] != [1, 1, 1] or len(names) > MAX_COLUMNS:
            raise InputError(
                f"columns: expected names apart by commas with x, y and z once each, as in x,y,z,intensity or _,x,y,z "
                f"or x:f8,y:f8,z:f8, got {text[:80]!r}"
            )
        return cls(names, tuple(match["kind"] or "" for match in matches))

    @property
    def places(self) -> tuple[int, int, int]:
        """Of x, y and z."""
        return self.names.index("x"), self.names.index("y"), self.names.index("z")
