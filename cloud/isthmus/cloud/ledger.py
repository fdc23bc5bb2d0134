"""What is ordered and not yet answered: by each peer and in all, in work and in bytes.

Theory of operation. HTTP/2 holds a client back once nobody reads its stream, so what a peer has ordered is bounded by
not reading more of it. A stream is read while the stream, its peer and all peers together are each under their bound.
Where all together are over it, those peers go on that have less than an equal part: whoever fills a cloud fills it for
himself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from isthmus.cloud.memory import Memory
from isthmus.common.errors import InputError

SHARE = 8
"""One of so many parts of a server's memory may be packets that wait."""

# A core does so many pixels' worth of work a second, in the unit of `isthmus.common.cost`.
WORK_PER_S = 2_500_000


class Amount(NamedTuple):
    """Of what was ordered. A tuple, since several are made for each message.

    Attributes:
        work: in pixels' worth.
        size_bytes: of packets.
    """

    work: int = 0
    size_bytes: int = 0

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.work + other.work, self.size_bytes + other.size_bytes)

    def minus(self, other: Amount) -> Amount:
        """What is left without the other."""
        return Amount(self.work - other.work, self.size_bytes - other.size_bytes)

    def is_under(self, bound: Amount, parts: int = 1) -> bool:
        """Whether there is less of each than an equal part of a bound."""
        return self.work * parts < bound.work and self.size_bytes * parts < bound.size_bytes


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Budgets:
    """How much may be ordered and not yet answered. More is not read until something was answered.

    Attributes:
        stream, peer, total: of one stream, of all streams of a peer, of all.
    """

    stream: Amount = field(default_factory=lambda: Amount(1 << 27, 16 << 20))
    peer: Amount = field(default_factory=lambda: Amount(1 << 28, 64 << 20))
    total: Amount = field(default_factory=lambda: Amount(1 << 30, 256 << 20))

    def __post_init__(self) -> None:
        for name in self.__slots__:
            bound: Amount = getattr(self, name)
            if bound.work < 1 or bound.size_bytes < 1:
                raise InputError(f"expected a budget of at least 1 for each {name}, got {bound}")


class Ledger:
    """All that is ordered on one server. For one event loop."""

    def __init__(self, budgets: Budgets, memory: Memory) -> None:
        """The bytes of what is ordered are taken from `memory`; of them, at most an eighth of it is read."""
        total = budgets.total
        most = Amount(total.work, min(total.size_bytes, memory.most_bytes // SHARE))
        self.budgets = replace(budgets, total=most)
        self._memory = memory
        self.total = NOTHING
        self._peers: dict[str, Amount] = {}
        self._waiting: set[asyncio.Event] = set()

    def add(self, peer: str, ordered: Amount) -> None:
        """A peer has ordered something."""
        self.total = self.total.plus(ordered)
        self._memory.take(ordered.size_bytes)
        self._peers[peer] = self._peers.get(peer, NOTHING).plus(ordered)

    def remove(self, peer: str, ordered: Amount) -> None:
        """What it had ordered is answered, or nobody waits for it any more."""
        self.total = self.total.minus(ordered)
        self._memory.release(ordered.size_bytes)
        left = self._peers[peer].minus(ordered)
        if left == NOTHING:
            del self._peers[peer]
        else:
            self._peers[peer] = left
        for event in self._waiting:
            event.set()

    def ordered_by(self, peer: str) -> Amount:
        """What a peer has ordered."""
        return self._peers.get(peer, NOTHING)

    def has_room(self, peer: str) -> bool:
        """Whether a peer may order more."""
        ordered = self._peers.get(peer)
        if ordered is None:
            return True
        if not ordered.is_under(self.budgets.peer):
            return False
        return self.total.is_under(self.budgets.total) or ordered.is_under(self.budgets.total, len(self._peers))

    async def room(self, peer: str) -> None:
        """Wait until a peer may order more."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while not self.has_room(peer):
                event.clear()
                await event.wait()
        finally:
            self._waiting.discard(event)

    def retry_delay_s(self, peer: str) -> float:
        """When what a peer has ordered is likely to be done."""
        return min(60.0, max(1.0, self.ordered_by(peer).work / WORK_PER_S))
