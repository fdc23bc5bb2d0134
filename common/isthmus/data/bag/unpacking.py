"""Chunks and messages that a bag holds packed, unpacked within a bound: what they claim is not believed.

LZ4 and Zstandard are of the extra `bags`, and loaded when first needed.
"""

from __future__ import annotations

import bz2
from collections.abc import Callable
from typing import Any

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.bag.values import MAX_MESSAGE_BYTES

PIECE_BYTES = 1 << 20
MAX_WINDOW_BYTES = 1 << 27
"""That Zstandard looks back on: what its own command accepts."""


def unpacked(packed: bytes, compression: str, size: int | None) -> bytes:
    """The bytes that were packed.

    Args:
        packed: all of them.
        compression: "" or "none", "lz4" (frames), "zstd" or "bz2".
        size: how many must come out; None where nobody says.

    Raises:
        InputError: another number, more than `MAX_MESSAGE_BYTES`, an unknown compression, or damaged.
        MissingDependencyError: what unpacks them is not installed.
    """
    if size is not None and size > MAX_MESSAGE_BYTES:
        raise InputError(f"expected at most {MAX_MESSAGE_BYTES} bytes when unpacked, got a claim of {size}")
    if compression in ("", "none"):
        found = packed
    else:
        found = _unpacker(compression)(packed, MAX_MESSAGE_BYTES if size is None else size)
    if size is None and len(found) > MAX_MESSAGE_BYTES:
        raise InputError(f"expected at most {MAX_MESSAGE_BYTES} bytes when unpacked, got more")
    if size is not None and len(found) != size:
        raise InputError(f"expected {size} bytes when unpacked, got {len(found)}{' or more' * (len(found) > size)}")
    return found


def _unpacker(compression: str) -> Callable[[bytes, int], bytes]:
    known = {"zstd": _zstd, "lz4": _lz4, "bz2": _bz2}
    if compression not in known:
        raise InputError(f"expected a compression of none, {', '.join(known)}, got {compression[:20]!r}")
    return known[compression]


def _zstd(packed: bytes, most: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependencyError("bags packed by Zstandard need zstandard: pip install 'isthmus[bags]'") from error
    # Its `decompress` allocates what the frame claims; a reader gives only what is there.
    try:
        opened = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        with opened.stream_reader(packed, read_across_frames=True) as reader:
            pieces, left = [], most + 1
            while left > 0 and (piece := reader.read(min(PIECE_BYTES, left))):
                pieces.append(piece)
                left -= len(piece)
    except zstandard.ZstdError as error:
        raise InputError(f"expected bytes packed by Zstandard: {error}") from error
    return b"".join(pieces)


def _lz4(packed: bytes, most: int) -> bytes:
    try:
        import lz4.frame
    except ImportError as error:
        raise MissingDependencyError("bags packed by LZ4 need lz4: pip install 'isthmus[bags]'") from error
    return _in_pieces(lz4.frame.LZ4FrameDecompressor(), packed, most, "LZ4")


def _bz2(packed: bytes, most: int) -> bytes:
    return _in_pieces(bz2.BZ2Decompressor(), packed, most, "bzip2")


def _in_pieces(unpacker: Any, packed: bytes, most: int, name: str) -> bytes:
    """What a decompressor of the standard library's kind gives, up to one byte more than `most`."""
    pieces, left = [], most + 1
    try:
        while left > 0 and not unpacker.eof:
            piece = unpacker.decompress(packed, min(PIECE_BYTES, left))
            packed = b""
            pieces.append(piece)
            left -= len(piece)
            if not piece and unpacker.needs_input:
                raise InputError(f"expected bytes packed by {name}, got an end in the middle of them")
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise InputError(f"expected bytes packed by {name}: {error}") from error
    return b"".join(pieces)
