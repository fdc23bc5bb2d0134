"""A bare gRPC echo to compare the wire with, and processes that serve as long as a block of code runs.

    python benchmarks/echo.py

serves until it is killed, and prints its port.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import grpc

import isthmus
from isthmus.edge.client import open_channel

ECHO_METHOD = "/isthmus.benchmarks.Echo/Echo"
START_TIMEOUT_S = 60.0


@contextmanager
def echo_process() -> Iterator[str]:
    """A bare grpc.aio server that sends back what it gets."""
    with child([sys.executable, str(Path(__file__).resolve())], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"


@contextmanager
def echo_call(address: str) -> Iterator[tuple[Callable[[bytes | None], None], Iterator[bytes]]]:
    """A stream to the echo: what sends, and what comes back."""
    outgoing: SimpleQueue[bytes | None] = SimpleQueue()
    channel = open_channel(address)
    try:
        call = channel.stream_stream(ECHO_METHOD, None, None)(iter(outgoing.get, None))
        answers: Iterator[bytes] = iter(call)
        yield lambda data: outgoing.put(data), answers  # noqa: PLW0108 (a bound `put` has two parameters more)
        outgoing.put(None)
    finally:
        channel.close()


async def echo_server() -> None:
    """Serve until killed; print the port."""

    async def echo(_requests: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        while isinstance(data := await context.read(), bytes):
            await context.write(data)

    _, service, method = ECHO_METHOD.split("/")
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


@contextmanager
def child(command: list[str], stdout: int | None = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the source roots of this one, ended with the block."""
    roots = os.pathsep.join(str(Path(portion).parent) for portion in isthmus.__path__)
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": roots}, stdout=stdout)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def wait_for(is_there: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until a child is ready; RuntimeError if it ends, or takes too long."""
    end_s = time.monotonic() + START_TIMEOUT_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > end_s:
            raise RuntimeError(f"expected a server within {START_TIMEOUT_S:g} s, it ended with {process.returncode}")
        time.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(echo_server())
