"""A frame of a video as its coder gives it: coded, or decoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.packet import Packet
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.state import LatentState

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """What motion makes of a state, whatever the modes of its blocks: frames of any modes are predicted from it.

    Attributes:
        reference_serial: of the state.
        field: its motion.
        values: int32 `[M, h, w]` in 1/16 of a unit, read-only.
    """

    reference_serial: int
    field: MotionField
    values: Int32


@dataclass(frozen=True, slots=True, eq=False)
class CodedFrame:
    """One packet, and the state that it leads to on both sides.

    Attributes:
        field: its motion and the modes of its blocks; None for a key frame.
        estimated_bits: ideal bits of all symbols; headers and framing are not among them.
        motion_bits, residual_bits: of the sections of a predicted frame; both 0 for a key frame.
    """

    packet: Packet
    state: LatentState
    field: MotionField | None
    estimated_bits: float
    motion_bits: int
    residual_bits: int

    @property
    def is_key(self) -> bool:
        """Whether it refers to nothing but itself."""
        return self.field is None

    @property
    def packet_bits(self) -> int:
        """Bits of the whole packet."""
        return 8 * self.packet.size_bytes


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """What a packet says.

    Attributes:
        state: of the frame.
        is_key: whether it refers to nothing but itself.
        field: its motion, None for a key frame.
        symbols: int32 `[M, h, w]`: of a key frame, or the residual of a predicted one; None where none was sent.
        step: that they are in; 0 in codecs without tiles.
        reference_serial: of the state it was predicted from, None for a key frame.
        symbol_count: of all that was coded.
    """

    state: LatentState
    is_key: bool
    field: MotionField | None
    symbols: Int32 | None
    step: int
    reference_serial: int | None
    symbol_count: int

    @property
    def residual(self) -> Int32 | None:
        """Of a predicted frame, int32 `[M, h, w]` in steps; None where none was sent."""
        return None if self.is_key else self.symbols
