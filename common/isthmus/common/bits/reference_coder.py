"""The range coder in Python: an exact entropy coder with byte-granular, canonical output. Implements BITSTREAM.md §7.

Theory of operation
-------------------
A message is an interval inside [0, 1). It starts as the whole, and each symbol narrows it to the share that the
symbol's table gives it. Any number inside the last interval names the message; the shortest one is sent.

*The window.* Numbers are binary fractions, and at any time only 56 bits of them are still in motion: `low` (the
interval's lower end) and `range` (its length, from 2**48 to 2**56). When the length falls under 2**48 the top byte of
`low` is settled but for a carry: it is written, and both move up by eight bits. A later carry out of the window is
added to the bytes already written, exactly as on paper. A table of precision p divides the interval into
2**p equal parts of `range >> p`; with 56 - 8 bits over at most 16 bits of precision, what this rounding loses is under
2**-32 of a symbol.

*The likeliest first.* Within a table, the shares lie in the order of the entries, but turned around so that the
likeliest entry comes first. The message of likeliest symbols then starts at 0, whose string is empty: at 8 bits a
message this saves a bit on average, and it costs nothing.

*The end.* Bytes that are absent read as zero. So the encoder sends the shortest byte string whose value lies in the
interval. Since `range >= 2**48`, it ends either in the bytes already written, rounded up, or one byte later. On average
this costs 2.6 bits over the ideal, whatever the message: less than a third of a byte.

*The decoder* follows with `code`, the distance of the received value from `low`. It also follows `low` within the
window, and so knows at the end, in constant time, whether the encoder would have sent these bytes. What it accepts
encodes to the same bytes again; everything else is a `PacketError`.

*Escapes.* A value outside its table is coded as the table's last entry, then in plain bits as an Elias-gamma-like code:
its distance from the table plus one, m, of b bits, as b - 1 ones, a zero, the side, and the b - 1 lower bits of m.

These classes are the reference: short, slow and exact. `_range_coder.c` does the same, and tests hold the two together
byte for byte.
"""

from __future__ import annotations

import numpy as np

from isthmus.common.bits.cdf import CdfTables, out_of_range
from isthmus.common.bits.symbols import INT32_MAX, INT32_MIN
from isthmus.common.errors import InputError, PacketError, SymbolRangeError

WINDOW = 1 << 56
BOTTOM = 1 << 48
WINDOW_BYTES = 7
MAX_ESCAPE_PREFIX = 31
BYPASS_CHUNK_BITS = 16

# What went wrong, as numbers that the C coder also returns.
BAD_TABLE, BAD_VALUE, BAD_CODE, BAD_ESCAPE, BAD_ENDING = 1, 2, 3, 4, 5


class ReferenceEncoder:
    """Codes symbols one by one, in Python."""

    def __init__(self, tables: CdfTables) -> None:
        self._tables = tables
        self._counts = tables.value_counts
        self._low = 0
        self._range = WINDOW
        self._out = bytearray()

    def put(self, value: int, table: int) -> int:
        """Codes one value; answers 0, or what is wrong with it (`BAD_TABLE`, `BAD_VALUE`)."""
        tables = self._tables
        if not 0 <= table < tables.count:
            return BAD_TABLE
        entry, count = value - int(tables.offsets[table]), int(self._counts[table])
        is_inside = 0 <= entry < count
        if not is_inside and not tables.has_escape:
            return BAD_VALUE
        row = tables.cumulative[table]
        at = entry if is_inside else count
        start = (int(row[at]) - int(tables.likeliest[table])) % (1 << tables.precision_bits)
        self._narrow(start, int(row[at + 1]) - int(row[at]), tables.precision_bits)
        if not is_inside:
            self._put_escape(-entry if entry < 0 else entry - count + 1, is_below=entry < 0)
        return 0

    def finish(self) -> bytes:
        """The shortest bytes whose value lies in the interval; of those, the smallest value."""
        if self._low and self._low + self._range > WINDOW:
            self._carry()
        elif self._low:
            self._out.append((self._low + BOTTOM - 1) >> 48)
        return bytes(self._out).rstrip(b"\0")

    def _put_escape(self, magnitude: int, *, is_below: bool) -> None:
        """Codes how far, from 1, a value lies outside, and on which side."""
        low_bits = magnitude.bit_length() - 1
        for _ in range(low_bits):
            self._narrow(1, 1, 1)
        self._narrow(0, 1, 1)
        self._narrow(int(is_below), 1, 1)
        while low_bits:
            bits = min(low_bits, BYPASS_CHUNK_BITS)
            low_bits -= bits
            self._narrow(magnitude >> low_bits & (1 << bits) - 1, 1, bits)

    def _narrow(self, cumulative: int, frequency: int, precision_bits: int) -> None:
        part = self._range >> precision_bits
        self._low += part * cumulative
        self._range = part * frequency
        if self._low >= WINDOW:
            self._low -= WINDOW
            self._carry()
        while self._range < BOTTOM:
            self._out.append(self._low >> 48)
            self._low = (self._low << 8) % WINDOW
            self._range <<= 8

    def _carry(self) -> None:
        at = len(self._out) - 1
        while self._out[at] == 255:
            self._out[at] = 0
            at -= 1
        self._out[at] += 1


