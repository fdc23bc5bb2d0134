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
from isthmus.codec.exchange import Asking, Drawn, Exchange, Result, only
from isthmus.common.errors import StreamMisuseError
from isthmus.edge.access import NO_ACCESS, Access

T = TypeVar("T")


def aconnect(
    address: str,
    codec: Codec,
    task: str = "",
    *,
    wants_pixels: bool = True,
    wants_timing: bool = False,
    timeout_s: float = 0.0,
    access: Access = NO_ACCESS,
    reconnect_tries: int = 16,
) -> AsyncConnection:
    """`connect` for programs of asyncio: encoding and waiting are done in a thread, and the event loop goes on.

        async with aconnect("127.0.0.1:50051", codec) as cloud:
            async for result in cloud.results(frames):
                print(result.value)

    Args:
        address: as of `connect`, and so are the others.
    """
    return AsyncConnection(
        Exchange(address, codec, Asking(task, wants_pixels, wants_timing, timeout_s, access, reconnect_tries))
    )


class AsyncConnection:
    """One stream to a cloud; `aconnect` makes it. For one task at a time."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._thread = ThreadPoolExecutor(1, "isthmus-connection")
        self._is_closed = False

    async def __aenter__(self) -> AsyncConnection:
        """Open encoder and stream. Raises as `Connection.__enter__`."""
        try:
            await self._run(self._exchange.begin)
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
        self._is_closed = True
        await asyncio.to_thread(self._exchange.close)  # not in the thread, which may wait for the cloud
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
        exchange = self._exchange
        turn = await self._run(exchange.begin)
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
                for result in await self._run(partial(exchange.taken, turn, drawn)):
                    yield result
            while exchange.is_due(turn):
                for result in await self._run(partial(exchange.taken, turn)):
                    yield result
            if failure is not None:
                raise failure
        finally:
            await inputs.aclose()
            if not self._is_closed:
                await asyncio.to_thread(exchange.end_stream, turn)  # the thread may wait for an answer on it
                await self._run(partial(exchange.leave, turn))

    async def _drawn(self, given: Any) -> AsyncGenerator[Drawn, None]:
        """The signals in what was given, read in the thread."""
        exchange = self._exchange
        if not isinstance(given, AsyncIterable):
            async for drawn in self._stepped(exchange.inputs(each(given))):
                yield drawn
            return
        async for one in given:
            async for drawn in self._stepped(exchange.inputs(iter([one]))):
                yield drawn

    async def _stepped(self, inputs: Iterator[Drawn]) -> AsyncGenerator[Drawn, None]:
        while (drawn := await self._run(partial(next, inputs, None))) is not None:
            yield drawn

    async def _run(self, work: Callable[[], T]) -> T:
        if self._is_closed:
            raise StreamMisuseError("expected an open connection, got one after close(); make another with aconnect")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
