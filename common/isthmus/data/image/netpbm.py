"""PGM and PPM of bytes (P5, P6), of any largest value. What is written as text, or of one bit, is Pillow's.

Pillow reads these too, but one that goes to another value than 255 pixel by pixel in Python, a minute for a photograph.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.image.colour import Samples
from isthmus.data.image.picture import Picture

# A comment may stand between any two words; one white byte ends the head.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEAD = re.compile(rb"P([56])" + _GAP + rb"(\d{1,6})" + _GAP + rb"(\d{1,6})" + _GAP + rb"(\d{1,6})\s")
HEAD_BYTES = 4096


def is_netpbm(data: bytes) -> bool:
    """Whether a file begins as one of these does."""
    return _HEAD.match(data[:HEAD_BYTES]) is not None


def read_netpbm(data: bytes, check_size: Callable[[int, int], None]) -> Picture:
    """The first picture of a file that `is_netpbm`.

    Args:
        data: the file.
        check_size: raises where width and height are too many.

    Raises:
        InputError: cut, or a largest value that is none.
    """
    head = _HEAD.match(data[:HEAD_BYTES])
    if head is None:
        raise InputError("expected P5 or P6, width, height and the largest value")
    width, height, most = int(head[2]), int(head[3]), int(head[4])
    if not 0 < most < 65536 or not width * height:
        raise InputError(f"expected pixels and a largest value of 1 to 65535, got {width} x {height} and {most}")
    check_size(width, height)
    kind = np.dtype(np.uint8 if most < 256 else ">u2")
    count = width * height * (1 if head[1] == b"5" else 3)
    if len(data) - head.end() < count * kind.itemsize:
        raise InputError(
            f"expected {count * kind.itemsize} bytes of pixels, got {len(data) - head.end()}; the file is cut"
        )
    stored = np.frombuffer(data, kind, count, head.end()).reshape(height, width, -1)
    whole = 255 if most < 256 else 65535
    table = (np.minimum(np.arange(int(np.iinfo(kind).max) + 1), most) * whole * 2 + most) // (2 * most)
    samples: Samples = table.astype(np.uint8)[stored] if most < 256 else table.astype(np.uint16)[stored]
    return Picture(samples)
