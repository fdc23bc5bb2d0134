"""What streams keep is counted in the memory of their server, and no longer than they keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from isthmus.cloud.counted import CountedAnswerer
from isthmus.cloud.half import Answer, Steps, done
from isthmus.cloud.memory import Memory
from isthmus.common import protocol
from isthmus.common.cost import REFUSAL, Cost

OPENING = protocol.OpenStream(protocol.CodecId("tiny-q1", bytes(32)), 1)


class Keeps:
    """Keeps its newest packet."""

    held_bytes = 0
    forgot = False

    def cost(self, packet: bytes) -> Cost:
        del packet
        return REFUSAL

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        del opening
        yield 1
        self.held_bytes = len(packets[-1])
        yield 1
        return [(1,)], protocol.Timing(0, 0)

    def forget(self) -> None:
        self.forgot = True


def counted() -> tuple[CountedAnswerer, Keeps, Memory]:
    keeps, memory = Keeps(), Memory(1 << 30)
    return CountedAnswerer(cast(Any, keeps), memory), keeps, memory


def test_grows_and_shrinks_with_what_is_kept() -> None:
    answerer, keeps, memory = counted()
    for size in (100, 300, 20):
        assert done(answerer.answer([bytes(size)], OPENING)) == ([(1,)], protocol.Timing(0, 0))
        assert memory.reserved_bytes == answerer.held_bytes == size
    answerer.close()
    assert memory.reserved_bytes == 0
    answerer.forget()
    assert keeps.forgot
    assert answerer.cost(b"") == REFUSAL


def test_an_answer_that_ends_after_its_stream_counts_nothing() -> None:
    """Nobody waits for it any more: it is left at its next step."""
    answerer, _, memory = counted()
    steps = answerer.answer([bytes(100)], OPENING)
    next(steps)
    next(steps)
    answerer.close()
    steps.close()
    assert memory.reserved_bytes == 0
