"""What streams keep from packet to packet, counted where a server counts its memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from isthmus.cloud.half import Answer, Answerer, Steps
from isthmus.cloud.memory import Memory
from isthmus.common import protocol
from isthmus.common.cost import Cost


class CountedAnswerer:
    """An answerer whose `held_bytes` are counted after each answer, until it is closed."""

    def __init__(self, answerer: Answerer, memory: Memory) -> None:
        self._answerer = answerer
        self._memory = memory
        self._lock = threading.Lock()  # an answer that nobody waits for any more may end after `close`
        self._counted_bytes = 0
        self._is_closed = False

    @property
    def held_bytes(self) -> int:
        """Of memory that it keeps, as it was counted last."""
        return self._counted_bytes

    def cost(self, packet: bytes) -> Cost:
        """As its answerer's."""
        return self._answerer.cost(packet)

    def forget(self) -> None:
        """As its answerer's."""
        self._answerer.forget()

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        """As its answerer's."""
        try:
            return (yield from self._answerer.answer(packets, opening))
        finally:
            self._count()

    def close(self) -> None:
        """Nobody uses it any more."""
        self._is_closed = True
        self._count()

    def _count(self) -> None:
        with self._lock:
            held_bytes = 0 if self._is_closed else self._answerer.held_bytes
            more, self._counted_bytes = held_bytes - self._counted_bytes, held_bytes
        if more > 0:
            self._memory.take(more)
        elif more < 0:
            self._memory.release(-more)
