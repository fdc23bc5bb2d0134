"""What a cloud sets for the whole of a process that is its own."""

from __future__ import annotations

import sys

SWITCH_S = 0.001
"""A thread that computes in Python holds up the event loop for so long; Python's own 5 ms are several answers."""


def own_process() -> None:
    """Give others' turns sooner."""
    sys.setswitchinterval(SWITCH_S)
