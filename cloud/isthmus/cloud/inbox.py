"""The packets of one stream that came and are not yet answered, each with what it costs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from isthmus.cloud.ledger import NOTHING, Amount, Ledger
from isthmus.common.cost import REFUSAL, Cost, FrameBudget

MAX_BATCH_WORK = 1 << 14
"""Of packets that are answered together, unless one alone is more: some milliseconds, and others have their turn."""


class Inbox:
    """One stream's queue. For one event loop.

    Args:
        peer: whose stream it is.
        ledger: where what is in it is counted.
        cost: of the next packet (`isthmus.cloud.half.Answerer.cost`).
        budget: of one packet; what costs more takes no more than to refuse it, which its answerer does.
    """

    def __init__(self, peer: str, ledger: Ledger, cost: Callable[[bytes], Cost], budget: FrameBudget) -> None:
        self._peer, self._ledger, self._cost, self._budget = peer, ledger, cost, budget
        self._queue: deque[tuple[bytes, Cost]] = deque()
        self._ordered = NOTHING  # in the queue, and taken and not yet answered
        self._taken = NOTHING
        self._has_room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, packets: Sequence[bytes]) -> int:
        """Packets that came; the work that they order."""
        work = size_bytes = 0
        for packet in packets:
            cost = self._cost(packet)
            if not self._budget.allows(cost):
                cost = REFUSAL
            self._queue.append((packet, cost))
            work += cost.work
            size_bytes += len(packet)
        ordered = Amount(work, size_bytes)
        self._ordered = self._ordered.plus(ordered)
        self._ledger.add(self._peer, ordered)
        return work

    def take(self, most: int) -> tuple[list[bytes], Cost]:
        """Packets that are answered together next, at least one and at most `most`, and what they cost together."""
        packets: list[bytes] = []
        work = memory_bytes = size_bytes = 0
        while self._queue and len(packets) < most:
            packet, cost = self._queue[0]
            if packets and work + cost.work > MAX_BATCH_WORK:
                break
            self._queue.popleft()
            packets.append(packet)
            work += cost.work
            memory_bytes += cost.memory_bytes
            size_bytes += len(packet)
        self._taken = Amount(work, size_bytes)
        return packets, Cost(work, memory_bytes)

    def answered(self) -> None:
        """What was taken last is answered."""
        self._leave(self._taken)
        self._taken = NOTHING

    def close(self) -> None:
        """Nobody waits for the rest."""
        self._queue.clear()
        self._leave(self._ordered)

    async def room(self) -> None:
        """Wait until more may come."""
        while not self._ordered.is_under(self._ledger.budgets.stream):
            self._has_room.clear()
            await self._has_room.wait()
        if not self._ledger.has_room(self._peer):
            await self._ledger.room(self._peer)

    def _leave(self, ordered: Amount) -> None:
        if ordered == NOTHING:
            return
        self._ordered = self._ordered.minus(ordered)
        self._ledger.remove(self._peer, ordered)
        self._has_room.set()
