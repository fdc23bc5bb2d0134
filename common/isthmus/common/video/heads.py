"""What stands before the symbols of a frame: its serial, and its size or what it is predicted from.

Implements the heads of BITSTREAM.md §6.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.common.bits.varint import decode_varint, encode_varint
from isthmus.common.errors import PacketError
from isthmus.common.signals import MAX_SIDE
from isthmus.common.video.step import STEP_COUNT

SMOOTH_FLAG = 0x01
STEP_FLAG = 0x02
MOTION_HEAD_SIZE_BYTES = 3


@dataclass(frozen=True, slots=True)
class KeyHead:
    """The first section of a key frame: its serial, and the sides of its latents; in codecs with tiles also its step.

    Attributes:
        step: None in a codec without tiles.
    """

    serial: int
    height: int
    width: int
    step: int | None = None

    def to_bytes(self) -> bytes:
        """The whole section."""
        sides = encode_varint(self.height) + encode_varint(self.width)
        return bytes((self.serial,)) + sides + (b"" if self.step is None else bytes((self.step,)))

    @classmethod
    def from_bytes(cls, section: bytes, *, names_step: bool = False) -> KeyHead:
        """What a section says, of a codec whose packets name a step or not. PacketError if no encoder writes it."""
        if not section:
            raise PacketError("section 0: expected a serial at byte 0, got no bytes")
        height, at = decode_varint(section, 1, "latents' height in section 0")
        width, at = decode_varint(section, at, "latents' width in section 0")
        step = None
        if names_step:
            step, at = _step(section, at)
        if at != len(section):
            last = "width" if step is None else "step"
            raise PacketError(f"section 0: expected nothing after the {last}, got {len(section) - at} bytes")
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise PacketError(f"section 0: expected latents with sides of 1 to {MAX_SIDE}, got {height} x {width}")
        return cls(section[0], height, width, step)


@dataclass(frozen=True, slots=True)
class MotionHead:
    """The first bytes of a predicted frame: its serial, its reference's, and how its motion field is read.

    Attributes:
        step: of the residual, in a codec with tiles; None where there is none, and in others.
    """

    serial: int
    reference_serial: int
    is_smooth: bool
    step: int | None = None

    def to_bytes(self) -> bytes:
        """What stands before the motion in the first section."""
        flags = (SMOOTH_FLAG if self.is_smooth else 0) | (0 if self.step is None else STEP_FLAG)
        head = bytes((self.serial, self.reference_serial, flags))
        return head if self.step is None else head + bytes((self.step,))

    @classmethod
    def from_bytes(cls, section: bytes, *, names_step: bool = False) -> tuple[MotionHead, bytes]:
        """What a section's head says, and the motion after it. PacketError if no encoder writes such a head."""
        head = section[:MOTION_HEAD_SIZE_BYTES]
        if len(head) < MOTION_HEAD_SIZE_BYTES:
            raise PacketError(f"section 0: expected serial, reference and flags in 3 bytes, got {len(head)}")
        serial, reference_serial, flags = head
        if flags & ~(SMOOTH_FLAG | (STEP_FLAG if names_step else 0)):
            raise PacketError(f"section 0: expected the reserved flags at byte 2 to be zero, got {flags:#04x}")
        step, at = _step(section, MOTION_HEAD_SIZE_BYTES) if flags & STEP_FLAG else (None, MOTION_HEAD_SIZE_BYTES)
        return cls(serial, reference_serial, bool(flags & SMOOTH_FLAG), step), section[at:]


def _step(section: bytes, at: int) -> tuple[int, int]:
    """(the step at a byte of a section, the byte after it)."""
    if at >= len(section) or section[at] >= STEP_COUNT:
        got = section[at] if at < len(section) else "no byte"
        raise PacketError(f"section 0: expected a step from 0 to {STEP_COUNT - 1} at byte {at}, got {got}")
    return section[at], at + 1
