"""A guard for fragmented MP4: how many pieces a fragment says that it has, before FFmpeg makes room for so many.

FFmpeg believes the number and takes memory for it at once: one turned bit of a file of two kilobytes makes that a
gigabyte. A box that lists more pieces than it has bytes for, or pieces of no bytes of its own of which there are more
than the file has bytes, was damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAX_BOXES = 100_000
"""That are looked at; behind them nothing is checked."""
FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"sidx")
MAX_FRAGMENT_BYTES = 16 << 20
"""Of one fragment's lists; a second of video takes some hundred bytes."""

OFFSET_FLAG, FIRST_FLAGS_FLAG, PIECE_FLAGS = 0x1, 0x4, 0xF00


def has_impossible_fragment(source: str | Path | BinaryIO) -> bool:
    """Whether a file is a fragmented MP4 with a fragment that has more pieces than there can be."""
    try:
        if not isinstance(source, str | Path):
            at = source.tell()
            try:
                return _is_impossible(source)
            finally:
                source.seek(at)
        with Path(source).open("rb") as file:
            return _is_impossible(file)
    except OSError:
        return False


def _is_impossible(file: BinaryIO) -> bool:
    size_bytes = file.seek(0, 2)
    at = 0
    for number in range(MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        kind, length = head[4:8], int.from_bytes(head[:4], "big")
        if number == 0 and kind not in FIRST_BOXES:
            return False
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if kind == b"moof":
            file.seek(at)
            fragment = file.read(min(length or MAX_FRAGMENT_BYTES, MAX_FRAGMENT_BYTES))
            if any(_has_too_many(body, promised, size_bytes) for body, promised in _runs(fragment[8:])):
                return True
        if length < 8:
            return False
        at += length
        if at >= size_bytes:
            return False
    return False


def _runs(boxes: bytes) -> Iterator[tuple[bytes, int]]:
    """What stands in the lists of pieces (`trun`) of a fragment's tracks (`traf`), and bytes that each should have."""
    for kind, body, _ in _boxes(boxes):
        if kind == b"traf":
            yield from ((inner, promised) for name, inner, promised in _boxes(body) if name == b"trun")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Names, what is inside, and of how many bytes that should be; of the last one fewer are there if it is cut."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if length < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + length], length - 8
        at += length


def _has_too_many(body: bytes, promised_bytes: int, size_bytes: int) -> bool:
    flags, count = int.from_bytes(body[1:4], "big"), int.from_bytes(body[4:8], "big")
    piece_bytes = 4 * (flags & PIECE_FLAGS).bit_count()
    head_bytes = 8 + 4 * bool(flags & OFFSET_FLAG) + 4 * bool(flags & FIRST_FLAGS_FLAG)
    return count > size_bytes or (piece_bytes > 0 and head_bytes + piece_bytes * count > promised_bytes)
