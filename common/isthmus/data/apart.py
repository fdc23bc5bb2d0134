"""Native readers that damaged bytes can bring down: run in a process of their own, which may die of them.

The process gets the bytes on its standard input, and what it makes of them comes back as bytes, never as pickles. It
has a bound on its memory and its time; where it ends without an answer (a signal, no memory, no time), the bytes are
refused as any others are.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

from isthmus.common.errors import InputError

MAX_SECONDS = 120.0
MAX_MEMORY_BYTES = 2 << 30

_ANSWER, _REFUSAL = b"+", b"-"


def run_apart(
    function: Callable[..., bytes],
    data: bytes,
    what: str,
    *words: str,
    max_seconds: float = MAX_SECONDS,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
) -> bytes:
    """`function(data, *words)`, in another process.

    Args:
        function: of a module, by whose name the other process finds it.
        data: what it is given.
        what: the data is, for messages: "LAZ".
        words: what else it is given.
        max_seconds: after which it is ended.
        max_memory_bytes: of its address space, the interpreter's part included.

    Raises:
        InputError: the function did, or its process ended without an answer.
    """
    place = [str(max_memory_bytes), function.__module__, function.__qualname__, *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "isthmus.data.apart", *place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        try:
            answer, _ = process.communicate(data, max_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise InputError(
                f"expected {what} that is read in {max_seconds:g} s, got more; it may be damaged"
            ) from None
        except BaseException:  # Ctrl-C among them
            process.kill()
            raise
    if answer.startswith(_ANSWER):
        return answer[1:]
    if answer.startswith(_REFUSAL):
        raise InputError(answer[1:].decode(errors="replace"))
    raise InputError(
        f"expected whole {what}, got bytes that its reader ended on ({_end_of(process.returncode)}): they are damaged, "
        f"or want more than {max_memory_bytes >> 20} MiB"
    )


def main() -> None:
    """The other process."""
    memory, module, name, *words = sys.argv[1:]
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
        data = sys.stdin.buffer.read()
        try:
            function: Callable[..., bytes] = getattr(importlib.import_module(module), name)
            bound_memory(int(memory))
            answer = _ANSWER + function(data, *words)
        except InputError as error:
            answer = _REFUSAL + str(error).encode()
        out.write(answer)


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
