"""Integer tables of cumulative frequencies, and the best way to round a density into one. BITSTREAM.md §7.

No float decides a bit: floats end here, at freezing time, and only the integers are stored in a manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.common.bits.symbols import INT32_MAX, INT32_MIN
from isthmus.common.errors import InputError, SymbolRangeError

MAX_PRECISION_BITS = 16
# Bits of an escape's sign and of the zero that ends its prefix (BITSTREAM.md §7.4).
ESCAPE_FIXED_BITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class CdfTables:
    """Tables of cumulative frequencies, one row a table, valid from birth.

    Value `v` in table `t` has entry `v - offsets[t]`, and that entry has the frequency
    `cumulative[t, entry + 1] - cumulative[t, entry]` of `2**precision_bits`.

    Attributes:
        cumulative: uint32 `[tables, largest size + 1]`; a row starts at 0, grows strictly for `sizes[t]` entries to
            `2**precision_bits`, and is padded with that.
        sizes: int32 `[tables]`, entries of each table, the escape among them.
        offsets: int32 `[tables]`, the value of entry 0.
        precision_bits: 1 to 16.
        has_escape: whether the last entry of every table stands for "a value outside, which follows".

    Raises:
        InputError: a rule above is broken; the message names the table.
    """

    cumulative: NDArray[np.uint32]
    sizes: NDArray[np.int32]
    offsets: NDArray[np.int32]
    precision_bits: int
    has_escape: bool = False
    # Where each table's likeliest entry starts (the first of equals), int64 [tables]: the coder puts it first.
    likeliest: NDArray[np.int64] = field(init=False, repr=False)
    # What the C coder made of these tables, kept by `range_coder`: empty or one object.
    compiled: list[object] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.precision_bits <= MAX_PRECISION_BITS:
            raise InputError(f"expected precision_bits from 1 to {MAX_PRECISION_BITS}, got {self.precision_bits}")
        object.__setattr__(self, "precision_bits", int(self.precision_bits))
        object.__setattr__(self, "has_escape", bool(self.has_escape))
        cumulative = _within(self.cumulative, 0, 2**self.precision_bits, "cumulative").astype(np.uint32, order="C")
        sizes = _within(self.sizes, 1, 2**self.precision_bits, "sizes").astype(np.int32, order="C")
        offsets = _within(self.offsets, INT32_MIN, INT32_MAX, "offsets").astype(np.int32, order="C")
        for name, array in (("cumulative", cumulative), ("sizes", sizes), ("offsets", offsets)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        count = len(sizes)
        if cumulative.ndim != 2 or not count or sizes.shape != (count,) or offsets.shape != (count,):
            raise InputError(
                "expected cumulative [tables, entries + 1], sizes [tables] and offsets [tables], got "
                f"{cumulative.shape}, {sizes.shape} and {offsets.shape}"
            )
        if cumulative.shape != (count, int(sizes.max()) + 1):
            raise InputError(
                f"expected cumulative of shape {(count, int(sizes.max()) + 1)} for {count} tables of at most "
                f"{int(sizes.max())} entries, got {cumulative.shape}"
            )
        steps = np.diff(cumulative.astype(np.int64), axis=1)
        inside = np.arange(steps.shape[1]) < sizes[:, None]
        good = np.where(inside, steps >= 1, steps == 0).all(1)
        good &= (cumulative[:, 0] == 0) & (cumulative[:, -1] == 2**self.precision_bits)
        if not good.all():
            raise InputError(
                f"table {int(np.argmin(good))}: expected cumulative frequencies that grow strictly from 0 to "
                f"{2**self.precision_bits}"
            )
        last = offsets.astype(np.int64) + sizes - self.has_escape - 1
        if (last > INT32_MAX).any():
            table = int(np.argmax(last > INT32_MAX))
            raise InputError(f"table {table}: expected values within int32, the last is {int(last[table])}")

        likeliest = np.argmax(steps, axis=1)
        object.__setattr__(self, "likeliest", cumulative[np.arange(count), likeliest].astype(np.int64))

    @classmethod
    def from_frequencies(
        cls, frequencies: Sequence[ArrayLike], offsets: ArrayLike, precision_bits: int, *, has_escape: bool = False
    ) -> CdfTables:
        """Tables from one list of frequencies each, ``[entries]``; every list must sum to `2**precision_bits`."""
        sizes = np.array([np.size(row) for row in frequencies], dtype=np.int64)
        if not len(sizes) or sizes.min() < 1:
            raise InputError("expected at least one table, and at least one entry in each")
        flat = np.concatenate([np.asarray(row, dtype=np.int64) for row in frequencies])
        return cls.from_flat_frequencies(flat, sizes, offsets, precision_bits, has_escape=has_escape)

    @classmethod
    def from_flat_frequencies(
        cls,
        frequencies: NDArray[np.int64],
        sizes: NDArray[np.int64],
        offsets: ArrayLike,
        precision_bits: int,
        *,
        has_escape: bool = False,
    ) -> CdfTables:
        """As `from_frequencies`, all lists joined into one ``[entries]``, their lengths in `sizes` ``[tables]``."""
        if not 1 <= precision_bits <= MAX_PRECISION_BITS:
            raise InputError(f"expected precision_bits from 1 to {MAX_PRECISION_BITS}, got {precision_bits}")
        if frequencies.min() < 1 or frequencies.max() > 2**precision_bits:
            raise InputError(
                f"expected frequencies from 1 to {2**precision_bits}, got {frequencies.min()} to {frequencies.max()}"
            )
        rows = np.zeros((len(sizes), int(sizes.max()) + 1), dtype=np.int64)
        rows[:, 1:][np.arange(rows.shape[1] - 1) < sizes[:, None]] = frequencies
        cumulative = np.cumsum(rows, axis=1)
        sums = cumulative[:, -1]
        if (sums != 2**precision_bits).any():
            table = int(np.argmax(sums != 2**precision_bits))
            raise InputError(f"table {table}: expected frequencies that sum to {2**precision_bits}, got {sums[table]}")
        return cls(
            cumulative.astype(np.uint32), sizes.astype(np.int32), np.asarray(offsets), precision_bits, has_escape
        )

    @property
    def count(self) -> int:
        """Number of tables."""
        return len(self.sizes)

    @property
    def value_counts(self) -> NDArray[np.int32]:
        """Values each table codes without escape, int32 `[tables]`."""
        return self.sizes - np.int32(self.has_escape)

    def frequencies(self, table: int) -> NDArray[np.int64]:
        """Frequencies of one table, int64 ``[size]``."""
        row = self.cumulative[table, : self.sizes[table] + 1].astype(np.int64)
        return row[1:] - row[:-1]

    def bits(self, values: ArrayLike, table_indices: ArrayLike) -> NDArray[np.float64]:
        """Ideal bits of each value in its table, float64 of the values' shape ``[...]``.

        Raises:
            SymbolRangeError: a value lies outside its table and there is no escape.
        """
        v = np.asarray(values, dtype=np.int64)
        t = np.asarray(table_indices, dtype=np.int64)
        if t.size and (t.min() < 0 or t.max() >= self.count):
            raise InputError(f"expected table indices from 0 to {self.count - 1}, got {t.min()} to {t.max()}")
        v, t = np.broadcast_arrays(v, t)
        entry = v - self.offsets[t]
        known = self.value_counts[t].astype(np.int64)
        outside = (entry < 0) | (entry >= known)
        if not self.has_escape and outside.any():
            at = tuple(int(i) for i in np.argwhere(outside)[0])
            raise SymbolRangeError(out_of_range(f"symbol {list(at)}", int(v[at]), int(t[at]), self))
        escaped = np.where(entry < 0, -1 - entry, entry - known)
        entry = np.where(outside, known, entry)
        frequency = (self.cumulative[t, entry + 1] - self.cumulative[t, entry]).astype(np.float64)
        bits: NDArray[np.float64] = self.precision_bits - np.log2(frequency)
        if self.has_escape and outside.any():
            # `frexp` of an integer below 2**53 is exact: its exponent is the bit length.
            length = np.frexp(np.where(outside, escaped + 1, 1).astype(np.float64))[1]
            bits = bits + np.where(outside, ESCAPE_FIXED_BITS + 2 * (length - 1), 0)
        return bits

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CdfTables):
            return NotImplemented
        return (
            (self.precision_bits, self.has_escape) == (other.precision_bits, other.has_escape)
            and np.array_equal(self.cumulative, other.cumulative)
            and np.array_equal(self.sizes, other.sizes)
            and np.array_equal(self.offsets, other.offsets)
        )

    def __hash__(self) -> int:
        return hash((self.precision_bits, self.has_escape, self.cumulative.tobytes(), self.offsets.tobytes()))

    def __reduce__(self) -> tuple[object, ...]:
        # The compiled tables stay behind: the copy compiles its own.
        return CdfTables, (self.cumulative, self.sizes, self.offsets, self.precision_bits, self.has_escape)


def out_of_range(where: str, value: int, table: int, tables: CdfTables) -> str:
    """The message for a symbol that its table cannot code."""
    first = int(tables.offsets[table])
    last = first + int(tables.value_counts[table]) - 1
    return f"{where}: expected a value from {first} to {last} (table {table}, no escape), got {value}"


def quantize_pmf(
    pmfs: Sequence[ArrayLike],
    offsets: ArrayLike,
    precision_bits: int = MAX_PRECISION_BITS,
    *,
    has_escape: bool = False,
) -> CdfTables:
    """The integer tables with the smallest expected code length under each density, every entry at least 1.

    The expected length is a sum of convex functions of one frequency each, so a table from which no single unit can
    be moved with a gain is optimal. The rounded density is a few moves away from it.

    Args:
        pmfs: one list of non-negative weights a table (they need not sum to 1); sizes may differ. With `has_escape`
            the last weight is the escape's.
        offsets: int `[tables]`, the value of each table's first entry.
        precision_bits: every table sums to `2**precision_bits`.
        has_escape: whether the last entry of every table is the escape.

    Raises:
        InputError: a density is empty, negative, not finite, all zero, or longer than `2**precision_bits`.
    """
    if not 1 <= precision_bits <= MAX_PRECISION_BITS:
        raise InputError(f"expected precision_bits from 1 to {MAX_PRECISION_BITS}, got {precision_bits}")
    rows = []
    for table, pmf in enumerate(pmfs):
        weights = np.asarray(pmf, dtype=np.float64)
        if weights.ndim != 1 or not 1 <= len(weights) <= 2**precision_bits:
            raise InputError(
                f"table {table}: expected 1 to {2**precision_bits} weights, got an array of shape {weights.shape}"
            )
        if not np.isfinite(weights).all() or weights.min() < 0 or weights.max() <= 0:
            raise InputError(f"table {table}: expected finite weights, none negative and not all zero")
        rows.append(_round_optimally(weights / weights.sum(), 2**precision_bits))
    return CdfTables.from_frequencies(rows, offsets, precision_bits, has_escape=has_escape)


def _round_optimally(pmf: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Frequencies of at least 1 that sum to `total` and minimise `-sum(pmf * log(frequency))`."""
    frequency = np.maximum(1, np.floor(pmf * total)).astype(np.int64)

    def gain(f: NDArray[np.int64]) -> NDArray[np.float64]:
        """What one unit more saves."""
        return pmf * np.log1p(1 / f)

    def loss(f: NDArray[np.int64]) -> NDArray[np.float64]:
        """What one unit less costs: the gain of the unit that would bring it back, bit for bit."""
        return np.where(f > 1, pmf * np.log1p(1 / np.maximum(f - 1, 1)), np.inf)

    missing = total - int(frequency.sum())
    while missing:
        at = int(np.argmax(gain(frequency))) if missing > 0 else int(np.argmin(loss(frequency)))
        frequency[at] += 1 if missing > 0 else -1
        missing = total - int(frequency.sum())
    while True:
        gains, losses = gain(frequency), loss(frequency)
        to, source = int(np.argmax(gains)), int(np.argmin(losses))
        if not gains[to] > losses[source]:
            return frequency
        frequency[to] += 1
        frequency[source] -= 1


def _within(array: ArrayLike, smallest: int, largest: int, name: str) -> NDArray[Any]:
    """The array, if it holds integers within bounds."""
    source = np.asarray(array)
    if source.dtype.kind not in "iu":
        raise InputError(f"expected {name} as integers, got {source.dtype}")
    if source.size and (int(source.min()) < smallest or int(source.max()) > largest):
        raise InputError(f"expected {name} from {smallest} to {largest}, got {source.min()} to {source.max()}")
    return source
