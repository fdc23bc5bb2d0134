"""Packets: one coded signal, or a batch of them, with as few bytes around the payload as can be.

Implements BITSTREAM.md §4 and §5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES, Symbols, checksum_bytes
from isthmus.common.bits.varint import MAX_VARINT, decode_varint, encode_varint
from isthmus.common.errors import InputError, LimitExceededError, PacketError, SymbolMismatchError
from isthmus.common.limits import DEFAULT_LIMITS, Limits

MAX_SECTION_COUNT = 4
BATCH_FLAG = 0x01
RESERVED_BIT = 0x02


# Of the first section, what `read_head` gives: a head of any signal is shorter.
HEAD_BYTES = 16


class PacketType(IntEnum):
    """What a packet refers to."""

    INTRA = 0
    """Nothing but itself."""
    PREDICTED = 1
    """The latents of a frame before it (BITSTREAM.md §9)."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet, valid from birth: `from_bytes(b).to_bytes() == b`.

    Attributes:
        type: intra or predicted.
        sections: 1 to 4 entropy-coded payloads.
        checksum: 0, 2 or 4 bytes of the symbols' CRC-32.
        signal_count: signals coded together in the sections.

    Raises:
        InputError: a rule above is broken.
    """

    type: PacketType
    sections: tuple[bytes, ...]
    checksum: bytes = b""
    signal_count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.sections) <= MAX_SECTION_COUNT:
            raise InputError(f"expected 1 to {MAX_SECTION_COUNT} sections, got {len(self.sections)}")
        if len(self.checksum) not in CHECKSUM_SIZES_BYTES:
            raise InputError(f"expected a checksum of 0, 2 or 4 bytes, got {len(self.checksum)}")
        if not 1 <= self.signal_count <= MAX_VARINT:
            raise InputError(f"expected a signal count from 1 to {MAX_VARINT}, got {self.signal_count}")

    @classmethod
    def intra(cls, section: bytes, symbols: Symbols, checksum_size_bytes: int = 0) -> Packet:
        """A packet of one section that refers to nothing but itself."""
        return cls(PacketType.INTRA, (section,), symbols.checksum(checksum_size_bytes), symbols.signals)

    @property
    def size_bytes(self) -> int:
        """Bytes of the packet as `to_bytes` writes it."""
        return len(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The packet's one encoding."""
        is_batch = self.signal_count > 1
        descriptor = (
            self.type << 6
            | CHECKSUM_SIZES_BYTES.index(len(self.checksum)) << 4
            | (len(self.sections) - 1) << 2
            | (BATCH_FLAG if is_batch else 0)
        )
        parts = [bytes((descriptor,))]
        if is_batch:
            parts.append(encode_varint(self.signal_count))
        for section in self.sections[:-1]:
            parts += (encode_varint(len(section)), section)
        parts += (self.sections[-1], self.checksum)
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits = DEFAULT_LIMITS) -> Packet:
        """Reads a packet; the symbols inside its sections are read by the prior.

        Raises:
            PacketError: the bytes are not a packet; the message names field and byte.
            LimitExceededError: the packet, or the signals it announces, are more than `limits` allow.
        """
        if len(data) > limits.max_packet_size_bytes:
            raise LimitExceededError(f"packet: expected at most {limits.max_packet_size_bytes} bytes, got {len(data)}")
        if not data:
            raise PacketError("packet: expected a descriptor at byte 0, got no bytes")
        descriptor = data[0]
        packet_type = descriptor >> 6
        if packet_type > PacketType.PREDICTED:
            raise PacketError(f"descriptor at byte 0: expected packet type 0 or 1, got the reserved {packet_type}")
        checksum_flag = descriptor >> 4 & 3
        if checksum_flag == 3:
            raise PacketError("descriptor at byte 0: expected checksum size flag 0, 1 or 2, got the reserved 3")
        if descriptor & RESERVED_BIT:
            raise PacketError("descriptor at byte 0: expected the reserved bit 1 to be zero, it is set")
        position, signal_count = 1, 1
        if descriptor & BATCH_FLAG:
            signal_count, position = decode_varint(data, position, "signal count")
            if signal_count < 2:
                raise PacketError(f"signal count at byte 1: expected at least 2 in a batch, got {signal_count}")
            if signal_count > limits.max_signal_count:
                raise LimitExceededError(
                    f"signal count at byte 1: expected at most {limits.max_signal_count}, got {signal_count}"
                )
        sections = []
        for index in range(descriptor >> 2 & 3):
            size, start = decode_varint(data, position, f"size of section {index}")
            position = start + size
            if position > len(data):
                raise PacketError(
                    f"section {index}: expected {size} bytes from byte {start}, there are {len(data) - start}"
                )
            sections.append(bytes(data[start:position]))
        end = len(data) - CHECKSUM_SIZES_BYTES[checksum_flag]
        if end < position:
            raise PacketError(
                f"checksum: expected {CHECKSUM_SIZES_BYTES[checksum_flag]} bytes from byte {position}, "
                f"there are {len(data) - position}"
            )
        sections.append(bytes(data[position:end]))
        return cls(PacketType(packet_type), tuple(sections), bytes(data[end:]), signal_count)

    def verify(self, symbols: Symbols) -> None:
        """Compares the checksum, if there is one, with the decoded symbols.

        Raises:
            SymbolMismatchError: they differ: the peers do not hold the same tables.
        """
        if self.checksum:
            self.verify_crc32(symbols.crc32())

    def verify_crc32(self, crc32: int) -> None:
        """As `verify`, of symbols whose CRC-32 is known."""
        actual = checksum_bytes(crc32, len(self.checksum))
        if actual != self.checksum:
            raise SymbolMismatchError(
                f"symbol checksum: expected {self.checksum.hex()} as the packet says, the decoded symbols have "
                f"{actual.hex()}; check that edge and cloud run the same codec"
            )


@dataclass(frozen=True, slots=True)
class PacketHead:
    """What the first bytes of a packet say, whatever the rest is.

    Attributes:
        is_intra: whether it refers to nothing but itself.
        signal_count: signals that it announces.
        first_section: the first bytes of it, at most `HEAD_BYTES`.
    """

    is_intra: bool
    signal_count: int
    first_section: bytes


def read_head(data: bytes) -> PacketHead:
    """The head alone, without a copy of anything large; `Packet.from_bytes` says whether the rest is a packet.

    Raises:
        PacketError: there is no head to read.
    """
    if not data:
        raise PacketError("packet: expected a descriptor at byte 0, got no bytes")
    position, signal_count, size = 1, 1, HEAD_BYTES
    if data[0] & BATCH_FLAG:
        signal_count, position = decode_varint(data, position, "signal count")
    if data[0] >> 2 & 3:
        size, position = decode_varint(data, position, "size of section 0")
    return PacketHead(not data[0] >> 6, signal_count, bytes(data[position : position + min(size, HEAD_BYTES)]))
