"""Files as they come to harm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def damaged(data: bytes, step: int = 1) -> Iterator[bytes]:
    """Beginnings, and the file with one bit of a byte turned, for every byte or each so many."""
    rng = np.random.default_rng(3)
    for at in range(0, len(data), step):
        yield data[:at]
        changed = bytearray(data)
        changed[at] ^= 1 << int(rng.integers(8))
        yield bytes(changed)
