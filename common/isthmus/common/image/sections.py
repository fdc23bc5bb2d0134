"""Sections of an image's packet: arrays of symbols whose table depends on the channel or on a group alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits import range_coder
from isthmus.common.bits.cdf import CdfTables
from isthmus.common.errors import InputError, PacketError
from isthmus.common.image.choice import EntryCounts

Int32 = NDArray[np.int32]


@contextmanager
def named(part: str) -> Iterator[None]:
    """Says which part of the packet an error is about."""
    try:
        yield
    except PacketError as error:
        raise PacketError(f"{part}: {error}") from error


def checked(array: Int32 | None, shape: tuple[int, ...], name: str) -> Int32:
    """The array ``[*shape]``, C-contiguous, if it is int32 of that shape; copied only if it must be."""
    if array is None or array.dtype != np.int32 or array.shape != shape:
        got = "none" if array is None else f"{array.dtype} {list(array.shape)}"
        raise InputError(f"{name}: expected int32 {list(shape)}, got {got}")
    return np.ascontiguousarray(array)


def product(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def table_rows(tables: CdfTables, chosen: Int32) -> CdfTables:
    """Some of the tables, by their indices ``[tables]``."""
    sizes = tables.sizes[chosen]
    cumulative = np.ascontiguousarray(tables.cumulative[chosen, : int(sizes.max()) + 1])
    return CdfTables(cumulative, sizes, tables.offsets[chosen], tables.precision_bits, tables.has_escape)


def table_indices(first: Int32, groups: Int32 | None, shape: tuple[int, ...]) -> Int32:
    """The table of every latent, int32 ``[latents]``: that of its group ``[channels, h, w]``, or of its channel."""
    if groups is None:
        # Not `repeat`: of a large image it takes most of a second, and keeps all other threads from working meanwhile.
        indices = np.empty((len(first), product(shape[1:])), np.int32)
        indices[:] = first[:, None]
        return indices.ravel()
    return first[groups.ravel()]


def entry_counts(values: Int32, tables: CdfTables) -> EntryCounts:
    """The counts of values [channels, ...] with a table for each channel."""
    return EntryCounts(tables.offsets, tables.sizes).add_channels(values.reshape(len(values), -1))


def encode_rows(values: Int32, tables: CdfTables) -> bytes:
    """The section of values [channels, ...] with a table for each channel."""
    channels = np.arange(tables.count, dtype=np.int32)
    return range_coder.encode(values.ravel(), table_indices(channels, None, values.shape), tables)


def decode_rows(section: bytes, shape: tuple[int, ...], tables: CdfTables) -> Int32:
    """The values ``[*shape]`` that `encode_rows` was given."""
    channels = np.arange(tables.count, dtype=np.int32)
    return range_coder.decode(section, table_indices(channels, None, shape), tables).reshape(shape)
