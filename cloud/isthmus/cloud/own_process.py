"""What a cloud sets for the whole of a process that is its own."""

from __future__ import annotations

import ctypes
import logging
import sys

# A thread that computes in Python holds up the event loop for so long; Python's own 5 ms are several answers.
SWITCH_S = 0.001

# Of glibc, which otherwise learns to keep blocks of up to 32 MiB for itself once one was given back: what came in a
# large message, and went, would count as memory of the process for ever.
M_MMAP_THRESHOLD, LARGE_BYTES = -3, 4 << 20

_log = logging.getLogger("isthmus.cloud")


def own_process() -> None:
    """Give others' turns sooner, and large blocks back to the system."""
    sys.setswitchinterval(SWITCH_S)
    try:
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
    except (OSError, AttributeError, TypeError) as error:  # another C library, another system
        _log.debug("large blocks stay with the process: %s", error)
