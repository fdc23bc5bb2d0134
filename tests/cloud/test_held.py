"""What a cloud holds of named streams: resumed, begun anew, fenced, and let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from isthmus.cloud.held import HeldStreams
from isthmus.cloud.held_stream import HeldStream, Holding
from isthmus.cloud.memory import Memory
from isthmus.common import protocol
from isthmus.common.errors import FencedError, IsthmusError

ASKED = protocol.OpenStream(protocol.CodecId("tiny-q1", bytes(32)), 1)
NAME = bytes(range(16))
TIMING = protocol.Timing(0, 0)


@dataclass
class Answers:
    """Answers each packet with its length; waits for `gate` first."""

    gate: asyncio.Event | None = None
    fails: bool = False
    count: int = 0
    forgot: int = 0
    held_bytes: int = 0

    def close(self) -> None:
        self.held_bytes = 0

    def forget(self) -> None:
        self.forgot += 1

    async def answer(self, packets: Sequence[bytes]) -> tuple[list[Any], protocol.Timing]:
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise RuntimeError("inside")
        self.count += len(packets)
        return [(len(packet),) for packet in packets], TIMING


@dataclass
class Connection:
    streams: HeldStreams
    stream: protocol.NamedStream
    owner: str = ""
    ended: list[IsthmusError] = field(default_factory=list)

    def end(self, error: IsthmusError) -> None:
        self.ended.append(error)
        asyncio.get_running_loop().call_soon(self.leave)

    def leave(self, *, is_over: bool = False) -> None:
        self.streams.leave(self.owner, self.stream, self, is_over=is_over)


def named(epoch: int, began: int = 0, first: int = 0, name: bytes = NAME) -> protocol.NamedStream:
    return protocol.NamedStream(name, epoch, began, first)


def sync(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


async def opened(
    streams: HeldStreams, stream: protocol.NamedStream, answers: Answers | None = None, owner: str = ""
) -> tuple[HeldStream, bool, Connection]:
    connection = Connection(streams, stream, owner)
    held, is_resumed = await streams.open(owner, ASKED, stream, connection, lambda: cast(Any, answers or Answers()))
    return held, is_resumed, connection


async def answered(held: HeldStream, packets: list[bytes]) -> None:
    answers: Any = held.answerer
    await held.answer(answers.answer(packets))


def packed(held: HeldStream, index: int) -> list[Any]:
    return [outcome for some in held.results_from(index) for outcome in some]


@sync
async def test_goes_on_with_what_was_not_taken() -> None:
    streams = HeldStreams(Holding(), Memory(1 << 30))
    held, is_resumed, connection = await opened(streams, named(1))
    assert not is_resumed
    await answered(held, [b"", b"a", b"bb", b"ccc"])
    held.take(1)
    connection.leave()
    again, is_resumed, _ = await opened(streams, named(2, 1, 2))
    assert (again is held, is_resumed, again.next_index) == (True, True, 4)
    assert packed(again, 2) == [(2,), (3,)]
    assert streams.told(again, is_resumed=True).next_frame_index == 4


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (named(2, 0, 0), "the client never learned that it began"),
        (named(3, 2, 2), "another cloud began it anew since"),
        (named(2, 1, 0), "results are gone that it has not taken"),
        (named(2, 1, 5), "it has taken more than was answered"),
    ],
)
def test_begins_anew(stream: protocol.NamedStream, why: str) -> None:
    async def run() -> None:
        streams = HeldStreams(Holding(), Memory(1 << 30))
        held, _, connection = await opened(streams, named(1))
        await answered(held, [b""] * 4)
        held.take(1)
        connection.leave()
        again, is_resumed, _ = await opened(streams, stream)
        first = stream.first_unanswered_index
        assert (again is held, is_resumed, again.next_index, again.base_index) == (False, False, first, first), why
        assert again.began_epoch == stream.epoch
        assert streams.total.size_bytes == 0

    asyncio.run(run())


@sync
async def test_another_question_begins_anew() -> None:
    streams = HeldStreams(Holding(), Memory(1 << 30))
    _, _, connection = await opened(streams, named(1))
    connection.leave()
    other = protocol.OpenStream(ASKED.codec_id, 1, top_k=2)
    _, is_resumed = await streams.open("", other, named(2, 1), Connection(streams, named(2, 1)), cast(Any, Answers))
    assert not is_resumed


@sync
async def test_an_older_epoch_is_fenced() -> None:
    streams = HeldStreams(Holding(), Memory(1 << 30))
    _, _, first = await opened(streams, named(5))
    for epoch in (4, 5):
        with pytest.raises(FencedError, match="above 5"):
            await opened(streams, named(epoch))
    assert first.ended == []
    _, is_resumed, _ = await opened(streams, named(6, 5))
    assert is_resumed
    assert [type(error) for error in first.ended] == [FencedError]
    first.leave(is_over=True)  # too late: it is another's
    assert len(streams) == 1


@sync
async def test_what_is_being_answered_is_answered_to_its_end() -> None:
    """Its connection is cancelled, and the next one sees one state alone."""
    streams, gate = HeldStreams(Holding(), Memory(1 << 30)), asyncio.Event()
    answers = Answers(gate)
    held, _, connection = await opened(streams, named(1), answers)
    waiting = asyncio.create_task(answered(held, [b"a", b"bb"]))
    await asyncio.sleep(0)
    waiting.cancel()
    connection.leave()
    opening = asyncio.create_task(opened(streams, named(2, 1)))
    await asyncio.sleep(0.01)
    assert not opening.done()
    gate.set()
    again, is_resumed, _ = await opening
    assert (is_resumed, again.next_index, answers.count) == (True, 2, 2)
    assert packed(again, 0) == [(1,), (2,)]


@sync
async def test_an_answerer_that_failed_is_not_gone_on_with() -> None:
    streams = HeldStreams(Holding(), Memory(1 << 30))
    held, _, connection = await opened(streams, named(1), Answers(fails=True))
    with pytest.raises(RuntimeError):
        await answered(held, [b""])
    connection.leave()
    assert len(streams) == 0


@sync
async def test_bounds() -> None:
    """Of one stream by count and bytes, of all by bytes, and of those without a connection by number and age."""
    streams = HeldStreams(
        Holding(max_result_count=3, max_result_bytes=150, max_stream_count=2, max_bytes=300), Memory(1 << 30)
    )
    held, _, _ = await opened(streams, named(1))
    await answered(held, [b""] * 5)
    assert (held.base_index, held.size_bytes) == (3, 144), "72 bytes each"
    for number in range(4):
        other, _, connection = await opened(streams, named(1, name=bytes([number]) * 16))
        await answered(other, [b""] * 2)
        assert streams.total.size_bytes <= 300
        connection.leave()
    assert len(streams) == 2, "the one that has a connection, and one more that fits beside it"
    for number, is_there in ((0, False), (3, True)):
        _, is_resumed, _ = await opened(streams, named(2, 1, 0, bytes([number]) * 16))
        assert is_resumed == is_there, "the longest without a connection went first"


@sync
async def test_age() -> None:
    streams = HeldStreams(Holding(age_s=0.05), Memory(1 << 30))
    held, _, connection = await opened(streams, named(1))
    await answered(held, [b""])
    connection.leave()
    await asyncio.sleep(0.06)
    _, is_resumed, _ = await opened(streams, named(2, 1))
    assert not is_resumed


@sync
async def test_what_seems_over_is_held_a_little_longer() -> None:
    """A connection that breaks while nothing is under way looks as if its client had ended it."""
    streams = HeldStreams(Holding(age_s=0.05), Memory(1 << 30))
    held, _, connection = await opened(streams, named(1))
    await answered(held, [b"a"])
    connection.leave(is_over=True)
    again, is_resumed, second = await opened(streams, named(2, 1))
    assert is_resumed
    assert again is held
    second.leave(is_over=True)
    await asyncio.sleep(0.06)
    _, is_resumed, _ = await opened(streams, named(3, 1))
    assert not is_resumed


@sync
async def test_what_seems_over_goes_before_all_else() -> None:
    streams = HeldStreams(Holding(max_stream_count=1), Memory(1 << 30))
    _, _, waiting = await opened(streams, named(1), owner="a")
    waiting.leave()
    _, _, over = await opened(streams, named(1), owner="b")
    over.leave(is_over=True)
    _, is_resumed, _ = await opened(streams, named(2, 1), owner="a")
    assert is_resumed


@sync
async def test_names_are_their_owners() -> None:
    streams = HeldStreams(Holding(), Memory(1 << 30))
    await opened(streams, named(5), owner="a")
    _, is_resumed, _ = await opened(streams, named(1), owner="b")
    assert not is_resumed
    assert len(streams) == 2


@sync
async def test_what_is_held_is_counted() -> None:
    """In the memory of the server, until it is let go."""
    memory = Memory(1 << 30)
    streams = HeldStreams(Holding(age_s=0.0), memory)
    held, _, connection = await opened(streams, named(1))
    await answered(held, [b""] * 5)
    assert memory.reserved_bytes == held.size_bytes == 5 * 72
    held.take(2)
    assert memory.reserved_bytes == 3 * 72
    connection.leave(is_over=True)
    assert memory.reserved_bytes == 0


@sync
async def test_states_of_those_without_a_connection_are_bounded() -> None:
    streams = HeldStreams(Holding(max_bytes=300), Memory(1 << 30))
    answers = [Answers(held_bytes=200), Answers(held_bytes=200)]
    for number in range(2):
        _, _, connection = await opened(streams, named(1, name=bytes([number]) * 16), answers[number])
        connection.leave()
    assert [one.held_bytes for one in answers] == [0, 200], "the longest without a connection went first"


def test_a_small_server_holds_little() -> None:
    memory = Memory(80 << 20)
    assert HeldStreams(Holding(), memory).max_bytes == 20 << 20


@sync
async def test_results_are_given_again_in_messages_of_a_bounded_size() -> None:
    streams = HeldStreams(Holding(), Memory(1 << 30))
    held, _, _ = await opened(streams, named(1))
    pixels = protocol.FrameAnswer(bytes(400 << 10))

    async def many() -> tuple[list[Any], protocol.Timing]:
        return [pixels, pixels, pixels, *[(1,)] * 300], TIMING

    await held.answer(many())
    assert [len(some) for some in held.results_from(0)] == [2, 256, 45]
    assert [len(some) for some in held.results_from(2)] == [256, 45]
