"""Tables chosen by what a latent is expected to be, and by how far its neighbours went beyond what they were.

Theory of operation. Where latents come from a fixed linear transform, most of what can be known of one before it is
coded is a number: the mean magnitude of the latents at its place, in steps of the quantiser. Both sides compute it for
any step, so one set of tables serves all qualities. What remains is how busy this frame is here, and the latents coded
before tell that: their magnitudes, summed, against the sum that was expected of them.

```
class   = how many edges the expected magnitude reaches                              (0 .. edges)
ratio   = how many thresholds  (found + inertia) / (expected + inertia)  reaches     (0 .. thresholds)
table   = class * (thresholds + 1) + ratio
```

Found and expected are weighted over *taps*: in the channel itself, to the left and above; in channels a few back, and
in the sum of all channels before, anywhere within 2. Taps, edges, thresholds and tables are shared by all channels and
places, so a hundred photographs are plenty to count them from. All is integers. Implements BITSTREAM.md §7.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.prior import MAX_CHANNELS
from isthmus.common.bits.range_coder import compile_coder
from isthmus.common.bits.reference_coder import WINDOW, ReferenceDecoder, ReferenceEncoder, decode_error, encode_error
from isthmus.common.bits.taps import LARGEST_MAGNITUDE, REACH, SUM_CHANNEL
from isthmus.common.errors import InputError

try:
    from isthmus.common.bits import _range_coder as compiled
except ImportError:  # as in `range_coder`
    compiled = None  # type: ignore[assignment, unused-ignore]

EXPECTED_BITS = 10
"""What is expected comes in units of 2^-10."""
RATIO_BITS = 6
"""Thresholds come in units of 2^-6."""
MOST_BACK = 16
"""Furthest channel back that a tap may lie in."""
MAX_TAPS = 64
MAX_CLASSES = 64
"""Most classes of either kind."""
MAX_WEIGHT = 255
MAX_INERTIA = 1 << 24
MAX_THRESHOLD = 1 << 16
MAX_EXPECTED = 1 << 24

Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]
Place = tuple[int, int, int]
"""Channel, row and column of a latent."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpectationModel:
    """Which table codes each latent, valid from birth. It knows of no number of channels.

    Attributes:
        tables: with escapes; class by class of what is expected, and within it ratio by ratio.
        taps: int32 `[taps, 4]`: channels back (0 the latent's own, `SUM_CHANNEL` the sum of all before), rows down,
            columns right, weight from 1 to 255.
        edges: int32, rising: what is expected, in 1/1024, from which on the next class begins.
        thresholds: int32, rising: ratios, in 1/64, from which on the next begins.
        inertia: added to found and expected, in 1/1024 of a weight: how much must be known before it counts.

    Raises:
        InputError: a tap reaches what is not coded yet, or an array does not fit the others.
    """

    tables: CdfTables
    taps: Int32
    edges: Int32
    thresholds: Int32
    inertia: int
    _coder: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("taps", "edges", "thresholds"):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.int32)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        self._check()
        object.__setattr__(self, "_coder", compile_coder(self.tables, None, None) if compiled is not None else None)

    @property
    def ratios(self) -> int:
        """Tables of one class."""
        return len(self.thresholds) + 1

    def encode_measured(self, y: Int32, expected: Int32, mask: Mask | None = None) -> tuple[bytes, float]:
        """(the section of latents, its ideal bits).

        Args:
            y: int32 `[M, h, w]`, 0 wherever the mask is false.
            expected: int32 `[M, h, w]`: their magnitudes in 1/1024.
            mask: bool `[h, w]`: places whose latents are coded; None for all.

        Raises:
            InputError: arrays of other shapes.
        """
        values = self._latents(y)
        known, coded = self._known(expected, mask, values.shape)
        if coded is not None and values[:, ~coded].any():
            raise InputError("latents: expected 0 wherever the mask is false")
        if compiled is None or self._coder is None:
            bits = self.tables.bits(values, self.table_indices(values, known, coded))
            section = self.encode_reference(values, known, coded)
            return section, float(bits.sum() if coded is None else bits[:, coded].sum())
        result = self._coder.encode_expected(*self._parts, values, known, coded, *values.shape)
        if len(result) == 3:
            section, settled_bytes, length = result
            return section, 8 * settled_bytes + math.log2(WINDOW) - math.log2(length)
        kind, place = result
        raise encode_error(kind, f"latent {place}", int(values.ravel()[place]), 0, self.tables)

    def decode(self, section: bytes, expected: Int32, mask: Mask | None = None) -> Int32:
        """The latents int32 `[M, h, w]` that a section was made of; the caller bounds their number.

        Raises:
            PacketError: no encoder writes such bytes.
        """
        known, coded = self._known(expected, mask, expected.shape)
        if compiled is None or self._coder is None:
            return self.decode_reference(section, known, coded)
        result = self._coder.decode_expected(*self._parts, section, known, coded, *known.shape)
        if isinstance(result, bytes):
            return np.frombuffer(result, dtype=np.int32).reshape(known.shape)
        kind, place = result
        raise decode_error(kind, place, self.tables.count)

    def table_indices(self, y: Int32, expected: Int32, mask: Mask | None = None) -> Int32:
        """The table of each latent, int32 `[M, h, w]`; 0 where the mask is false. Arguments as of `encode_measured`."""
        values = self._latents(y)
        known, coded = self._known(expected, mask, values.shape)
        if compiled is None or self._coder is None:
            return self._walk(lambda place, _: int(values[place]), known, coded)[1]
        result = self._coder.expected_tables(*self._parts, values, known, coded, *values.shape)
        if not isinstance(result, bytes):
            raise MemoryError
        return np.frombuffer(result, dtype=np.int32).reshape(values.shape)

    def encode_reference(self, y: Int32, expected: Int32, mask: Mask | None = None) -> bytes:
        """The section of latents ``[M, h, w]``, in Python."""
        encoder = ReferenceEncoder(self.tables)

        def put(place: Place, table: int) -> int:
            value = int(y[place])
            if kind := encoder.put(value, table):
                raise encode_error(kind, f"latent {list(place)}", value, table, self.tables)
            return value

        self._walk(put, expected, mask)
        return encoder.finish()

    def decode_reference(self, section: bytes, expected: Int32, mask: Mask | None = None) -> Int32:
        """`decode` to ``[M, h, w]``, in Python: the specification, one latent after the other."""
        decoder = ReferenceDecoder(section, self.tables)

        def get(place: Place, table: int) -> int:
            return decoder.get_or_raise(table, int(np.ravel_multi_index(place, expected.shape)))

        values, _ = self._walk(get, expected, mask)
        decoder.finish_or_raise()
        values.flags.writeable = False
        return values

    def _walk(self, code: Callable[[Place, int], int], expected: Int32, mask: Mask | None) -> tuple[Int32, Int32]:
        """Values and tables of all latents in coding order; `code(place, table)` gives or takes each value."""
        channels, height, width = expected.shape
        values, tables = np.zeros(expected.shape, np.int32), np.zeros(expected.shape, np.int32)
        # A border of zeros, so that taps may reach over the edges; the last plane of each is the sum.
        grounds = np.zeros((2, channels + 1, height + 2 * REACH, width + 2 * REACH), np.int64)
        found, known = grounds
        taps, edges, thresholds = self.taps.tolist(), self.edges.tolist(), self.thresholds.tolist()
        for channel in range(channels):
            for row in range(height):
                for column in range(width):
                    if mask is not None and not mask[row, column]:
                        continue
                    sums = [0, 0]
                    for back, down, right, weight in taps:
                        if back <= channel:
                            plane = -1 if back == SUM_CHANNEL else channel - back
                            for k in (0, 1):
                                sums[k] += weight * int(grounds[k, plane, row + REACH + down, column + REACH + right])
                    here = int(expected[channel, row, column])
                    reached = (sums[0] << EXPECTED_BITS) + self.inertia << RATIO_BITS
                    ratio = sum(reached >= t * (sums[1] + self.inertia) for t in thresholds)
                    table = sum(here >= edge for edge in edges) * self.ratios + ratio
                    place = (channel, row, column)
                    value = code(place, table)
                    values[place], tables[place] = value, table
                    found[channel, row + REACH, column + REACH] = min(abs(value), LARGEST_MAGNITUDE)
                    known[channel, row + REACH, column + REACH] = min(here, LARGEST_MAGNITUDE << EXPECTED_BITS)
            grounds[:, -1] += grounds[:, channel]
        return values, tables

    @property
    def _parts(self) -> tuple[Int32, Int32, Int32, int]:
        return self.taps, self.edges, self.thresholds, self.inertia

    def __reduce__(self) -> tuple[object, ...]:
        return ExpectationModel, (self.tables, *self._parts)

    def _latents(self, y: Int32) -> Int32:
        if y.ndim != 3 or not y.size or len(y) > MAX_CHANNELS:
            raise InputError(f"expected latents of shape [M, h, w], got {list(y.shape)}")
        return np.ascontiguousarray(y, dtype=np.int32)

    def _known(self, expected: Int32, mask: Mask | None, shape: tuple[int, ...]) -> tuple[Int32, Mask | None]:
        if expected.shape != shape or expected.ndim != 3 or not expected.size or len(expected) > MAX_CHANNELS:
            raise InputError(f"expected: expected magnitudes of shape {list(shape)}, got {list(expected.shape)}")
        if int(expected.min()) < 0 or int(expected.max()) > MAX_EXPECTED:
            raise InputError(f"expected: expected 0 to {MAX_EXPECTED}, got {expected.min()} to {expected.max()}")
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != shape[1:]):
            raise InputError(f"mask: expected bool of shape {list(shape[1:])}, got {mask.dtype} {list(mask.shape)}")
        known = np.ascontiguousarray(expected, dtype=np.int32)
        return known, np.ascontiguousarray(mask) if mask is not None else None

    def _check(self) -> None:
        if self.taps.ndim != 2 or self.taps.shape[1] != 4 or len(self.taps) > MAX_TAPS:
            raise InputError(f"taps: expected up to {MAX_TAPS} of four numbers, got shape {list(self.taps.shape)}")
        for back, down, right, weight in self.taps.tolist():
            is_near = max(abs(down), abs(right)) <= REACH and SUM_CHANNEL <= back <= MOST_BACK
            is_before = back != 0 or down < 0 or (down == 0 and right < 0)
            if not (is_near and is_before and 1 <= weight <= MAX_WEIGHT):
                raise InputError(
                    f"taps: expected places coded before, within {REACH} and {MOST_BACK} channels, of weights from 1 "
                    f"to {MAX_WEIGHT}, got {(back, down, right, weight)}"
                )
        for name, numbers, most in (
            ("edges", self.edges, MAX_EXPECTED),
            ("thresholds", self.thresholds, MAX_THRESHOLD),
        ):
            is_rising = numbers.ndim == 1 and len(numbers) < MAX_CLASSES and bool((np.diff(numbers) > 0).all())
            if not is_rising or (len(numbers) and not 1 <= numbers[0] <= numbers[-1] <= most):
                raise InputError(f"{name}: expected up to {MAX_CLASSES - 1} rising numbers from 1 to {most}")
        if not 1 <= self.inertia <= MAX_INERTIA:
            raise InputError(f"inertia: expected 1 to {MAX_INERTIA}, got {self.inertia}")
        count = (len(self.edges) + 1) * self.ratios
        if self.tables.count != count or not self.tables.has_escape:
            raise InputError(f"expected {count} tables with escapes, one a class and ratio, got {self.tables.count}")
