"""What stands before the symbols of a frame: its serial, and its size or what it is predicted from.

Implements the heads of BITSTREAM.md §6.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.common.bits.varint import decode_varint, encode_varint
from isthmus.common.errors import PacketError
from isthmus.common.signals import MAX_SIDE

SMOOTH_FLAG = 0x01
MOTION_HEAD_SIZE_BYTES = 3


@dataclass(frozen=True, slots=True)
class KeyHead:
    """The first section of a key frame: its serial, and the sides of its latents."""

    serial: int
    height: int
    width: int

    def to_bytes(self) -> bytes:
        """The whole section."""
        return bytes((self.serial,)) + encode_varint(self.height) + encode_varint(self.width)

    @classmethod
    def from_bytes(cls, section: bytes) -> KeyHead:
        """What a section says. PacketError if no encoder writes it."""
        if not section:
            raise PacketError("section 0: expected a serial at byte 0, got no bytes")
        height, at = decode_varint(section, 1, "latents' height in section 0")
        width, at = decode_varint(section, at, "latents' width in section 0")
        if at != len(section):
            raise PacketError(f"section 0: expected nothing after the width, got {len(section) - at} bytes")
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise PacketError(f"section 0: expected latents with sides of 1 to {MAX_SIDE}, got {height} x {width}")
        return cls(section[0], height, width)


@dataclass(frozen=True, slots=True)
class MotionHead:
    """The first bytes of a predicted frame: its serial, its reference's, and how its motion field is read."""

    serial: int
    reference_serial: int
    is_smooth: bool

    def to_bytes(self) -> bytes:
        """What stands before the motion in the first section."""
        return bytes((self.serial, self.reference_serial, SMOOTH_FLAG if self.is_smooth else 0))

    @classmethod
    def from_bytes(cls, section: bytes) -> tuple[MotionHead, bytes]:
        """What a section's head says, and the motion after it. PacketError if no encoder writes such a head."""
        head = section[:MOTION_HEAD_SIZE_BYTES]
        if len(head) < MOTION_HEAD_SIZE_BYTES:
            raise PacketError(f"section 0: expected serial, reference and flags in 3 bytes, got {len(head)}")
        serial, reference_serial, flags = head
        if flags & ~SMOOTH_FLAG:
            raise PacketError(f"section 0: expected the reserved flags at byte 2 to be zero, got {flags:#04x}")
        return cls(serial, reference_serial, bool(flags)), section[MOTION_HEAD_SIZE_BYTES:]
