"""A camera on the network: another project's RTSP server, in a process of its own, which plays a file to who asks.

Its SDP, its RTP and its end are not ours, so it shows that what reads them is right.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVE = """
import asyncio, sys
from aio_rtsp_toolkit import server
asyncio.run(server.serve(sys.argv[1], "127.0.0.1", int(sys.argv[2])))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def rtsp_camera(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Serves the clips of a folder as ``rtsp://127.0.0.1:PORT/NAME`` until it is killed, or this ends."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", SERVE, str(folder), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "listening" in line, line + process.stdout.read()
            yield process
        finally:
            process.kill()
