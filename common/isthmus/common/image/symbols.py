"""An image as its coder gives it: the symbols that a packet says, and a packet with what it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.packet import Packet
from isthmus.common.bits.symbols import crc32
from isthmus.common.image.side import Adaptation

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSymbols:
    """What a packet of an image says; the arrays are not copied, so that large images stay in memory once.

    Attributes:
        height, width: of the image in pixels.
        y: int32 [M, h, w].
        q: int32 [G] if chosen, [M_q, W] if synthesized, else None.
        z: int32 [N, a, b], None without a hyperprior.
        adaptation: any but `AUTO`.
    """

    height: int
    width: int
    y: Int32
    q: Int32 | None
    z: Int32 | None
    adaptation: Adaptation

    @property
    def count(self) -> int:
        """Number of symbols."""
        return sum(part.size for part in self._parts())

    def crc32(self) -> int:
        """CRC-32 of q, z and y, as little-endian int32, one after another."""
        crc = 0
        for part in self._parts():
            crc = crc32(part, crc)
        return crc

    def _parts(self) -> Iterator[Int32]:
        return (part for part in (self.q, self.z, self.y) if part is not None)


@dataclass(frozen=True, slots=True, eq=False)
class CodedImage:
    """One packet, and what it was made of.

    Attributes:
        estimated_bits: ideal bits of all symbols, those of q and z included; framing and image size are not.
        side_bits: bits of the side section after the image's size: what adaptation costs, 0 if static.
    """

    packet: Packet
    symbols: ImageSymbols
    estimated_bits: float
    side_bits: int

    @property
    def payload_bits(self) -> int:
        """Bits of the sections, without what the packet puts around them."""
        return 8 * sum(map(len, self.packet.sections))

    @property
    def packet_bits(self) -> int:
        """Bits of the whole packet."""
        return 8 * self.packet.size_bytes
