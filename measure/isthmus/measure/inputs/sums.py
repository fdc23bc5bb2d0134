"""Sums of spoiled files made right again, as far as what they are of is found: so that what lies behind is reached."""

from __future__ import annotations

import struct
import zlib

PNG_HEAD_BYTES = 8
ENTRY, ENTRY_BYTES, LOCAL_BYTES = b"PK\x01\x02", 46, 30
PAGE_BYTES, PAGE_SUM_BYTES = 1024, 4


def with_png_sums(data: bytes) -> bytes:
    """A PNG whose chunks have the sums that their bytes ask for."""
    mended, at = bytearray(data), PNG_HEAD_BYTES
    while at + 12 <= len(mended):
        end = at + 8 + int.from_bytes(mended[at : at + 4], "big")
        if end + 4 > len(mended):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(bytes(mended[at + 4 : end])))
        at = end + 4
    return bytes(mended)


def with_zip_sums(data: bytes) -> bytes:
    """A ZIP whose list of files has the sums of what is stored or packed."""
    mended, at = bytearray(data), data.find(ENTRY)
    while 0 <= at <= len(data) - ENTRY_BYTES:
        (way,), (size,) = struct.unpack_from("<H", data, at + 10), struct.unpack_from("<I", data, at + 20)
        (local,) = struct.unpack_from("<I", data, at + 42)
        if local + LOCAL_BYTES <= len(data):
            start = local + LOCAL_BYTES + sum(struct.unpack_from("<HH", data, local + 26))
            struct.pack_into("<I", mended, at + 16, zlib.crc32(_unpacked(data[start : start + size], way)))
        at = data.find(ENTRY, at + 1)
    return bytes(mended)


def _unpacked(data: bytes, way: int) -> bytes:
    if way != zlib.DEFLATED:
        return data
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, 1 << 20)
    except zlib.error:
        return data


def with_e57_sums(data: bytes) -> bytes:
    """An E57 file whose pages have their checksums."""
    pages = (data[at : at + PAGE_BYTES - PAGE_SUM_BYTES] for at in range(0, len(data), PAGE_BYTES))
    return b"".join(page + struct.pack(">I", crc32c(page)) for page in pages)


def _crc32c_table() -> tuple[int, ...]:
    found = []
    for start in range(256):
        value = start
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return tuple(found)


_CRC32C = _crc32c_table()


def crc32c(data: bytes) -> int:
    """Castagnoli's, as RFC 3720 has it."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC32C[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
