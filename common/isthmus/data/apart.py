"""Native readers that damaged bytes can bring down: run in a process of their own, which may die of them.

The process is told what to read on its standard input, and what it makes of that comes back as bytes, never as pickles.
It has a bound on its memory, and on its time for each answer; where it ends without one (a signal, no memory, no time),
the bytes are refused as any others are, and the next are given to another process.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

from isthmus.common.errors import InputError

MAX_SECONDS = 120.0
MAX_MEMORY_BYTES = 2 << 30

_SIZE = struct.Struct("<Q")
_ANSWER, _REFUSAL = b"+", b"-"


class Apart:
    """A function of bytes that runs in another process: one for many calls, started by the first. A context.

    Args:
        function: `function(data, *words)` of a module, by whose name the other process finds it.
        what: the data is, for messages: "LAZ".
        words: what it is given beside the data.
        max_seconds: for a call, after which the process is ended.
        max_memory_bytes: of its address space, the interpreter's part included.
    """

    def __init__(
        self,
        function: Callable[..., bytes],
        what: str,
        *words: str,
        max_seconds: float = MAX_SECONDS,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        self._place = [str(max_memory_bytes), function.__module__, function.__qualname__, *words]
        self._what, self._max_seconds, self._max_memory_bytes = what, max_seconds, max_memory_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, data: bytes) -> bytes:
        """What the function answers.

        Raises:
            InputError: the function did, or its process ended without an answer.
        """
        process = self._process = self._process or self._started()
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        patience = threading.Timer(self._max_seconds, end)
        patience.daemon = True
        patience.start()
        try:
            answer = _exchanged(process, data)
        except BaseException:  # Ctrl-C among them
            self.close()
            raise
        finally:
            patience.cancel()
        if answer.startswith(_ANSWER):
            return answer[1:]
        if answer.startswith(_REFUSAL):
            raise InputError(answer[1:].decode(errors="replace"))
        self.close(is_done=True)
        if is_late.is_set():
            raise InputError(
                f"expected {self._what} that is read in {self._max_seconds:g} s, got more; it may be damaged"
            )
        raise InputError(
            f"expected whole {self._what}, got bytes that its reader ended on ({_end_of(process.returncode)}): they "
            f"are damaged, or want more than {self._max_memory_bytes >> 20} MiB"
        )

    def close(self, *, is_done: bool = False) -> None:
        """End the process; one that is done already says how it ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if not is_done:
            process.kill()
        for end in (process.stdin, process.stdout):
            if end is not None:
                with contextlib.suppress(OSError):  # what it never read is nobody's any more
                    end.close()
        process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(p for p in sys.path if p)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "isthmus.data.apart", *self._place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
        )


def run_apart(
    function: Callable[..., bytes],
    data: bytes,
    what: str,
    *words: str,
    max_seconds: float = MAX_SECONDS,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
) -> bytes:
    """`function(data, *words)`, in another process that is there for this alone. Arguments and errors as `Apart`."""
    with Apart(function, what, *words, max_seconds=max_seconds, max_memory_bytes=max_memory_bytes) as apart:
        return apart(data)


def _exchanged(process: subprocess.Popen[bytes], data: bytes) -> bytes:
    """What a process answers; b"" where it ends instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(_SIZE.pack(len(data)))
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    return _read_sized(process.stdout) or b""


def _read_sized(stream: IO[bytes]) -> bytes | None:
    """Bytes with their length in front; None where they end before."""
    head = stream.read(_SIZE.size)
    if len(head) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack(head)
    data = stream.read(size)
    return data if len(data) == size else None


def main() -> None:
    """The other process."""
    memory, module, name, *words = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the other's, which ends this one
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
        function: Callable[..., bytes] | None = None
        while (data := _read_sized(sys.stdin.buffer)) is not None:
            try:
                if function is None:
                    function = getattr(importlib.import_module(module), name)
                    bound_memory(int(memory))
                answer = _ANSWER + function(data, *words)
            except InputError as error:
                answer = _REFUSAL + str(error).encode()
            out.write(_SIZE.pack(len(answer)))
            out.write(answer)
            out.flush()


def bound_memory(max_bytes: int) -> None:
    """Of this process, for good; and no core is dumped. Does nothing where the system knows no such bound."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))


def _end_of(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


if __name__ == "__main__":
    main()
