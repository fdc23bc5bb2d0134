"""GIF files written by hand: a frame that does not fill its screen, with a palette of its own."""

from __future__ import annotations

import struct
from typing import Any


def gif(
    screen: tuple[int, int],
    indices: Any,
    table: Any,
    *,
    at: tuple[int, int] = (0, 0),
    transparent: int | None = None,
    background: int = 0,
    is_local: bool = False,
) -> bytes:
    """The file of a frame of indices [height, width] into a palette [256, 3], on a screen (height, width)."""
    colours = table.astype("u1").tobytes()
    head = b"GIF89a" + struct.pack("<HHBBB", screen[1], screen[0], 0x77 if is_local else 0xF7, background, 0)
    if not is_local:
        head += colours
    if transparent is not None:
        head += b"!\xf9\x04" + struct.pack("<BHBB", 1, 0, transparent, 0)
    height, width = indices.shape
    head += b"," + struct.pack("<HHHHB", at[1], at[0], width, height, 0x87 if is_local else 0)
    return head + (colours if is_local else b"") + b"\x08" + _blocks(_codes(indices.astype("u1").tobytes())) + b";"


def _codes(body: bytes) -> bytes:
    """Codes of 9 bits, the lowest bit first, cleared before they grow."""
    codes = [code for at in range(0, len(body), 200) for code in (256, *body[at : at + 200])] + [257]
    number: int = sum(code << 9 * place for place, code in enumerate(codes))
    return number.to_bytes(-(-9 * len(codes) // 8), "little")


def _blocks(body: bytes) -> bytes:
    pieces = (body[at : at + 255] for at in range(0, len(body), 255))
    return b"".join(bytes((len(piece),)) + piece for piece in pieces) + b"\0"
