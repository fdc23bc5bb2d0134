"""What a cloud holds of named streams, so that they outlive their connections: bounded in bytes, count and age.

Theory of operation. A named stream is frames counted from 0, of which the cloud has answered those below `next_index`.
It holds the results from `base_index` on, which the client has not yet taken for good, and the answerer, in which a
video's references are. A connection that breaks leaves that behind; the next one, of a higher epoch, finds it: the
results that were on their way are given again, and nothing is run twice. Frames that came and were not answered are
forgotten: the client has them, and is told from which one on to send.

    frames   0 ........ base ........ next ........
             taken       held          not answered

What is answered as the connection breaks is answered to its end, since an answerer cannot be left between two states.
Whoever opens the stream again waits for that, and so sees one state alone. An opening of no higher epoch is an old one
that was late, and refused; a connection of an older epoch is ended (`Holder.fence`).

`is_resumed` is said only where going on is right: held results reach back to what the client has not taken, and the
state began when the client says it began. Had another cloud answered frames in between, video frames here would refer
to a state that the client's encoder has left.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from isthmus.cloud.half import Answer, Answerer
from isthmus.common import protocol
from isthmus.common.errors import FencedError, IsthmusError
from isthmus.common.protocol import FrameAnswer, FrameLabels, FrameReconstruction, Outcome

Found = Sequence[int] | Outcome
"""What becomes of one frame: labels may be without their frame, as they travel."""

OVERHEAD_BYTES, LABEL_BYTES = 64, 8


@dataclass(frozen=True, slots=True)
class Holding:
    """How much is held.

    Attributes:
        max_result_count, max_result_bytes: of one stream.
        max_stream_count: of streams without a connection; the longest without one goes first.
        max_bytes: of the results of all streams; those without a connection go first.
        age_s: how long a stream without a connection is held.
    """

    max_result_count: int = 1024
    max_result_bytes: int = 64 << 20
    max_stream_count: int = 256
    max_bytes: int = 256 << 20
    age_s: float = 120.0


class Holder(Protocol):
    """The connection that has a named stream."""

    def fence(self, error: IsthmusError) -> None:
        """Another one has it from now on: end."""


@dataclass(slots=True)
class Total:
    """Bytes of all results that a cloud holds, and what lets go those that nobody has a connection to."""

    make_room: Callable[[], None]
    size_bytes: int = 0


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
    answerer: Answerer
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
            self.total.size_bytes += size
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

    def results_from(self, index: int) -> list[tuple[Found, int]]:
        """The results that are held, from this frame's on, and how many bytes each takes."""
        return list(self._results)[max(0, index - self.base_index) :]

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
        """Let all results go."""
        while self._results:
            self._let_go()

    def _let_go(self) -> None:
        size = self._results.popleft()[1]
        self.size_bytes -= size
        self.total.size_bytes -= size
        self.base_index += 1


class HeldStreams:
    """All named streams of a cloud, by their owner and name.

    Args:
        holding: how much is held.

    Attributes:
        instance: names this cloud until it is started anew.
        total: of what is held.
    """

    def __init__(self, holding: Holding) -> None:
        self.instance = secrets.token_bytes(8)
        self._holding = holding
        self.total = Total(self._prune)
        self._streams: dict[tuple[str, bytes], HeldStream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    async def open(
        self,
        owner: str,
        asked: protocol.OpenStream,
        named: protocol.NamedStream,
        holder: Holder,
        open_stream: Callable[[], Answerer],
    ) -> tuple[HeldStream, bool]:
        """The stream of that name, and whether it goes on; another connection that has it is ended.

        Args:
            owner: whose streams these are: another's of the same name is another stream.
            asked: for what; without `named`.
            named: the stream.
            holder: the connection.
            open_stream: makes an answerer where it begins anew.

        Raises:
            FencedError: it was opened with this epoch or a higher one.
        """
        self._prune()
        key = (owner, named.name)
        while (held := self._streams.get(key)) is not None:
            if named.epoch <= held.epoch:
                raise FencedError(
                    f"stream: expected an epoch above {held.epoch}, got {named.epoch}: it was opened again since"
                )
            if held.holder is None and not held.is_busy:
                held.answerer.forget()
                break
            if held.holder is not None:
                held.holder.fence(FencedError(f"stream: opened again with epoch {named.epoch}; this is an older one"))
            await held.settled()
        if held is not None and held.asked == asked and held.reaches(named):
            held.take_over(holder, named.epoch)
            held.take(named.first_unanswered_index)
            return held, True
        if held is not None:
            held.forget()
        first = named.first_unanswered_index
        begun = HeldStream(asked, open_stream(), named.epoch, named.epoch, first, first, self._holding, self.total)
        begun.take_over(holder, named.epoch)
        self._streams[key] = begun
        return begun, False

    def leave(self, owner: str, named: protocol.NamedStream, holder: Holder, *, is_over: bool) -> None:
        """A connection has ended; `is_over` where the client has all results and comes no more."""
        held = self._streams.get((owner, named.name))
        if held is None or held.holder is not holder:
            return
        held.leave(holder)
        if is_over or held.is_broken:
            self._streams.pop((owner, named.name)).forget()
        self._prune()
        # What nobody comes back for goes even where nobody else comes.
        asyncio.get_running_loop().call_later(self._holding.age_s + 1, self._prune)

    def told(self, held: HeldStream, *, is_resumed: bool) -> protocol.HeldStream:
        """What the client is told of its stream."""
        holding = self._holding
        return protocol.HeldStream(
            self.instance, is_resumed, held.next_index, holding.max_result_count, holding.max_result_bytes
        )

    def _prune(self) -> None:
        """Let go what is too old, too many or too much, the longest without a connection first."""
        left = sorted((s.left_s, key) for key, s in self._streams.items() if s.holder is None and not s.is_busy)
        oldest_s = time.monotonic() - self._holding.age_s
        too_many = len(left) - self._holding.max_stream_count
        for number, (left_s, key) in enumerate(left):
            if left_s >= oldest_s and number >= too_many and self.total.size_bytes <= self._holding.max_bytes:
                return
            self._streams.pop(key).forget()


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
