"""The cloud half of a codec, as the server knows it: one small protocol for every signal.

A `CloudCodec` is opened from a folder and a `Bench`, once for a server; each stream of it gets an `Answerer`, which may
remember what its packets refer to, and goes with the stream. What a codec may take is data: `Bench.allowance`.

An answer is made in steps: a generator that says before each step how much work it is, so that a server can give
others a turn between two of them, and stop where nobody waits any more. Who drives it, and in which thread, is not the
codec's concern; two streams of one codec may be driven by two threads at once, one stream never is.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from isthmus.cloud.saves import Saves
from isthmus.common import protocol
from isthmus.common.codec import Allowance
from isthmus.common.cost import Cost, FrameBudget
from isthmus.common.limits import Limits
from isthmus.common.manifest.manifest import Manifest
from isthmus.runtime.engine import AUTO

T = TypeVar("T")

Outcomes = Sequence[Sequence[int] | protocol.Outcome]
"""Of each packet what becomes of it; labels may be given as they travel, without their frame."""

Steps = Generator[int, None, T]
"""Work in steps: before each it gives the work of that step, in pixels' worth (`isthmus.common.cost`)."""

Answer = tuple[Outcomes, protocol.Timing]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cloud half of a codec works with.

    Attributes:
        allowance: of its signal.
        threads: of each network.
        engine: what runs the networks (`isthmus.runtime.engine`).
        saves: takes what is reconstructed, None to keep nothing.
        budget: of one packet; what costs more is refused by its header.
    """

    allowance: Allowance
    threads: int = 1
    engine: str = AUTO
    saves: Saves | None = None
    budget: FrameBudget = field(default_factory=FrameBudget)


class Answerer(Protocol):
    """One stream's way through a codec. Called by one task, one call at a time."""

    def cost(self, packet: bytes) -> Cost:
        """What a packet will take, by its header alone. Asked once for each packet, in their order, before any answer
        to it is begun; never raises: a packet without a header takes what refusing it takes.
        """

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        """What becomes of the next packets of the stream, in their order, and how long that took.

        Args:
            packets: at least one, at most the allowance's `max_batch_frame_count`.
            opening: what the stream asked for, `top_k` and the task among it.
        """

    def forget(self) -> None:
        """The packets whose cost was asked and that were not answered were lost with their connection."""

    @property
    def held_bytes(self) -> int:
        """Of memory that it keeps from packet to packet."""


class CloudCodec(Protocol):
    """The cloud half of one codec, loaded; shared by its streams."""

    @property
    def manifest(self) -> Manifest:
        """Of the codec."""

    @property
    def limits(self) -> Limits:
        """Of one packet: the allowance's, or tighter."""

    def open_stream(self, stream_id: str) -> Answerer:
        """What answers the packets of one stream."""

    def stop(self) -> None:
        """Leave what is under way as soon as may be: the process is to end."""


def done(steps: Steps[T]) -> T:
    """What steps come to, one after another, here and now."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        found: T = end.value
        return found


def elapsed(start_s: float, middle_s: float, end_s: float) -> protocol.Timing:
    """Times of a clock in seconds, before and after decoding and at the end, as they travel."""
    return protocol.Timing(round((middle_s - start_s) * 1e6), round((end_s - middle_s) * 1e6))
