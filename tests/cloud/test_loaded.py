"""Loaded codecs: those used last are kept, what is counted is given back, and a live stream's is found again."""

from __future__ import annotations

import asyncio
from typing import Any

from isthmus.cloud.loaded import BYTES_OF_FILES, LEAST_BYTES, Loaded
from isthmus.cloud.memory import Memory

FILE_BYTES = 1 << 20
SIZE_BYTES = LEAST_BYTES + BYTES_OF_FILES * FILE_BYTES


class Codec:
    """Nothing but itself."""

    was_stopped = False

    def stop(self) -> None:
        self.was_stopped = True


def run(steps: Any) -> None:
    """Give it loaded codecs with room for three, and the memory."""

    async def main() -> None:
        memory = Memory(8 * 3 * SIZE_BYTES)
        await steps(Loaded(memory), memory)

    asyncio.run(main())


def add(loaded: Loaded, name: str) -> Any:
    codec: Any = Codec()
    loaded.add(name, codec, FILE_BYTES)
    return codec


async def turned() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_the_one_used_the_longest_ago_goes_and_gives_its_memory_back() -> None:
    async def steps(loaded: Loaded, memory: Memory) -> None:
        for name in "abc":
            add(loaded, name)
        assert memory.reserved_bytes == 3 * SIZE_BYTES
        assert loaded.find("a") is not None
        add(loaded, "d")
        assert loaded.names == ("c", "a", "d")
        assert loaded.find("b") is None
        await turned()
        assert memory.reserved_bytes == 3 * SIZE_BYTES

    run(steps)


def test_one_that_a_stream_holds_is_counted_and_found_again() -> None:
    async def steps(loaded: Loaded, memory: Memory) -> None:
        held = add(loaded, "a")
        for name in "bcd":
            add(loaded, name)
        assert loaded.names == ("b", "c", "d")
        await turned()
        assert memory.reserved_bytes == 4 * SIZE_BYTES
        assert loaded.find("a") is held
        assert loaded.names == ("c", "d", "a")
        del held
        await turned()
        assert memory.reserved_bytes == 3 * SIZE_BYTES

    run(steps)


def test_one_is_kept_though_it_is_too_large() -> None:
    async def steps(loaded: Loaded, memory: Memory) -> None:
        codec: Any = Codec()
        loaded.add("a", codec, memory.most_bytes)
        assert loaded.names == ("a",)
        add(loaded, "b")
        assert loaded.names == ("b",)
        loaded.stop()
        assert codec.was_stopped  # a stream has it, though it is not kept

    run(steps)
