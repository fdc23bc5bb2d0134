"""Which candidate table should code each group of an image's latents: the choice with the fewest bits, found exactly.

The latents of a group cost what its histogram says under each candidate. Naming the candidates costs bits too: they are
coded by a tree (`Prior`), so a group's cheapest table depends on its parent's. Dynamic programming from the leaves to
the roots finds the minimum over all combinations: below any group, what remains is best for each value of it.

Floats live here, but decide nothing that a decoder must repeat: the choice is sent.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import ESCAPE_FIXED_BITS, CdfTables
from isthmus.common.image.tables import ImageTables

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

CHUNK_SYMBOLS = 1 << 18
"""Symbols counted at a time: temporary arrays stay in the cache, whatever the image."""


class EntryCounts:
    """How often each entry of each group's tables codes one of the symbols, and what their escapes add.

    Attributes:
        counts: int64 `[groups, largest size]`; the last entry of a group is its escape.
        escape_bits: plain bits of all escaped values (BITSTREAM.md §7.4), the same in every candidate table.
    """

    __slots__ = ("_last", "_offsets", "_width", "counts", "escape_bits")

    def __init__(self, offsets: Int32, sizes: Int32) -> None:
        """Nothing counted yet; `offsets` and `sizes` int32 `[groups]`, of tables with escapes."""
        self._offsets, self._last = offsets, (sizes - 1).astype(np.uint32)
        self._width = int(sizes.max())
        self.counts: Int64 = np.zeros((len(sizes), self._width), dtype=np.int64)
        self.escape_bits = 0

    def add_channels(self, values: Int32) -> EntryCounts:
        """Count int32 `[groups, n]`: group by group. Returns itself."""
        step = max(1, CHUNK_SYMBOLS // max(1, values.shape[1]))
        for start in range(0, len(values), step):
            part = slice(start, start + step)
            offsets, last = self._offsets[part, None], self._last[part, None]
            base = np.arange(start, start + len(offsets), dtype=np.uint32)[:, None] * np.uint32(self._width)
            self._add(values[part], offsets, last, base)
        return self

    def add_indexed(self, values: Int32, groups: Int32) -> EntryCounts:
        """Count int32 `[n]`, each of the group that `groups` `[n]` says. Returns itself."""
        for start in range(0, len(values), CHUNK_SYMBOLS):
            group = groups[start : start + CHUNK_SYMBOLS]
            base = group.astype(np.uint32) * np.uint32(self._width)
            self._add(values[start : start + CHUNK_SYMBOLS], self._offsets[group], self._last[group], base)
        return self

    def _add(self, values: Int32, offsets: Int32, last: NDArray[np.uint32], base: NDArray[np.uint32]) -> None:
        # A value below the table turns into a large unsigned number, and so into the escape as one above it does.
        entries = np.subtract(values, offsets).view(np.uint32)
        escaped = entries >= last
        if escaped.any():
            self.escape_bits += _escape_bits(values, offsets, last, escaped)
            entries = np.minimum(entries, last)
        entries += base
        self.counts += np.bincount(entries.ravel(), minlength=self.counts.size).reshape(self.counts.shape)

    def bits(self, tables: CdfTables) -> float:
        """Ideal bits of what was counted, with one table a group."""
        return float((self.counts * entry_bits(tables)[:, : self._width]).sum()) + self.escape_bits


class TableChoice:
    """The cheapest choice of candidate tables. Holds the bits of every entry of every table of one codec.

    Args:
        tables: of the codec.
    """

    def __init__(self, tables: ImageTables) -> None:
        first, sizes, bits = tables.first_table.tolist(), tables.tables.sizes, entry_bits(tables.tables)
        self._bits = [np.ascontiguousarray(bits[a:b, : sizes[a]]) for a, b in pairwise(first)]
        choice, names = tables.choice, entry_bits(tables.choice.tables)
        self._parent: list[int] = choice.parent.tolist()
        counts = tables.candidate_counts.tolist()
        self._choice_bits = [
            names[table : table + (counts[parent] if parent >= 0 else 1), :count]
            for table, parent, count in zip(choice.first_table.tolist(), self._parent, counts, strict=True)
        ]

    def costs(self, counts: EntryCounts) -> list[Float64]:
        """Bits of each group's latents under each of its tables, but for escapes: float64 `[candidates]` a group."""
        return [
            bits @ row[: bits.shape[1]] for bits, row in zip(self._bits, counts.counts.astype(np.float64), strict=True)
        ]

    def cheapest(self, costs: list[Float64]) -> Int32:
        """The choice, int32 `[groups]`, with the fewest bits for latents and choice together; of equals the first."""
        totals = [cost.copy() for cost in costs]  # of a group's table, and of all below it
        best: list[Int64] = [np.empty(0, dtype=np.int64)] * len(totals)
        for group in range(len(totals) - 1, -1, -1):
            below = self._choice_bits[group] + totals[group]  # [the parent's tables, the group's]
            best[group] = below.argmin(1)
            if self._parent[group] >= 0:
                totals[self._parent[group]] += below.min(1)
        chosen: list[int] = []
        for group, parent in enumerate(self._parent):
            chosen.append(int(best[group][chosen[parent] if parent >= 0 else 0]))
        return np.array(chosen, dtype=np.int32)


def entry_bits(tables: CdfTables) -> Float64:
    """Bits of each entry of each table, float64 `[tables, largest size]`; 0 past a table's size."""
    frequencies = np.diff(tables.cumulative.astype(np.int64), axis=1)
    bits: Float64 = np.where(frequencies > 0, tables.precision_bits - np.log2(np.maximum(frequencies, 1)), 0.0)
    return bits


def _escape_bits(values: Int32, offsets: Int32, last: NDArray[np.uint32], escaped: NDArray[np.bool_]) -> int:
    """Plain bits of the escaped values, all together."""
    entry = values[escaped].astype(np.int64) - np.broadcast_to(offsets, values.shape)[escaped]
    count = np.broadcast_to(last, values.shape)[escaped].astype(np.int64)
    distance = np.where(entry < 0, -entry, entry - count + 1)
    # `frexp` of an integer below 2**53 is exact: its exponent is the bit length.
    length = np.frexp(distance.astype(np.float64))[1]
    return int((ESCAPE_FIXED_BITS + 2 * (length.astype(np.int64) - 1)).sum())
