"""A connection for programs of asyncio: what would block is done in a thread, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from isthmus.codec.codec import Codec, each
from isthmus.codec.connection import Asking, Connection, Drawn, Result, only

T = TypeVar("T")


def aconnect(
    address: str,
    codec: Codec,
    task: str = "",
    *,
    wants_pixels: bool = True,
    wants_timing: bool = False,
    timeout_s: float = 0.0,
) -> AsyncConnection:
    """`connect` for programs of asyncio: encoding and waiting are done in a thread, and the event loop goes on.

        async with aconnect("127.0.0.1:50051", codec) as cloud:
            async for result in cloud.results(frames):
                print(result.value)

    Args:
        address: as of `connect`, and so are the others.
    """
    return AsyncConnection(Connection(address, codec, Asking(task, wants_pixels, wants_timing, timeout_s)))


class AsyncConnection:
    """One stream to a cloud; `aconnect` makes it. For one task at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "isthmus-connection")

    async def __aenter__(self) -> AsyncConnection:
        """Open encoder and stream. Raises as `Connection.__enter__`."""
        try:
            await self._run(self._connection.__enter__)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the stream and the connection; what is under way is given up. May be called again."""
        await asyncio.to_thread(self._connection.close)  # not in the thread, which may wait for the cloud
        await asyncio.to_thread(self._thread.shutdown)

    async def ask(self, given: Any) -> Result:
        """Send one signal, and await what the cloud says of it. Raises as `Connection.ask`."""
        found: list[Result] = []
        async with aclosing(self.results([given])) as results:
            async for result in results:
                found.append(result)
                if len(found) == 2:
                    break
        return only(found)

    async def results(self, given: Any) -> AsyncGenerator[Result, None]:
        """What the cloud says of each signal, in their order. As `Connection.results`.

        Args:
            given: what that takes, or an asynchronous iterable of what `ask` takes.
        """
        connection = self._connection
        turn = await self._run(connection.begin)
        failure: Exception | None = None
        inputs = self._drawn(given)
        try:
            while True:
                try:
                    drawn = await anext(inputs)
                except StopAsyncIteration:
                    break
                except Exception as error:
                    failure = error
                    break
                for result in await self._run(partial(connection.taken, turn, drawn)):
                    yield result
            while connection.is_waiting:
                for result in await self._run(partial(connection.taken, turn)):
                    yield result
            if failure is not None:
                raise failure
        finally:
            await inputs.aclose()
            if connection.is_waiting:
                await asyncio.to_thread(connection.client.end_stream)  # the thread may wait for it
            await self._run(partial(connection.leave, turn))

    async def _drawn(self, given: Any) -> AsyncGenerator[Drawn, None]:
        """The signals in what was given, read in the thread."""
        connection = self._connection
        if not isinstance(given, AsyncIterable):
            async for drawn in self._stepped(connection.inputs(each(given))):
                yield drawn
            return
        async for one in given:
            async for drawn in self._stepped(connection.inputs(iter([one]))):
                yield drawn

    async def _stepped(self, inputs: Iterator[Drawn]) -> AsyncGenerator[Drawn, None]:
        while (drawn := await self._run(partial(next, inputs, None))) is not None:
            yield drawn

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
