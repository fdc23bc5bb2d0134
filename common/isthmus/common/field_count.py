"""How many fields the bytes of a message hold, before any object is made of them.

Theory of operation. A protocol buffer of n bytes may be n / 2 fields, and each becomes an object of some 50 bytes: what
is counted after parsing was paid for before. A walk over tags and lengths counts them first and makes nothing, and
stops where there are more than may be. Messages too short to hold that many are not even walked.
"""

from __future__ import annotations

from isthmus.common.errors import LimitExceededError

LEAST_FIELD_BYTES = 2
SPARE_FIELDS = 16
"""Fields of a message beside its packets: those of today, and those that a newer peer may send."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LAST_BYTE = 0x80


def check_field_count(data: bytes, most: int) -> None:
    """Refuse a message of more than `most` fields and some to spare; one that is malformed is left to its parser.

    Raises:
        LimitExceededError: so many fields.
    """
    most += SPARE_FIELDS
    if len(data) > LEAST_FIELD_BYTES * most and (count := _count(data, most)) > most:
        raise LimitExceededError(f"message: expected at most {most} fields in {len(data)} bytes, got {count} or more")


def _count(data: bytes, most: int) -> int:
    """Fields at the top of a message, up to one more than `most`."""
    count = at = 0
    end = len(data)
    while at < end and count <= most:
        count += 1
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _BYTES:
            size, at = _varint(data, at)
            at += size
        elif kind == _VARINT:
            at = _varint(data, at)[1]
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        # A group's start or end is a field by itself here: groups are long out of use, and nobody sends many.
    return count


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends; past the end of the data where it is cut."""
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & ~_LAST_BYTE) << shift
        shift += 7
        if byte < _LAST_BYTE:
            return value, at
    return value, at if shift == 70 else len(data)
