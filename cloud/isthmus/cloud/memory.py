"""How much memory a server may take, and who has taken it: one number that load does not pass.

Theory of operation. What work will allocate is known before it begins (`isthmus.common.cost`), and so is what lies in
queues and what a loaded codec holds, roughly. Each reserves its part before it takes it, and waits, or is refused,
where that does not fit. The process itself, with no load, is counted once, at the start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from isthmus.common.errors import InputError

LEAST_WORKING_BYTES = 64 << 20
"""What must be left for work beside the process itself."""

# Of the memory that this machine, or this container, has, what a server takes unless told otherwise.
USUAL_SHARE = 0.5
UNKNOWN_MACHINE_BYTES = 2 << 30
PAGE_BYTES = 4096

_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_log = logging.getLogger("isthmus.cloud")


class Memory:
    """What a server may allocate. Any thread may ask.

    Args:
        limit_bytes: of the whole process.
        used_bytes: that it takes without any load.

    Attributes:
        most_bytes: that may be reserved.
        when_freed: called whenever something was given back.

    Raises:
        InputError: the limit leaves nothing to work with.
    """

    def __init__(self, limit_bytes: int, used_bytes: int = 0) -> None:
        self.most_bytes = limit_bytes - used_bytes
        if self.most_bytes < LEAST_WORKING_BYTES:
            raise InputError(
                f"memory limit: expected at least {mebibytes(used_bytes + LEAST_WORKING_BYTES)} MiB, for the process "
                f"takes {mebibytes(used_bytes)} by itself, got {mebibytes(limit_bytes)}"
            )
        self.when_freed: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._reserved_bytes = 0

    @property
    def reserved_bytes(self) -> int:
        """What is taken now."""
        return self._reserved_bytes

    def reserve(self, size_bytes: int) -> bool:
        """Take so much, if it is free."""
        with self._lock:
            if self._reserved_bytes + size_bytes > self.most_bytes:
                return False
            self._reserved_bytes += size_bytes
            return True

    def take(self, size_bytes: int) -> None:
        """Take what is there already: it came over the wire, bounded elsewhere."""
        with self._lock:
            self._reserved_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._reserved_bytes -= size_bytes
        self.when_freed()


def resident_bytes() -> int:
    """What this process holds now; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


def usual_limit_bytes() -> int:
    """A share of what this machine has, or of what its container may take."""
    found = [UNKNOWN_MACHINE_BYTES / USUAL_SHARE]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:")] or found
    except (OSError, ValueError, IndexError):
        _log.debug("this system does not say how much memory it has")
    for path in _CONTAINER_LIMITS:
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue  # there is no such file, or it says "max"
    return int(min(found) * USUAL_SHARE)


def mebibytes(size_bytes: int) -> int:
    """For people."""
    return -(-size_bytes >> 20)
