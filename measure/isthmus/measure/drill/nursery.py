"""Clouds as processes of their own, ready before they are needed, to be killed in any way.

Theory of operation. To start a cloud takes a second, most of it imports; a drill needs hundreds. So one process imports
what a cloud needs and forks at each line that it is sent. A fork is safe there, for none of what it imported has begun
a thread. It answers "PID ADDRESS" as that cloud takes connections. When its input ends, it ends what is left, and
itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from isthmus.common.errors import CloudUnreachableError, IsthmusError

START_TIMEOUT_S = 60.0
AHEAD = 2
"""Clouds that are ready before anybody asks."""


@dataclass(frozen=True, slots=True)
class NurseryCloud:
    """One cloud: its process, and where it listens."""

    pid: int
    address: str

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Tell it to end (SIGTERM)."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


class Nursery:
    """Clouds that serve one zoo; a context manager, at whose end they are killed.

    Args:
        zoo: folder of codecs.
        grace_s: what live streams get when a cloud is told to end.
        idle_timeout_s: of a stream that says nothing.

    Raises:
        CloudUnreachableError: from `take`: no cloud came up, with what it said.
    """

    def __init__(self, zoo: Path, grace_s: float = 1.0, idle_timeout_s: float = 60.0) -> None:
        self._words = (str(zoo), str(grace_s), str(idle_timeout_s))
        self._asked = 0
        self._ready: deque[NurseryCloud] = deque()

    def __enter__(self) -> Nursery:
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a library's threads do not survive a fork
        environment = os.environ | single | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._log = tempfile.TemporaryFile()  # closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "isthmus.measure.drill.nursery", *self._words],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        for _ in range(AHEAD):
            self._ask()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None  # both are pipes
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def take(self) -> NurseryCloud:
        """A cloud that is ready; another one is begun in its place."""
        self._ask()
        assert self._process.stdout is not None  # it is a pipe
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline().split()
        finally:
            timer.cancel()
        if len(line) != 2:
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip()
            raise CloudUnreachableError(
                f"expected a cloud within {START_TIMEOUT_S:g} s, got: {said[-600:] or 'nothing'}"
            )
        return NurseryCloud(int(line[0]), line[1])

    def _ask(self) -> None:
        assert self._process.stdin is not None  # it is a pipe
        with contextlib.suppress(BrokenPipeError):  # `take` says what became of it
            self._process.stdin.write("\n")
            self._process.stdin.flush()


def main(words: list[str]) -> int:
    """Fork a cloud at each line of standard input, and kill those that are left at its end."""
    import isthmus.cloud.server  # noqa: F401
    from isthmus.common.catalog import SIGNALS
    from isthmus.common.codec import opened

    for each in SIGNALS.values():
        opened(each.cloud_half)
    children: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for _ in sys.stdin:
            pid = os.fork()
            if not pid:
                _be_a_cloud(words)
            children.append(pid)
            children = [child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)]
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return 0


def _be_a_cloud(words: list[str]) -> NoReturn:
    """Serve, and end here whatever comes: what the nursery does at its end is not a child's to do."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = _serve(words)
    finally:
        os._exit(code)


def _serve(words: list[str]) -> int:
    """One cloud, until SIGTERM; its process and address go to standard output once connections are taken."""
    from isthmus.cloud.server import Ready, ServerConfig, serve
    from isthmus.common.catalog import SIGNALS

    zoo, grace_s, idle_timeout_s = Path(words[0]), float(words[1]), float(words[2])
    limits = {name: replace(each.allowance.limits, idle_timeout_s=idle_timeout_s) for name, each in SIGNALS.items()}
    allowances = {name: replace(each.allowance, limits=limits[name]) for name, each in SIGNALS.items()}
    config = ServerConfig(zoo, port=0, grace_s=grace_s, allowances=allowances, has_reflection=False)

    def tell(ready: Ready) -> None:
        os.write(1, f"{os.getpid()} {ready.address}\n".encode())  # in one piece, whoever else writes

    try:
        asyncio.run(serve(config, tell))
    except IsthmusError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
