"""Messages that end with a CRC-32 of themselves, for a way that may damage what it carries.

Theory of operation. TCP's checksum misses one damaged segment in 65,536, and what happens between its ends, in a proxy
or a bad memory, it does not see at all. TLS sees everything; without it, a flipped bit in a packet is another class.
`crc32` is field 15 of both messages and always their last, so that it is put behind the finished bytes and taken off
before they are parsed; whoever does not know it reads over it.
"""

from __future__ import annotations

import struct
import zlib

from isthmus.common.errors import MessageError

SEAL_TAG = bytes([15 << 3 | 5])
"""Field 15, of four bytes."""
SEAL_BYTES = 5


def sealed(data: bytes) -> bytes:
    """A message with its seal."""
    return data + SEAL_TAG + struct.pack("<I", zlib.crc32(data))


def unsealed(data: bytes) -> bytes:
    """A message without the seal that it must have. MessageError: it has none, or is damaged."""
    body, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if len(seal) < SEAL_BYTES or not seal.startswith(SEAL_TAG):
        raise MessageError(f"message: expected one that ends with its crc32, got {len(data)} bytes that do not")
    if (found := zlib.crc32(body)) != (told := struct.unpack("<I", seal[1:])[0]):
        raise MessageError(f"message: expected a crc32 of {told:08x}, got {found:08x}: it was damaged on its way")
    return body
