"""The side section of an image: its size, and where the tables of its latents come from. Part of BITSTREAM.md §6.2."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from isthmus.common.bits.varint import decode_varint, encode_varint
from isthmus.common.errors import LimitExceededError, PacketError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE


class Adaptation(StrEnum):
    """Where the tables of the latents come from."""

    AUTO = "auto"
    """The cheapest of static, chosen and context; of an encoder only."""
    STATIC = "static"
    """Each group's first table."""
    CHOSEN = "chosen"
    """For each group the best of its candidates."""
    SYNTHESIZED = "synthesized"
    """Rebuilt from q by h_s,q."""
    CONTEXT = "context"
    """For each latent one of its channel's, by the latents coded before it."""


KINDS = {1: Adaptation.CHOSEN, 2: Adaptation.SYNTHESIZED, 3: Adaptation.CONTEXT}
NUMBERS = {adaptation: kind for kind, adaptation in KINDS.items()}
KIND_BITS = 8


@dataclass(frozen=True, slots=True)
class Side:
    """What the section says.

    Attributes:
        height, width: of the image in pixels.
        adaptation: any but `AUTO`.
        q: the section's rest, which says how tables are chosen or synthesized; empty for the others.
    """

    height: int
    width: int
    adaptation: Adaptation
    q: bytes = b""

    @property
    def bits(self) -> int:
        """Of all after the size: what adaptation costs, 0 if static."""
        return 0 if self.adaptation is Adaptation.STATIC else KIND_BITS + 8 * len(self.q)

    def to_bytes(self) -> bytes:
        """The section."""
        size = encode_varint(self.height) + encode_varint(self.width)
        return size if self.adaptation is Adaptation.STATIC else size + bytes((NUMBERS[self.adaptation],)) + self.q

    @classmethod
    def from_bytes(cls, section: bytes) -> Side:
        """What a section says.

        Raises:
            PacketError: no encoder writes it.
            LimitExceededError: the image is larger than any may be.
        """
        height, width, at = cls._size(section)
        if at == len(section):
            return cls(height, width, Adaptation.STATIC)
        if section[at] not in KINDS:
            raise PacketError(f"section 0: expected tables of kind 1 to 3 at byte {at}, got {section[at]}")
        return cls(height, width, KINDS[section[at]], section[at + 1 :])

    @classmethod
    def sized(cls, head: bytes) -> tuple[int, int]:
        """(height, width) in pixels, by the first bytes of a section; raises as `from_bytes`."""
        return cls._size(head)[:2]

    @staticmethod
    def _size(section: bytes) -> tuple[int, int, int]:
        """(height, width, where they end)."""
        height, at = decode_varint(section, 0, "image height in section 0")
        width, at = decode_varint(section, at, "image width in section 0")
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise PacketError(f"section 0: expected an image with sides of 1 to {MAX_SIDE}, got {height} x {width}")
        if height * width > MAX_PIXELS:
            raise LimitExceededError(
                f"section 0: expected an image of at most {MAX_PIXELS} pixels, got {height} x {width}"
            )
        return height, width, at
