"""Answers that are bytes of a task's own: read piece by piece, each within its bounds."""

from __future__ import annotations

from isthmus.common import protocol
from isthmus.common.bits.varint import decode_varint
from isthmus.common.errors import MessageError, PacketError

MOST_SIDE = 65_535
"""Of a frame that an answer is about."""


class AnswerReader:
    """Reads the bytes of one answer from the first to the last.

    Args:
        outcome: of a frame.
        what: is expected, for messages.

    Raises:
        MessageError: the outcome is no answer of bytes.
    """

    def __init__(self, outcome: protocol.Outcome, what: str) -> None:
        if not isinstance(outcome, protocol.FrameAnswer):
            raise MessageError(f"result: expected {what}, got another kind of outcome")
        self._data, self._at, self._what = outcome.data, 0, what

    def number(self, low: int, high: int, name: str) -> int:
        """A varint within bounds. MessageError for another."""
        try:
            value, self._at = decode_varint(self._data, self._at, name)
        except PacketError as error:
            raise MessageError(f"result: {self._what}: {error}") from error
        if not low <= value <= high:
            raise MessageError(f"result: {self._what}: expected {name} of {low} to {high}, got {value}")
        return value

    def take(self, size: int, name: str) -> bytes:
        """So many bytes. MessageError where they are not there."""
        if size > len(self._data) - self._at:
            raise MessageError(
                f"result: {self._what}: expected {size} bytes of {name}, {len(self._data) - self._at} are left"
            )
        self._at += size
        return self._data[self._at - size : self._at]

    def finish(self) -> None:
        """MessageError where bytes are left."""
        if self._at != len(self._data):
            raise MessageError(
                f"result: {self._what}: expected nothing more, {len(self._data) - self._at} bytes are left"
            )
