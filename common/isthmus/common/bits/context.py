"""Tables chosen by context: the entropy model that adapts to every place of an image at no side information.

Theory of operation. What the static tables of an entropy bottleneck miss is mostly one thing: how busy the image is
here. Latents already coded tell that: those to the left and above in the same channel, and all around in the channels
coded before. So every latent has an integer *activity*,

    activity = sum over taps of weight * min(|y of the tap|, 15),

whose thresholds cut it into classes, and each class of each channel has its own static table. The decoder computes the
same sum from what it has decoded. Nothing is sent for it and no float takes part.

```
tap of the same channel: above, or to the left      tap of a channel coded before: anywhere within 2
    x x x x x                                           x x x x x
    x x x x x                                           x x x x x
    x x ?                                               x x x x x   (and of the sum of all of them)
```

Eight taps a channel, and one addition for the sum, cost M * 9 / 256 multiply-adds a pixel: nine at 256 channels. The
classes are learned with the tables (`isthmus.training.contexts`).

What both sides know without coding it can take part as well: *given* channels come before all others, and taps look at
them from anywhere. And where a mask says that all latents of a place are 0, nothing is coded. So a residual is coded
where there is one only, and knows how active its prediction is. Implements BITSTREAM.md §7.8.
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
from isthmus.common.bits.taps import LARGEST_MAGNITUDE, REACH, SUM_CHANNEL, check_taps
from isthmus.common.errors import InputError

try:
    from isthmus.common.bits import _range_coder as compiled
except ImportError:  # as in `range_coder`
    compiled = None  # type: ignore[assignment, unused-ignore]

MAX_TAPS = 64
MAX_CLASSES = 64

MAX_GIVEN = MAX_CHANNELS + 1
"""Most given channels: a prediction of every coded one, and one more."""

Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]
Place = tuple[int, int, int]
"""Channel, row and column of a latent."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextModel:
    """Which table codes each latent, valid from birth.

    Attributes:
        tables: all tables; those of one channel lie side by side, one a class, the least active class first.
        order: int32 `[channels]`, the order in which channels are coded; the given ones first, in their own order.
        first_tap: int32 `[channels + 1]`, where each channel's taps start, and their number.
        taps: int32 `[taps, 4]`: channel (or `SUM_CHANNEL`), rows down, columns right, weight.
        first_threshold: int32 `[channels + 1]`, where each channel's thresholds start, and their number.
        thresholds: int32, rising within a channel; an activity's class is the number of thresholds it reaches.
        first_table: int32 `[channels]`, table of each channel's class 0.
        given: how many channels are not coded, but known: those from 0 on, without taps and thresholds. Coded channel
            c of the latents is channel `given + c` of the model.

    Raises:
        InputError: a tap reaches what is not coded yet, or an array does not fit the others.
    """

    tables: CdfTables
    order: Int32
    first_tap: Int32
    taps: Int32
    first_threshold: Int32
    thresholds: Int32
    first_table: Int32
    given: int = 0
    _context: Any = field(init=False, repr=False)
    _coder: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("order", "first_tap", "first_threshold", "thresholds", "first_table", "taps"):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.int32)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        self._check_shapes()
        check_taps(self.order, self.first_tap, self.taps, self.given)
        arrays = (self.order, self.first_tap, self.taps, self.first_threshold, self.thresholds, self.first_table)
        context = compiled.Context(*arrays, self.given) if compiled is not None else None
        object.__setattr__(self, "_context", context)
        object.__setattr__(self, "_coder", compile_coder(self.tables, None, None) if compiled is not None else None)

    @property
    def channels(self) -> int:
        """Channels of the latents, which are coded."""
        return len(self.order) - self.given

    @property
    def macs_per_latent_position(self) -> int:
        """Multiply-adds for all channels at one position of the latents, and one addition a channel for the sum."""
        return len(self.taps) + self.channels

    def encode(self, y: Int32, given: Int32 | None = None, mask: Mask | None = None) -> bytes:
        """The section of latents `[channels, h, w]`.

        Args:
            y: 0 wherever the mask is false.
            given: int32 `[given, h, w]`, for a model with given channels.
            mask: bool `[h, w]`: places whose latents are coded; None for all.

        Raises:
            SymbolRangeError: a latent lies outside its table and there is no escape.
        """
        return self.encode_measured(y, given, mask)[0]

    def encode_measured(self, y: Int32, given: Int32 | None = None, mask: Mask | None = None) -> tuple[bytes, float]:
        """The section of latents int32 ``[channels, h, w]``, as `encode` gives it, and their ideal bits."""
        values = self._latents(y)
        known, coded = self._known(given, mask, values.shape[1:])
        if coded is not None and values[:, ~coded].any():
            raise InputError("latents: expected 0 wherever the mask is false")
        if compiled is None or self._coder is None:
            section = self.encode_reference(values, known, coded)
            bits = self.tables.bits(values, self.table_indices(values, known, coded))
            return section, float(bits.sum() if coded is None else bits[:, coded].sum())
        result = self._coder.encode_context(self._context, values, *values.shape[1:], known, coded)
        if len(result) == 3:
            # The share of all symbols together, to 2**-32 of a bit each: what is left of the interval.
            section, settled_bytes, length = result
            return section, 8 * settled_bytes + math.log2(WINDOW) - math.log2(length)
        kind, place = result
        table = int(self.table_indices(values, known, coded).ravel()[place])
        raise encode_error(kind, f"latent {place}", int(values.ravel()[place]), table, self.tables)

    def decode(
        self, section: bytes, height: int, width: int, given: Int32 | None = None, mask: Mask | None = None
    ) -> Int32:
        """The latents `[channels, height, width]` that `encode` was given; the caller bounds their number.

        Raises:
            PacketError: `encode` writes no such bytes.
        """
        known, coded = self._known(given, mask, (height, width))
        if compiled is None or self._coder is None:
            return self.decode_reference(section, height, width, known, coded)
        result = self._coder.decode_context(self._context, section, height, width, known, coded)
        if isinstance(result, bytes):
            return np.frombuffer(result, dtype=np.int32).reshape(self.channels, height, width)
        kind, place = result
        raise decode_error(kind, place, self.tables.count)

    def table_indices(self, y: Int32, given: Int32 | None = None, mask: Mask | None = None) -> Int32:
        """The table of each latent, int32 ``[channels, h, w]`` as `y`; without meaning where the mask is false."""
        values = self._latents(y)
        known, coded = self._known(given, mask, values.shape[1:])
        if compiled is None or self._coder is None:
            shape = (values.shape[1], values.shape[2])
            return self._walk(*shape, lambda place, _: int(values[place]), known, coded)[1]
        result = self._coder.context_tables(self._context, values, *values.shape[1:], known, coded)
        if not isinstance(result, bytes):
            raise MemoryError
        return np.frombuffer(result, dtype=np.int32).reshape(values.shape)

    def encode_reference(self, y: Int32, given: Int32 | None = None, mask: Mask | None = None) -> bytes:
        """`encode` of latents ``[channels, h, w]``, in Python."""
        encoder = ReferenceEncoder(self.tables)

        def put(place: Place, table: int) -> int:
            value = int(y[place])
            if kind := encoder.put(value, table):
                raise encode_error(kind, f"latent {list(place)}", value, table, self.tables)
            return value

        self._walk(y.shape[1], y.shape[2], put, given, mask)
        return encoder.finish()

    def decode_reference(
        self, section: bytes, height: int, width: int, given: Int32 | None = None, mask: Mask | None = None
    ) -> Int32:
        """`decode` to ``[channels, height, width]``, in Python: the specification, one latent after the other."""
        decoder = ReferenceDecoder(section, self.tables)
        shape = (self.channels, height, width)

        def get(place: Place, table: int) -> int:
            return decoder.get_or_raise(table, int(np.ravel_multi_index(place, shape)))

        values, _ = self._walk(height, width, get, given, mask)
        decoder.finish_or_raise()
        values.flags.writeable = False
        return values

    def _walk(
        self,
        height: int,
        width: int,
        code: Callable[[Place, int], int],
        given: Int32 | None = None,
        mask: Mask | None = None,
    ) -> tuple[Int32, Int32]:
        """Values and tables of all latents in coding order; `code(place, table)` gives or takes each value."""
        values = np.zeros((self.channels, height, width), np.int32)
        tables = np.zeros_like(values)
        # A border of zeros, so that taps may reach over the edges.
        planes = np.zeros((len(self.order), height + 2 * REACH, width + 2 * REACH), np.int64)
        if given is not None:
            inside = planes[: self.given, REACH : REACH + height, REACH : REACH + width]
            inside[:] = np.minimum(np.abs(given.astype(np.int64)), LARGEST_MAGNITUDE)
        total = np.zeros(planes.shape[1:], np.int64)
        for channel in self.order[self.given :].tolist():
            taps = self.taps[self.first_tap[channel] : self.first_tap[channel + 1]].tolist()
            thresholds = self.thresholds[self.first_threshold[channel] : self.first_threshold[channel + 1]].tolist()
            for row in range(height):
                for column in range(width):
                    if mask is not None and not mask[row, column]:
                        continue
                    activity = 0
                    for source, down, right, weight in taps:
                        plane = total if source == SUM_CHANNEL else planes[source]
                        activity += weight * int(plane[row + REACH + down, column + REACH + right])
                    table = int(self.first_table[channel]) + sum(activity >= t for t in thresholds)
                    place = (channel - self.given, row, column)
                    value = code(place, table)
                    values[place], tables[place] = value, table
                    planes[channel, row + REACH, column + REACH] = min(abs(value), LARGEST_MAGNITUDE)
            total += planes[channel]
        return values, tables

    def __reduce__(self) -> tuple[object, ...]:
        arrays = (self.order, self.first_tap, self.taps, self.first_threshold, self.thresholds, self.first_table)
        return ContextModel, (self.tables, *arrays, self.given)

    def _latents(self, y: Int32) -> Int32:
        if y.ndim != 3 or y.shape[0] != self.channels or 0 in y.shape:
            raise InputError(f"expected latents of shape [{self.channels}, h, w], got {list(y.shape)}")
        return np.ascontiguousarray(y, dtype=np.int32)

    def _known(
        self, given: Int32 | None, mask: Mask | None, shape: tuple[int, ...]
    ) -> tuple[Int32 | None, Mask | None]:
        """Given channels and mask of latents `[_, *shape]`, contiguous."""
        if (given.shape if given is not None else (0, *shape)) != (self.given, *shape):
            got = list(given.shape) if given is not None else "none"
            raise InputError(f"given: expected channels of shape {[self.given, *shape]}, got {got}")
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != shape):
            raise InputError(f"mask: expected bool of shape {list(shape)}, got {mask.dtype} {list(mask.shape)}")
        known = np.ascontiguousarray(given, dtype=np.int32) if given is not None and self.given else None
        return known, np.ascontiguousarray(mask) if mask is not None else None

    def _check_shapes(self) -> None:
        channels, given = len(self.order), self.given
        if self.taps.ndim != 2 or self.taps.shape[1] != 4 or not channels:
            raise InputError(f"expected channels, and taps of shape [taps, 4], got {channels} and {self.taps.shape}")
        if not 0 <= given <= MAX_GIVEN or given >= channels:
            raise InputError(f"given: expected 0 to {MAX_GIVEN} and fewer than the {channels} channels, got {given}")
        if channels - given > MAX_CHANNELS or sorted(self.order.tolist()) != list(range(channels)):
            raise InputError(f"order: expected each of up to {MAX_CHANNELS} channels once, got {channels} numbers")
        if self.order[:given].tolist() != list(range(given)):
            raise InputError(f"order: expected the {given} given channels first, in their own order")
        for name, count, most in (
            ("first_tap", len(self.taps), MAX_TAPS),
            ("first_threshold", len(self.thresholds), MAX_CLASSES - 1),
        ):
            starts = getattr(self, name).astype(np.int64)
            steps = np.diff(starts)
            if starts.shape != (channels + 1,) or starts[0] or starts[-1] != count or steps.min() < 0:
                raise InputError(f"{name}: expected {channels + 1} rising numbers from 0 to {count}")
            if steps.max() > most:
                raise InputError(f"{name}: expected at most {most} a channel, got {steps.max()}")
            if steps[:given].any():
                raise InputError(f"{name}: expected none for the {given} given channels")
        classes = np.diff(self.first_threshold) + 1
        last = self.first_table.astype(np.int64) + classes
        if self.first_table.shape != (channels,) or self.first_table.min() < 0 or last.max() > self.tables.count:
            raise InputError(f"first_table: expected {channels} channels' classes within {self.tables.count} tables")
        rising = np.diff(self.thresholds.astype(np.int64)) > 0
        inner = self.first_threshold[1:-1]
        rising[inner[(inner > 0) & (inner < len(self.thresholds))] - 1] = True
        if not rising.all():
            raise InputError("thresholds: expected them to rise within each channel")
