"""What a function makes of thousands of damaged inputs, each in a process of its own: forked, as starting takes longer.

`ends_of` says how each ended: in an answer, in a refusal, or in a way that only its own process survives.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

ANSWERED, REFUSED, RAISED, ENDED, ENDLESS = range(5)
MAX_SECONDS = 20


def ends_of(function: Callable[..., bytes], inputs: Sequence[bytes], *words: str, max_memory_bytes: int) -> list[int]:
    """One of the numbers above for each input; the function is given the words too."""
    asked = pickle.dumps((function.__module__, function.__qualname__, list(inputs), words, max_memory_bytes))
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"import sys; sys.path[:] = {sys.path!r}; from support import forked; forked.main()",
        ],
        input=asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return list(done.stdout)


def main() -> None:
    from isthmus.data.apart import bound_memory

    module, name, inputs, words, max_memory_bytes = pickle.load(sys.stdin.buffer)
    function: Callable[..., bytes] = getattr(importlib.import_module(module), name)
    for package in ("lazrs", "pye57.libe57", "velodyne_decoder"):
        with contextlib.suppress(ImportError):
            importlib.import_module(package)
    ends = bytearray()
    for data in inputs:
        child = os.fork()
        if not child:
            bound_memory(max_memory_bytes)
            signal.alarm(MAX_SECONDS)
            os._exit(_end(function, data, words))
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            ends.append(ENDLESS if os.WTERMSIG(status) == signal.SIGALRM else ENDED)
        else:
            ends.append(min(os.WEXITSTATUS(status), ENDED))
    sys.stdout.buffer.write(ends)


def _end(function: Callable[..., bytes], data: bytes, words: Sequence[str]) -> int:
    from isthmus.common.errors import InputError

    try:
        function(data, *words)
    except InputError:
        return REFUSED
    except BaseException:
        return RAISED
    return ANSWERED
