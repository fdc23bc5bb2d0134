"""Quantised latents: the integers that cross the wire, and their checksum. Implements BITSTREAM.md §5."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

# A packet carries none, or so many bytes of the CRC-32 of its symbols (BITSTREAM.md §4); the place is the flag.
CHECKSUM_SIZES_BYTES = (0, 2, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Symbols:
    """Integers of one or more signals, read-only and contiguous from birth.

    Attributes:
        values: int32, `[signals, channels]` for point clouds; the first axis is always the signal.

    Raises:
        InputError: `values` is not an array of integers that fit in 32 bits.
    """

    values: NDArray[np.int32]

    def __post_init__(self) -> None:
        values = self.values
        # An array over an immutable `bytes` object is already ours: the decoder's fast path.
        if (
            type(values) is np.ndarray
            and values.dtype == np.int32
            and values.flags.c_contiguous
            and not values.flags.writeable
            and _lies_on_bytes(values)
            and values.ndim
        ):
            return
        array = np.asarray(values)
        if array.dtype.kind not in "iu" or not array.ndim:
            raise InputError(
                f"expected symbols as an integer array of at least one axis, got {array.dtype} of shape {array.shape}"
            )
        if array.dtype != np.int32 and array.size and (int(array.min()) < INT32_MIN or int(array.max()) > INT32_MAX):
            raise InputError(f"expected symbols within int32, got {array.min()} to {array.max()}")
        copy = np.array(array, dtype=np.int32, order="C", copy=True)
        copy.flags.writeable = False
        object.__setattr__(self, "values", copy)

    @property
    def signals(self) -> int:
        """Number of signals: the length of the first axis."""
        return int(self.values.shape[0])

    @property
    def count(self) -> int:
        """Number of symbols of all signals together."""
        return int(self.values.size)

    def crc32(self) -> int:
        """CRC-32 (zlib's) of the symbols as little-endian int32, row-major."""
        return crc32(self.values)

    def checksum(self, size_bytes: int) -> bytes:
        """The low `size_bytes` (0, 2 or 4) bytes of the CRC-32, little-endian."""
        if size_bytes not in CHECKSUM_SIZES_BYTES:
            raise InputError(f"expected a checksum of 0, 2 or 4 bytes, got {size_bytes}")
        return checksum_bytes(self.crc32(), size_bytes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Symbols):
            return NotImplemented
        return np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.values.shape, self.values.tobytes()))


def crc32(values: NDArray[np.int32], start: int = 0) -> int:
    """CRC-32 (zlib's) of integers ``[...]`` as little-endian int32, row-major; on from `start`, that of others."""
    return zlib.crc32(np.ascontiguousarray(values, dtype="<i4").data, start)


def checksum_bytes(crc32: int, size_bytes: int) -> bytes:
    """What a packet carries of a CRC-32: its low `size_bytes` (0, 2 or 4) bytes, little-endian."""
    return crc32.to_bytes(4, "little")[:size_bytes]


def _lies_on_bytes(values: NDArray[np.int32]) -> bool:
    """Whether the memory under an array, or under the array it is a view of, belongs to a `bytes` object."""
    base: object = values.base
    if type(base) is np.ndarray:
        base = base.base
    return type(base) is bytes
