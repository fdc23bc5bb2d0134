"""A tree-structured prior over the channels of a signal, on integer tables only. Implements BITSTREAM.md §7.3 and §8.

Each channel has at most one parent among the channels before it, and one table for each value of that parent: the
value of the parent selects the table the child is coded with. Without parents it is a plain factorised prior.

```
channel     0        1        2        3
            ●───────►●        ●───────►●          parent = (-1, 0, -1, 2)
tables      1      size(0)    1      size(2)      first_table = (0, 1, 1 + size(0), 2 + size(0))
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.range_coder import IS_COMPILED, compile_coder
from isthmus.common.bits.reference_coder import ReferenceDecoder, ReferenceEncoder, decode_error, encode_error
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import InputError, IsthmusError, LimitExceededError, ManifestError
from isthmus.common.limits import MAX_SYMBOL_COUNT

MAX_CHANNELS = 4096
MAX_TABLES = 65_536
MAX_TABLE_CELLS = 1 << 22
"""Most entries of the padded table array: tables times (largest size + 1)."""
"""Most symbols one call decodes unless told otherwise."""

JSON_FIELDS = {"first_table", "frequencies", "has_escape", "offsets", "parent", "precision_bits"}


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """The tables of every channel, and which channel selects them.

    Attributes:
        tables: all tables; those of one channel lie side by side and share offset and size.
        first_table: int32 `[channels]`, the channel's table, or the one for its parent's lowest value.
        parent: int32 `[channels]`, an earlier channel, or -1.

    Raises:
        InputError: a rule above is broken; the message names the channel.
    """

    tables: CdfTables
    first_table: NDArray[np.int32]
    parent: NDArray[np.int32]
    _offsets: NDArray[np.int32] = field(init=False, repr=False)
    _value_counts: NDArray[np.int32] = field(init=False, repr=False)
    _coder: Any = field(init=False, repr=False)
    _channels: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        first, parent = _channel_array(self.first_table, "first_table"), _channel_array(self.parent, "parent")
        if first.shape != parent.shape or not 1 <= len(first) <= MAX_CHANNELS:
            raise InputError(
                f"expected first_table and parent of one length, 1 to {MAX_CHANNELS}, got {len(first)} and "
                f"{len(parent)}"
            )
        tables = self.tables
        counts = tables.value_counts
        for channel, (table, above) in enumerate(zip(first.tolist(), parent.tolist(), strict=True)):
            if not -1 <= above < channel:
                raise InputError(f"channel {channel}: expected a parent from -1 to {channel - 1}, got {above}")
            fan = max(1, int(counts[first[above]])) if above >= 0 else 1
            if table < 0 or table + fan > tables.count:
                raise InputError(
                    f"channel {channel}: expected {fan} tables from {table} on, there are {tables.count} tables"
                )
            mine = slice(table, table + fan)
            if np.any(tables.sizes[mine] != tables.sizes[table]) or np.any(
                tables.offsets[mine] != tables.offsets[table]
            ):
                raise InputError(f"channel {channel}: expected its {fan} tables to share one offset and one size")
        values = {
            "first_table": first,
            "parent": parent,
            "_offsets": tables.offsets[first],
            "_value_counts": counts[first],
            "_coder": compile_coder(tables, first, parent) if IS_COMPILED else None,
            "_channels": len(first),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def independent(cls, tables: CdfTables) -> Prior:
        """A prior without parents: one table a channel."""
        return cls(tables, np.arange(tables.count, dtype=np.int32), np.full(tables.count, -1, dtype=np.int32))

    @property
    def channels(self) -> int:
        """Symbols of one signal."""
        return self._channels

    @property
    def offsets(self) -> NDArray[np.int32]:
        """Lowest value of each channel's tables, int32 `[channels]`."""
        return self._offsets

    @property
    def value_counts(self) -> NDArray[np.int32]:
        """Values each channel codes without escape, int32 `[channels]`."""
        return self._value_counts

    def encode(self, symbols: Symbols) -> bytes:
        """The section of one or more signals, signal by signal, channel by channel.

        Raises:
            InputError: the symbols are not `[signals, channels]`.
            SymbolRangeError: a symbol lies outside its channel's values and there is no escape.
        """
        values = symbols.values
        if values.ndim != 2 or values.shape[1] != self._channels:
            raise InputError(f"expected symbols of shape [signals, {self._channels}], got {list(values.shape)}")
        if self._coder is None:
            return self.encode_reference(symbols)
        result = self._coder.encode_signals(values)
        if type(result) is bytes:
            return result
        raise self._encode_error(result[0], result[1], values)

    def decode(self, section: bytes, signals: int = 1, max_symbol_count: int = MAX_SYMBOL_COUNT) -> Symbols:
        """The symbols `[signals, channels]` that `encode` was given.

        Raises:
            LimitExceededError: more than `max_symbol_count` symbols; nothing is allocated.
            PacketError: `encode` writes no such bytes.
        """
        if signals < 1:
            raise InputError(f"expected at least one signal, got {signals}")
        if signals * self._channels > max_symbol_count:
            raise LimitExceededError(
                f"section: expected at most {max_symbol_count} symbols, got {signals} signals of {self._channels}"
            )
        if self._coder is None:
            return self.decode_reference(section, signals)
        result = self._coder.decode_signals(section, signals)
        if type(result) is bytes:
            return Symbols(np.frombuffer(result, dtype=np.int32).reshape(signals, self._channels))
        raise decode_error(result[0], result[1], self.tables.count)

    def encode_reference(self, symbols: Symbols) -> bytes:
        """`encode`, in Python."""
        encoder = ReferenceEncoder(self.tables)
        tables = self.table_indices(symbols)
        flat = zip(symbols.values.ravel().tolist(), tables.ravel().tolist(), strict=True)
        for position, (value, table) in enumerate(flat):
            kind = encoder.put(value, table)
            if kind:
                raise self._encode_error(kind, position, symbols.values)
        return encoder.finish()

    def decode_reference(self, section: bytes, signals: int) -> Symbols:
        """`decode`, in Python; the caller bounds `signals`."""
        decoder = ReferenceDecoder(section, self.tables)
        first, parent = self.first_table.tolist(), self.parent.tolist()
        rows = np.empty((signals, self._channels), dtype=np.int32)
        for signal in range(signals):
            for channel in range(self._channels):
                table = first[channel]
                if parent[channel] >= 0:
                    table += self._step(parent[channel], int(rows[signal, parent[channel]]))
                rows[signal, channel] = decoder.get_or_raise(table, signal * self._channels + channel)
        decoder.finish_or_raise()
        return Symbols(rows)

    def table_indices(self, symbols: Symbols) -> NDArray[np.int64]:
        """The table of each symbol, `[signals, channels]`."""
        if symbols.values.ndim != 2 or symbols.values.shape[1] != self._channels:
            raise InputError(f"expected symbols of shape [signals, {self._channels}], got {list(symbols.values.shape)}")
        above = np.maximum(self.parent, 0)
        step = symbols.values[:, above].astype(np.int64) - self._offsets[above]
        step = np.clip(step, 0, np.maximum(self._value_counts[above] - 1, 0))
        return self.first_table.astype(np.int64) + np.where(self.parent < 0, 0, step)

    def estimated_bits(self, symbols: Symbols) -> NDArray[np.float64]:
        """Ideal bits of each signal under this prior, float64 `[signals]`."""
        bits: NDArray[np.float64] = self.tables.bits(symbols.values, self.table_indices(symbols)).sum(1)
        return bits

    def to_json(self) -> dict[str, Any]:
        """The prior as the manifest holds it: integers in lists, nothing else."""
        return {
            "first_table": self.first_table.tolist(),
            "frequencies": [self.tables.frequencies(table).tolist() for table in range(self.tables.count)],
            "has_escape": int(self.tables.has_escape),
            "offsets": self.tables.offsets.tolist(),
            "parent": self.parent.tolist(),
            "precision_bits": self.tables.precision_bits,
        }

    @classmethod
    def from_json(cls, fields: object) -> Prior:
        """The prior that `to_json` gave.

        Raises:
            ManifestError: a field is missing, unknown, of a wrong type, or breaks a rule of the tables.
            LimitExceededError: more tables or entries than a manifest may hold.
        """
        if not isinstance(fields, dict) or set(fields) != JSON_FIELDS:
            got = sorted(fields) if isinstance(fields, dict) else type(fields).__name__
            raise ManifestError(f"prior: expected the fields {sorted(JSON_FIELDS)}, got {got}")
        rows = fields["frequencies"]
        if not isinstance(rows, list) or not rows or any(type(row) is not list or not row for row in rows):
            raise ManifestError("prior.frequencies: expected a list of lists, none of them empty")
        sizes = [len(row) for row in rows]
        if len(rows) > MAX_TABLES or len(rows) * (max(sizes) + 1) > MAX_TABLE_CELLS:
            raise LimitExceededError(
                f"prior.frequencies: expected at most {MAX_TABLES} tables and {MAX_TABLE_CELLS} entries when padded, "
                f"got {len(rows)} tables of up to {max(sizes)} entries"
            )
        precision_bits, has_escape = fields["precision_bits"], fields["has_escape"]
        if type(precision_bits) is not int or type(has_escape) is not int or has_escape not in (0, 1):
            raise ManifestError("prior: expected precision_bits as an integer, and has_escape as 0 or 1")
        flat = _integers([entry for row in rows for entry in row], "prior.frequencies")
        try:
            tables = CdfTables.from_flat_frequencies(
                flat,
                np.array(sizes),
                _integers(fields["offsets"], "prior.offsets"),
                precision_bits,
                has_escape=bool(has_escape),
            )
            return cls(
                tables,
                _integers(fields["first_table"], "prior.first_table").astype(np.int32),
                _integers(fields["parent"], "prior.parent").astype(np.int32),
            )
        except InputError as error:
            raise ManifestError(f"prior: {error}") from error

    def _step(self, parent: int, value: int) -> int:
        """Which of a child's tables a parent's value selects; an escaped value selects the nearest."""
        step = value - int(self._offsets[parent])
        return min(max(step, 0), max(int(self._value_counts[parent]) - 1, 0))

    def _encode_error(self, kind: int, position: int, values: NDArray[np.int32]) -> IsthmusError:
        signal, channel = divmod(position, self._channels)
        return encode_error(
            kind,
            f"signal {signal}, channel {channel}",
            int(values[signal, channel]),
            int(self.first_table[channel]),
            self.tables,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prior):
            return NotImplemented
        return (
            self.tables == other.tables
            and np.array_equal(self.first_table, other.first_table)
            and np.array_equal(self.parent, other.parent)
        )

    def __hash__(self) -> int:
        return hash((self.tables, self.first_table.tobytes(), self.parent.tobytes()))

    def __reduce__(self) -> tuple[object, ...]:
        return Prior, (self.tables, self.first_table, self.parent)


def _channel_array(array: NDArray[np.int32], name: str) -> NDArray[np.int32]:
    source = np.asarray(array)
    is_sound = source.ndim == 1 and source.dtype.kind in "iu"
    if not is_sound or (source.size and (source.min() < -1 or source.max() > MAX_TABLE_CELLS)):
        raise InputError(f"expected {name} as integers from -1 up, one a channel, got {source.dtype} {source.shape}")
    copy = np.array(source, dtype=np.int32, order="C", copy=True)
    copy.flags.writeable = False
    return copy


def _integers(entries: object, name: str) -> NDArray[np.int64]:
    """A JSON list of int32 integers as an array; nothing is converted on the way."""
    if type(entries) is not list or not set(map(type, entries)) <= {int}:
        raise ManifestError(f"{name}: expected a list of integers")
    if entries and not -(2**31) <= min(entries) <= max(entries) < 2**31:
        raise ManifestError(f"{name}: expected integers within int32")
    return np.array(entries, dtype=np.int64)
