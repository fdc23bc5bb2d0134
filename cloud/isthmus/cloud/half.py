"""The cloud half of a codec, as the server knows it: one small protocol for every signal.

A `CloudCodec` is opened from a folder and a `Bench`, once for a server; each stream of it gets an `Answerer`, which may
remember what its packets refer to, and goes with the stream. What a codec may take is data: `Bench.allowance`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from isthmus.cloud.saves import Saves
from isthmus.common import protocol
from isthmus.common.codec import Allowance
from isthmus.common.limits import Limits
from isthmus.common.manifest.manifest import Manifest
from isthmus.runtime.engine import AUTO

T = TypeVar("T")

Outcomes = Sequence[Sequence[int] | protocol.Outcome]
"""Of each packet what becomes of it; labels may be given as they travel, without their frame."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cloud half of a codec works with.

    Attributes:
        allowance: of its signal.
        threads: of each network.
        engine: what runs the networks (`isthmus.runtime.engine`).
        executor: the one thread of its signal, apart from that of the others; None for one of the event loop's own.
        saves: takes what is reconstructed, None to keep nothing.
    """

    allowance: Allowance
    threads: int = 1
    engine: str = AUTO
    executor: Executor | None = None
    saves: Saves | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Do what takes long without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)


class Answerer(Protocol):
    """One stream's way through a codec. Called by one task, one call at a time."""

    async def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> tuple[Outcomes, protocol.Timing]:
        """What becomes of the next packets of the stream, in their order, and how long that took.

        Args:
            packets: at least one, at most the allowance's `max_batch_frame_count`.
            opening: what the stream asked for, `top_k` and the task among it.
        """


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


def elapsed(start_s: float, middle_s: float, end_s: float) -> protocol.Timing:
    """Times of a clock in seconds, before and after decoding and at the end, as they travel."""
    return protocol.Timing(round((middle_s - start_s) * 1e6), round((end_s - middle_s) * 1e6))
