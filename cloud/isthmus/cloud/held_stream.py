"""One named stream as a cloud holds it: its state, and the results that its client may ask for again.

What is answered as the connection breaks is answered to its end, since an answerer cannot be left between two states.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from isthmus.cloud.counted import CountedAnswerer
from isthmus.cloud.half import Answer
from isthmus.cloud.memory import Memory
from isthmus.common import protocol
from isthmus.common.errors import IsthmusError
from isthmus.common.protocol import FrameAnswer, FrameLabels, FrameReconstruction, Outcome

Found = Sequence[int] | Outcome
"""What becomes of one frame: labels may be without their frame, as they travel."""

OVERHEAD_BYTES, LABEL_BYTES = 64, 8

MESSAGE_BYTES, MESSAGE_COUNT = 1 << 20, 256
"""Of results that are given again; one that is larger has a message of its own."""


@dataclass(frozen=True, slots=True)
class Holding:
    """How much is held.

    Attributes:
        max_result_count, max_result_bytes: of one stream.
        max_stream_count: of streams without a connection; the longest without one goes first.
        max_bytes: of the results of all streams, and the states of those without a connection, which go first.
        age_s: how long a stream without a connection is held.
    """

    max_result_count: int = 1024
    max_result_bytes: int = 64 << 20
    max_stream_count: int = 256
    max_bytes: int = 256 << 20
    age_s: float = 120.0


class Holder(Protocol):
    """The connection that has a named stream."""

    def end(self, error: IsthmusError) -> None:
        """Another one has it from now on: end."""


@dataclass(slots=True)
class Total:
    """Bytes of all results that a cloud holds, and what lets go those that nobody has a connection to."""

    memory: Memory
    make_room: Callable[[], None]
    size_bytes: int = 0

    def take(self, size_bytes: int) -> None:
        """So much more is held."""
        self.size_bytes += size_bytes
        self.memory.take(size_bytes)

    def let_go(self, size_bytes: int) -> None:
        """So much less is."""
        self.size_bytes -= size_bytes
        self.memory.release(size_bytes)


@dataclass(slots=True, eq=False)
class HeldStream:
    """One named stream; made by `HeldStreams`, used by one connection at a time.

    Attributes:
        asked: what it was opened for; another opening that asks for something else begins anew.
        answerer: of its packets.
        epoch: of the newest opening.
        began_epoch: of the one from which it goes on.
        base_index: of the oldest result that is held.
        next_index: of the first frame without a result.
        holding: how much is held.
        total: of all streams.
        size_bytes: of the results that are held.
        left_s: when the last connection ended.
        holder: the connection that has it, None where there is none.
        is_broken: whether its answerer failed; is_left: set where no connection has it.
    """

    asked: protocol.OpenStream
    answerer: CountedAnswerer
    epoch: int
    began_epoch: int
    base_index: int
    next_index: int
    holding: Holding
    total: Total
    size_bytes: int = 0
    left_s: float = 0.0
    holder: Holder | None = None
    is_broken: bool = False
    is_left: asyncio.Event = field(default_factory=asyncio.Event)
    _results: deque[tuple[Found, int]] = field(default_factory=deque)
    _work: asyncio.Future[Answer] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being answered."""
        return self._work is not None and not self._work.done()

    async def answer(self, answering: Awaitable[Answer]) -> Answer:
        """What becomes of the next packets, held from then on. Goes on where the caller is cancelled meanwhile."""
        self._work = asyncio.ensure_future(self._answer(answering))
        self._work.add_done_callback(_retrieved)
        return await asyncio.shield(self._work)

    async def _answer(self, answering: Awaitable[Answer]) -> Answer:
        try:
            outcomes, timing = await answering
        except BaseException:
            self.is_broken = True  # whatever it was, nobody knows what state the answerer is in
            raise
        for outcome in outcomes:
            size = _size_bytes(outcome)
            self._results.append((outcome, size))
            self.size_bytes += size
            self.total.take(size)
        self.next_index += len(outcomes)
        if self.total.size_bytes > self.holding.max_bytes:
            self.total.make_room()
        most = self.holding
        while self._results and (
            len(self._results) > most.max_result_count
            or self.size_bytes > most.max_result_bytes
            or self.total.size_bytes > most.max_bytes
        ):
            self._let_go()
        return outcomes, timing

    async def settled(self) -> None:
        """No connection has it, and nothing is being answered any more."""
        await self.is_left.wait()
        if self._work is not None and not self._work.done():
            await asyncio.wait((self._work,))

    def take(self, count: int) -> None:
        """The client has taken the results below this index for good."""
        while self._results and self.base_index < count:
            self._let_go()

    def results_from(self, index: int) -> Iterator[list[Found]]:
        """The results that are held, from this frame's on: those of one message each."""
        some: list[Found] = []
        total_bytes = 0
        for outcome, size_bytes in list(self._results)[max(0, index - self.base_index) :]:
            if some and (total_bytes + size_bytes > MESSAGE_BYTES or len(some) >= MESSAGE_COUNT):
                yield some
                some, total_bytes = [], 0
            some.append(outcome)
            total_bytes += size_bytes
        if some:
            yield some

    def reaches(self, named: protocol.NamedStream) -> bool:
        """Whether the stream can go on as its client says it stands."""
        is_same = named.began_epoch == self.began_epoch and not self.is_broken
        return is_same and self.base_index <= named.first_unanswered_index <= self.next_index

    def leave(self, holder: Holder) -> None:
        """A connection has ended."""
        if self.holder is holder:
            self.holder, self.left_s = None, time.monotonic()
            self.is_left.set()

    def take_over(self, holder: Holder, epoch: int) -> None:
        """A connection of this epoch has it."""
        self.holder, self.epoch = holder, epoch
        self.is_left.clear()

    def forget(self) -> None:
        """Let all go, results and state."""
        while self._results:
            self._let_go()
        self.answerer.close()

    def _let_go(self) -> None:
        size = self._results.popleft()[1]
        self.size_bytes -= size
        self.total.let_go(size)
        self.base_index += 1


def _size_bytes(outcome: Found) -> int:
    """About what a result takes in memory."""
    match outcome:
        case FrameReconstruction():
            return OVERHEAD_BYTES + len(outcome.png)
        case FrameAnswer():
            return OVERHEAD_BYTES + len(outcome.data)
        case FrameLabels():
            return OVERHEAD_BYTES + LABEL_BYTES * len(outcome.packed)
        case IsthmusError():
            return OVERHEAD_BYTES + len(str(outcome))
        case _:
            return OVERHEAD_BYTES + LABEL_BYTES * len(outcome)


def _retrieved(work: asyncio.Future[Answer]) -> None:
    """Its error is told to whoever waits; where nobody does any more, it is nobody's."""
    if not work.cancelled():
        work.exception()
