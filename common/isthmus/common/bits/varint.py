"""Variable-length unsigned integers: LEB128, shortest form only. Implements BITSTREAM.md §2."""

from __future__ import annotations

from isthmus.common.errors import InputError, PacketError

MAX_VARINT_BYTES = 5
MAX_VARINT = 2**32 - 1


def encode_varint(value: int) -> bytes:
    """The one encoding of `value`, 1 to 5 bytes, low seven bits first.

    Raises:
        InputError: `value` is not in 0 to 2**32 - 1.
    """
    if not 0 <= value <= MAX_VARINT:
        raise InputError(f"expected a varint value from 0 to {MAX_VARINT}, got {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: bytes | memoryview, position: int, name: str = "varint") -> tuple[int, int]:
    """The value that starts at byte `position` of `data`, and the position after it.

    Raises:
        PacketError: the bytes end too early, are not the shortest form, or exceed 32 bits; `name` says which field.
    """
    value = 0
    for index in range(MAX_VARINT_BYTES):
        at = position + index
        if at >= len(data):
            raise PacketError(f"{name} at byte {position} is cut: expected byte {at}, there are {len(data)} bytes")
        byte = data[at]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if index and not byte:
                raise PacketError(f"{name} at byte {position} is not in its shortest form: its last byte is zero")
            if value > MAX_VARINT:
                break
            return value, at + 1
    raise PacketError(f"{name} at byte {position} is over 32 bits: expected at most {MAX_VARINT}")
