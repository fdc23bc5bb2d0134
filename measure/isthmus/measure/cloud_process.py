"""A cloud to measure: another process on a free loopback port, ended with the measurement.

Run as a module it is that process: it serves a zoo as `isthmus cloud` does, and says its address on the first line of
its output, so that no port is guessed and nothing is polled.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from isthmus.common.errors import CloudUnreachableError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0


class CloudProcess:
    """A context manager; `address` is where the cloud listens.

    Args:
        zoo: folders of codecs.
        threads: of each network.
        peers: file of those who are let in; everybody is without one.
        memory_limit_bytes, max_stream_count: as of `isthmus.cloud.server.ServerConfig`; 0 for what is usual.

    Raises `CloudUnreachableError`, with what the process said, where it does not come up.
    """

    def __init__(
        self,
        zoo: Path | Sequence[Path],
        threads: int = 1,
        *,
        peers: Path | None = None,
        memory_limit_bytes: int = 0,
        max_stream_count: int = 0,
    ) -> None:
        self._zoos = (zoo,) if isinstance(zoo, Path) else tuple(zoo)
        asked = {"memory_limit_bytes": memory_limit_bytes, "max_stream_count": max_stream_count}
        self._asked: dict[str, object] = {name: value for name, value in asked.items() if value}
        self._asked |= {"threads": threads, **({} if peers is None else {"peers": str(peers)})}
        self.address = ""

    def __enter__(self) -> CloudProcess:
        # The child finds the project where this process found it, installed or not.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [
            sys.executable,
            "-m",
            "isthmus.measure.cloud_process",
            json.dumps(self._asked),
            *map(str, self._zoos),
        ]
        self._log = tempfile.TemporaryFile()  # closed in __exit__
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None  # it is a pipe
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        try:
            self.address = self._process.stdout.readline().strip()
        finally:
            timer.cancel()
        if not self.address:
            said = self._stop()
            zoos = ", ".join(map(str, self._zoos))
            raise CloudUnreachableError(
                f"expected a cloud for {zoos} within {START_TIMEOUT_S:g} s, got: {said[-600:] or 'nothing'}; "
                "mend that, or name a running one with --cloud HOST:PORT"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def resident_bytes(self) -> int:
        """Memory that the process has now; Linux alone says it."""
        return self._told_kib("VmRSS") << 10

    def peak_bytes(self) -> int:
        """The most memory that it has had."""
        return self._told_kib("VmHWM") << 10

    def descriptors(self) -> int:
        """Files and connections that it has open."""
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    def _told_kib(self, name: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def _stop(self) -> str:
        """End the process; answers what it wrote to its log."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()
        self._log.close()
        return said


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM; the address goes to standard output once connections are taken."""
    from isthmus.cloud.server import ServerConfig, serve
    from isthmus.common.errors import IsthmusError

    asked = json.loads(arguments[0])
    if "peers" in asked:
        asked["peers"] = Path(asked["peers"])
    config = ServerConfig(tuple(map(Path, arguments[1:])), port=0, grace_s=1.0, **asked)
    try:
        asyncio.run(serve(config, lambda ready: print(ready.address, flush=True)))
    except IsthmusError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