class ReferenceDecoder:
    """Decodes symbols one by one, in Python."""

    def __init__(self, data: bytes, tables: CdfTables) -> None:
        self._tables = tables
        self._counts = tables.value_counts
        self._data = data
        self._low = 0
        self._range = WINDOW
        self._code = int.from_bytes(data[:WINDOW_BYTES].ljust(WINDOW_BYTES, b"\0"), "big")
        self._settled_bytes = 0

    def get_or_raise(self, table: int, position: int) -> int:
        """Decodes one value; `position` is for the message."""
        result = self._get(table)
        if isinstance(result, int):
            return result
        raise decode_error(result[0], position, self._tables.count)

    def finish_or_raise(self) -> None:
        """Checks that the encoder would have written these very bytes."""
        size, has_zero_end = len(self._data), self._data[-1:] == b"\0"
        if size <= self._settled_bytes:
            is_canonical = not has_zero_end
        else:
            # The byte after the settled ones is right only if no shorter string lies in the interval.
            is_canonical = (
                size == self._settled_bytes + 1
                and not has_zero_end
                and self._code < BOTTOM
                and self._low != 0
                and self._low + self._range <= WINDOW
            )
        if not is_canonical:
            raise decode_error(BAD_ENDING, size, self._tables.count)

    def _get(self, table: int) -> int | tuple[int]:
        tables = self._tables
        if not 0 <= table < tables.count:
            return (BAD_TABLE,)
        target = self._target(tables.precision_bits)
        if target is None:
            return (BAD_CODE,)
        row = tables.cumulative[table, : int(tables.sizes[table]) + 1]
        total, likeliest = 1 << tables.precision_bits, int(tables.likeliest[table])
        entry = int(np.searchsorted(row, (target + likeliest) % total, side="right")) - 1
        start = (int(row[entry]) - likeliest) % total
        self._narrow(start, int(row[entry + 1]) - int(row[entry]), tables.precision_bits)
        offset, count = int(tables.offsets[table]), int(self._counts[table])
        return offset + entry if entry < count else self._get_escape(offset, count)

    def _get_escape(self, offset: int, count: int) -> int | tuple[int]:
        low_bits = 0
        while True:
            bit = self._get_bits(1)
            if bit is None:
                return (BAD_CODE,)
            if not bit:
                break
            low_bits += 1
            if low_bits > MAX_ESCAPE_PREFIX:
                return (BAD_ESCAPE,)
        is_below = self._get_bits(1)
        if is_below is None:
            return (BAD_CODE,)
        magnitude = 1
        while low_bits:
            bits = min(low_bits, BYPASS_CHUNK_BITS)
            low_bits -= bits
            chunk = self._get_bits(bits)
            if chunk is None:
                return (BAD_CODE,)
            magnitude = magnitude << bits | chunk
        value = offset - magnitude if is_below else offset + count - 1 + magnitude
        return value if INT32_MIN <= value <= INT32_MAX else (BAD_ESCAPE,)

    def _get_bits(self, bits: int) -> int | None:
        target = self._target(bits)
        if target is not None:
            self._narrow(target, 1, bits)
        return target

    def _target(self, precision_bits: int) -> int | None:
        """Which of the `2**precision_bits` parts the code lies in; none if in the remainder past them."""
        target = self._code // (self._range >> precision_bits)
        return target if target < 1 << precision_bits else None

    def _narrow(self, cumulative: int, frequency: int, precision_bits: int) -> None:
        part = self._range >> precision_bits
        self._low = (self._low + part * cumulative) % WINDOW
        self._code -= part * cumulative
        self._range = part * frequency
        while self._range < BOTTOM:
            at = WINDOW_BYTES + self._settled_bytes
            self._code = self._code << 8 | (self._data[at] if at < len(self._data) else 0)
            self._low = (self._low << 8) % WINDOW
            self._range <<= 8
            self._settled_bytes += 1


def encode_error(kind: int, where: str, value: int, table: int, tables: CdfTables) -> InputError | SymbolRangeError:
    """The error of either encoder for a symbol it cannot code."""
    if kind == BAD_TABLE:
        return InputError(f"{where}: expected a table index from 0 to {tables.count - 1}, got {table}")
    return SymbolRangeError(out_of_range(where, value, table, tables))


def decode_error(kind: int, position: int, table_count: int) -> InputError | PacketError:
    """The error of either decoder; `position` counts symbols, or bytes for a bad ending."""
    if kind == BAD_TABLE:
        return InputError(f"symbol {position}: expected a table index from 0 to {table_count - 1}")
    if kind == BAD_CODE:
        return PacketError(f"symbol {position}: the code lies past its table's last entry, where no encoder ends")
    if kind == BAD_ESCAPE:
        return PacketError(f"symbol {position}: the escaped value does not fit in 32 bits")
    return PacketError(
        f"the section ends after byte {position}, where no encoder would: expected the shortest bytes for its symbols"
    )
