"""Bytes of ROS messages, field by field: CDR as ROS 2 writes it, in either byte order, and the plain rows of ROS 1.

Only what the three messages need that are read here (`isthmus.data.bag.headers`): numbers of one and four bytes, text,
and arrays of bytes. CDR puts a number at a multiple of its size, counted from behind its own header of four bytes.
"""

from __future__ import annotations

import struct

from isthmus.common.errors import InputError

CDR, ROS1 = ENCODINGS = ("cdr", "ros1")
HEADER_BYTES = 4
BIG, LITTLE = (0x00, 0x06), (0x01, 0x07)
"""Plain CDR, and XCDR2 in its plain form: alike for numbers of up to four bytes."""
MAX_SPARE_BYTES = 7
"""Behind a message: up to three that fill up its length, and what some writers add to these."""


class Fields:
    """The fields of one message, in their order.

    Args:
        data: of the message.
        encoding: one of `ENCODINGS`.

    Attributes:
        encoding: of it.

    Raises:
        InputError: another encoding; each field, where the message ends before it does.
    """

    def __init__(self, data: bytes, encoding: str) -> None:
        self.encoding = encoding
        self._data = memoryview(data)
        self._at = 0
        self._order = "<"
        if encoding == CDR:
            head = bytes(self._take(HEADER_BYTES, "a CDR header"))
            self._data, self._at = self._data[HEADER_BYTES:], 0
            if head[0] or head[1] not in BIG + LITTLE:
                raise InputError(f"expected plain CDR, which begins with 00 00 or 00 01, got {head[:2].hex(' ')}")
            self._order = ">" if head[1] in BIG else "<"
        elif encoding != ROS1:
            raise InputError(f"expected a message encoded as {' or '.join(ENCODINGS)}, got {encoding[:20]!r}")

    def byte(self, what: str) -> int:
        """A number of one byte."""
        return self._take(1, what)[0]

    def whole(self, what: str) -> int:
        """An unsigned number of four bytes."""
        return int(self._four("I", what))

    def signed(self, what: str) -> int:
        """A signed number of four bytes."""
        return int(self._four("i", what))

    def text(self, what: str) -> str:
        """Characters; CDR counts a zero byte behind them as well."""
        found = bytes(self.array(what))
        if self.encoding == CDR and found.endswith(b"\0"):
            found = found[:-1]
        try:
            return found.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"expected {what} as UTF-8: {error}") from error

    def array(self, what: str) -> memoryview:
        """An array of bytes, without a copy."""
        return self._take(self.whole(what), what)

    def finish(self, what: str) -> None:
        """InputError where the message goes on."""
        spare = len(self._data) - self._at
        if spare > (MAX_SPARE_BYTES if self.encoding == CDR else 0):
            raise InputError(f"expected the end of {what}, got {spare} more bytes")

    def _four(self, letter: str, what: str) -> int:
        if self.encoding == CDR:
            self._at += -self._at % 4
        found: int = struct.unpack(self._order + letter, self._take(4, what))[0]
        return found

    def _take(self, count: int, what: str) -> memoryview:
        end = self._at + count
        if end > len(self._data):
            raise InputError(f"expected {count} bytes of {what}, got {max(0, len(self._data) - self._at)}")
        found = self._data[self._at : end]
        self._at = end
        return found
