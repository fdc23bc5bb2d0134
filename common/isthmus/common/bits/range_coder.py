"""The range coder: symbols to bytes and back, each with its table. Implements BITSTREAM.md §7.

What it does, and why, stands where it is specified (`reference_coder`). `_range_coder.c` does the same in C, and is
used when it was built.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.reference_coder import ReferenceDecoder, ReferenceEncoder, decode_error, encode_error
from isthmus.common.bits.symbols import INT32_MAX, INT32_MIN
from isthmus.common.errors import InputError

try:
    from isthmus.common.bits import _range_coder as compiled
except ImportError:  # built without a C compiler: the reference below does the work
    compiled = None  # type: ignore[assignment, unused-ignore]

IS_COMPILED = compiled is not None
"""Whether the C coder is in use."""


def encode(values: ArrayLike, table_indices: ArrayLike, tables: CdfTables) -> bytes:
    """Codes each value with its table.

    Args:
        values: int32 `[n]`.
        table_indices: int32 `[n]`, the table of each value.
        tables: what both sides hold.

    Raises:
        SymbolRangeError: a value lies outside its table and there is no escape.
    """
    v, t = _int32(values, "values"), _int32(table_indices, "table indices")
    if v.shape != t.shape:
        raise InputError(f"expected as many values as table indices, got {v.size} and {t.size}")
    if compiled is None:
        return encode_reference(v, t, tables)
    result = _compiled_tables(tables).encode(v, t)
    if isinstance(result, bytes):
        return result
    kind, position = result
    raise encode_error(kind, f"symbol {position}", int(v[position]), int(t[position]), tables)


def decode(data: bytes, table_indices: ArrayLike, tables: CdfTables) -> NDArray[np.int32]:
    """The values that `encode` was given, int32 `[n]`, read-only.

    The caller bounds the number of table indices; this allocates four bytes for each.

    Raises:
        PacketError: the bytes are not what `encode` writes for any values.
    """
    t = _int32(table_indices, "table indices")
    if compiled is None:
        return decode_reference(data, t, tables)
    result = _compiled_tables(tables).decode(data, t)
    if isinstance(result, bytes):
        return np.frombuffer(result, dtype=np.int32)
    kind, position = result
    raise decode_error(kind, position, tables.count)


def encode_reference(values: NDArray[np.int32], table_indices: NDArray[np.int32], tables: CdfTables) -> bytes:
    """`encode` of values and table indices ``[symbols]``, in Python."""
    encoder = ReferenceEncoder(tables)
    for position, (value, table) in enumerate(zip(values.tolist(), table_indices.tolist(), strict=True)):
        kind = encoder.put(value, table)
        if kind:
            raise encode_error(kind, f"symbol {position}", value, table, tables)
    return encoder.finish()


def decode_reference(data: bytes, table_indices: NDArray[np.int32], tables: CdfTables) -> NDArray[np.int32]:
    """`decode` with table indices ``[symbols]``, in Python."""
    decoder = ReferenceDecoder(data, tables)
    values = np.empty(len(table_indices), dtype=np.int32)
    for position, table in enumerate(table_indices.tolist()):
        values[position] = decoder.get_or_raise(table, position)
    decoder.finish_or_raise()
    values.flags.writeable = False
    return values


def _int32(array: ArrayLike, name: str) -> NDArray[np.int32]:
    source = np.asarray(array)
    if source.dtype != np.int32 or source.ndim != 1 or not source.flags.c_contiguous:
        if source.size and (
            source.dtype.kind not in "iu" or int(source.min()) < INT32_MIN or int(source.max()) > INT32_MAX
        ):
            raise InputError(f"expected {name} as int32, got {source.dtype}")
        source = np.ascontiguousarray(source, dtype=np.int32)
    if source.ndim != 1:
        raise InputError(f"expected {name} of one axis, got shape {source.shape}")
    return source


def _compiled_tables(tables: CdfTables) -> compiled.Coder:
    """The C form of the tables, made once."""
    if not tables.compiled:
        tables.compiled.append(compile_coder(tables, None, None))
    coder: compiled.Coder = tables.compiled[0]  # type: ignore[assignment]
    return coder


def compile_coder(
    tables: CdfTables, first_table: NDArray[np.int32] | None, parent: NDArray[np.int32] | None
) -> compiled.Coder:
    """A C coder for plain tables, or for a tree of channels over them (`first_table` and `parent` ``[channels]``)."""
    return compiled.Coder(
        tables.cumulative, tables.sizes, tables.offsets, tables.precision_bits, tables.has_escape, first_table, parent
    )
