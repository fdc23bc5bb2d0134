"""Stream files (`.isth`): packets one after another behind a header that names their codec. BITSTREAM.md §3."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from isthmus.common.bits.packet import Packet
from isthmus.common.bits.varint import MAX_VARINT_BYTES, decode_varint, encode_varint
from isthmus.common.errors import InputError, LimitExceededError, ManifestError, PacketError, UnsupportedVersionError
from isthmus.common.limits import DEFAULT_LIMITS, Limits
from isthmus.common.manifest.fields import MAX_CODEC_NAME_LENGTH, check_codec_name

MAGIC = b"ISTH"
FORMAT_VERSION = 1
IDENTITY_SIZE_BYTES = 32


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """Which codec the packets of a file are for.

    Attributes:
        codec_name: the manifest's name.
        identity: the manifest's SHA-256, 32 bytes.

    Raises:
        InputError: a field breaks its rule.
    """

    codec_name: str
    identity: bytes

    def __post_init__(self) -> None:
        try:
            check_codec_name(self.codec_name)
        except ManifestError as error:
            raise InputError(f"stream header: {error}") from error
        if len(self.identity) != IDENTITY_SIZE_BYTES:
            raise InputError(f"stream header: expected an identity of 32 bytes, got {len(self.identity)}")

    def to_bytes(self) -> bytes:
        """The header's one encoding, with its CRC-32."""
        name = self.codec_name.encode("ascii")
        body = MAGIC + bytes((FORMAT_VERSION, len(name))) + name + self.identity
        return body + zlib.crc32(body).to_bytes(4, "little")


class StreamWriter:
    """Writes packets into an open binary file, the header first. The caller closes the file."""

    def __init__(self, file: BinaryIO, header: StreamHeader) -> None:
        self._file = file
        file.write(header.to_bytes())

    def write(self, packet: Packet) -> int:
        """Appends one packet; answers the bytes it took, its size among them."""
        data = packet.to_bytes()
        record = encode_varint(len(data)) + data
        self._file.write(record)
        return len(record)


class StreamReader:
    """Reads packets from an open binary file one by one; nothing is read ahead, so a growing file or pipe will do.

    Attributes:
        header: what the file says about its codec.
        position: byte after what was read last.

    Raises:
        PacketError: not a stream file, cut, or damaged; the message names the byte.
        UnsupportedVersionError: of another format version.
        LimitExceededError: a record is longer than `limits` allow; it is not read.
    """

    def __init__(self, file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> None:
        self._file = file
        self._limits = limits
        self.position = 0
        self.header = self._read_header()

    def __iter__(self) -> Iterator[Packet]:
        return self

    def __next__(self) -> Packet:
        start = self.position
        size = self._read_record_size()
        if size is None:
            raise StopIteration
        if not size:
            raise PacketError(f"record at byte {start}: expected a packet of at least 1 byte, got size 0")
        if size > self._limits.max_packet_size_bytes:
            raise LimitExceededError(
                f"record at byte {start}: expected at most {self._limits.max_packet_size_bytes} bytes, got {size}"
            )
        body = self.position
        data = self._read(size, "packet")
        try:
            return Packet.from_bytes(data, self._limits)
        except (PacketError, LimitExceededError) as error:
            raise type(error)(f"packet at byte {body}: {error}") from error

    def _read_header(self) -> StreamHeader:
        prefix = self._read(6, "header")
        if prefix[:4] != MAGIC:
            raise PacketError(f"magic at byte 0: expected {MAGIC.hex()} ('ISTH'), got {prefix[:4].hex()}")
        if prefix[4] != FORMAT_VERSION:
            raise UnsupportedVersionError(
                f"format version at byte 4: expected {FORMAT_VERSION}, got {prefix[4]}; "
                "read the file with the release of isthmus that wrote it"
            )
        if not 1 <= prefix[5] <= MAX_CODEC_NAME_LENGTH:
            raise PacketError(f"name size at byte 5: expected 1 to {MAX_CODEC_NAME_LENGTH}, got {prefix[5]}")
        rest = self._read(prefix[5] + IDENTITY_SIZE_BYTES, "header")
        crc_at = self.position
        expected = zlib.crc32(prefix + rest).to_bytes(4, "little")
        actual = self._read(4, "header")
        if actual != expected:
            raise PacketError(f"header CRC-32 at byte {crc_at}: expected {expected.hex()}, got {actual.hex()}")
        try:
            return StreamHeader(rest[: prefix[5]].decode("ascii"), rest[prefix[5] :])
        except (UnicodeDecodeError, InputError) as error:
            raise PacketError(f"codec name at byte 6: {error}") from error

    def _read_record_size(self) -> int | None:
        """The varint before a packet; none at the end of the file, which may only come here."""
        start, data = self.position, b""
        while len(data) < MAX_VARINT_BYTES:
            byte = self._file.read(1)
            if not byte and not data:
                return None
            if not byte:
                break
            data += byte
            self.position += 1
            if byte[0] < 0x80:
                break
        try:
            return decode_varint(data, 0, "packet size")[0]
        except PacketError as error:
            raise PacketError(f"record at byte {start}: {error}") from error

    def _read(self, size: int, name: str) -> bytes:
        """Exactly `size` bytes."""
        start, parts, missing = self.position, [], size
        while missing:
            part = self._file.read(missing)
            if not part:
                raise PacketError(
                    f"{name} at byte {start}: expected {size} bytes, the file ends after {size - missing}"
                )
            parts.append(part)
            missing -= len(part)
            self.position += len(part)
        return b"".join(parts)
