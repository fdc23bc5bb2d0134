"""A cloud inside a program of asyncio, beside whatever else that does; and an edge that asks it.

python examples/serve_inside_asyncio.py cloud.npy     # needs the extra `cloud`
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from isthmus.cloud.server import Ready, ServerConfig, serve
from isthmus.codec import aconnect, load
from isthmus.common.zoo import find_zoos


async def main(*files: str) -> None:
    stop = asyncio.Event()  # given one, the server leaves the signals of the process alone
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve(ServerConfig(find_zoos(), port=0, grace_s=1.0), ready.set_result, stop))
    events: set[asyncio.Future[Any]] = {server, ready}
    await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        await server  # raises what kept it from starting
    at = ready.result()
    print(f"listening on {at.address}, {len(at.codecs)} codecs")
    async with aconnect(at.address, load("pc-lite-any-q10")) as cloud:
        async for result in cloud.results(files):
            print(f"{result.given}: {result.value}")
    stop.set()
    await server


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
