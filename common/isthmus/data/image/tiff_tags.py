"""The first directory of a TIFF, classic or big, of either byte order: numbers and bytes by tag, read when asked."""

from __future__ import annotations

import struct

from isthmus.common.errors import InputError

# What a file begins with, the last two bytes of some wrongly turned, as Pillow and others take them too.
PREFIXES = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"II+\0", b"MM\0+")
BIG = 43
REDUCED_OR_MASK = 1 | 4
NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}


class Tags:
    """The first directory of a file; nothing is held but where its entries lie."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        """Find the directory, the first or that at a place. InputError if it does not lie in the file."""
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._is_big = BIG in data[2:4]
        place, room = (8, 8) if self._is_big else (4, 4)
        at = at or self._unpack("Q" if self._is_big else "I", place)
        count = self._unpack("Q" if self._is_big else "H", at)
        size, start = (20, at + 8) if self._is_big else (12, at + 2)
        if start + count * size > len(data):
            raise InputError(f"expected a directory of {count} tags inside the file, got its end; it is cut")
        self._room = room
        self._end = start + count * size
        self._entries: dict[int, int] = {}
        for entry in range(start, start + count * size, size):
            self._entries.setdefault(self._unpack("H", entry), entry)

    def has_next_page(self) -> bool:
        """Whether another directory follows that is a page, no thumbnail or mask of this one."""
        if self._end + self._room > len(self._data):
            return False
        at = self._unpack("Q" if self._is_big else "I", self._end)
        if not at:
            return False
        try:
            return not Tags(self._data, at).number(254, 0) & REDUCED_OR_MASK
        except InputError:
            return False

    @property
    def is_big_endian(self) -> bool:
        """Whether numbers, those of 16-bit samples among them, begin with their high byte."""
        return self._order == ">"

    def __contains__(self, tag: int) -> bool:
        """Whether the directory has it."""
        return tag in self._entries

    def numbers(self, tag: int, *default: int) -> tuple[int, ...]:
        """All numbers of a tag. InputError if they are none, or lie outside the file."""
        if tag not in self._entries:
            return default
        kind, count, at = self._value(tag)
        if kind not in NUMBERS:
            raise InputError(f"expected whole numbers in tag {tag}, got type {kind}")
        return struct.unpack_from(f"{self._order}{count}{NUMBERS[kind]}", self._data, at)

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        return next(iter(self.numbers(tag, default)), default)

    def bytes(self, tag: int) -> bytes | None:
        """The bytes of a tag, None where it has none."""
        if tag not in self._entries:
            return None
        kind, count, at = self._value(tag)
        return self._data[at : at + count] if kind in {1, 7} else None

    def _value(self, tag: int) -> tuple[int, int, int]:
        """(type, count, where the values are)."""
        entry = self._entries[tag]
        kind, count = self._unpack("H", entry + 2), self._unpack("Q" if self._is_big else "I", entry + 4)
        at = entry + 4 + self._room
        size = count * struct.calcsize("=" + NUMBERS.get(kind, "Q"))
        if size > self._room:
            at = self._unpack("Q" if self._is_big else "I", at)
        if at + size > len(self._data):
            raise InputError(f"expected the values of tag {tag} inside the file, got its end; it is cut")
        return kind, count, at

    def _unpack(self, kind: str, at: int) -> int:
        if at + struct.calcsize("=" + kind) > len(self._data):
            raise InputError(f"expected a TIFF directory at byte {at}, got {len(self._data)} bytes; it is cut")
        found: int = struct.unpack_from(self._order + kind, self._data, at)[0]
        return found
