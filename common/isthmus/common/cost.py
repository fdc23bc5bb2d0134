"""What a packet would take, known from its header before anything is done for it.

Theory of operation. Seven bytes may order a frame of eight megapixels, so bytes say nothing about work. Each codec
reads from a packet's header alone what would have to be computed, and says it in one unit, so that signals can be
weighed against one another: the work of a pixel that is reconstructed, about 0.4 microseconds of one core. What a
machine really takes differs by a small factor between codecs; that is measured where it matters
(`isthmus.cloud.schedule`).
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.common.errors import InputError, LimitExceededError


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one packet.

    Attributes:
        work: in pixels' worth.
        memory_bytes: allocated at once, at most.
    """

    work: int
    memory_bytes: int


MAX_FRAME_WORK = 1 << 26
"""Of one packet, unless told otherwise: an image of 67 megapixels."""

REFUSAL = Cost(16, 0)
"""Of a packet whose header cannot be read: it is refused as it is decoded."""


@dataclass(frozen=True, slots=True)
class FrameBudget:
    """What one packet may cost.

    Attributes:
        max_work: in pixels' worth.
        max_memory_bytes: allocated at once.
    """

    max_work: int = MAX_FRAME_WORK
    max_memory_bytes: int = 1 << 40

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise InputError(f"expected {name} of at least 1, got {getattr(self, name)}")

    def allows(self, cost: Cost) -> bool:
        """Whether a packet may cost so much."""
        return cost.work <= self.max_work and cost.memory_bytes <= self.max_memory_bytes

    def check(self, cost: Cost) -> None:
        """Refuses a packet that costs more. LimitExceededError says how much."""
        if cost.work > self.max_work:
            raise LimitExceededError(
                f"packet: expected a frame that takes at most {self.max_work} pixels' worth of work, "
                f"its header orders {cost.work}"
            )
        if cost.memory_bytes > self.max_memory_bytes:
            raise LimitExceededError(
                f"packet: expected a frame that takes at most {self.max_memory_bytes} bytes of memory, "
                f"its header orders {cost.memory_bytes}"
            )
