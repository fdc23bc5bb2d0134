"""What all streams of one signal share on a server: their limits, and how many they may be."""

from __future__ import annotations

from isthmus.common.codec import Allowance
from isthmus.common.errors import OverloadedError


class Quota:
    """Streams of one signal.

    Args:
        signal: its name, for messages.
        allowance: what is taken of it.

    Attributes:
        allowance: as given.
    """

    def __init__(self, signal: str, allowance: Allowance) -> None:
        self.allowance = allowance
        self._signal = signal
        self._stream_count = 0

    def enter(self) -> None:
        """Count one stream in. OverloadedError if there are as many as there may be."""
        most = self.allowance.max_stream_count
        if most and self._stream_count >= most:
            raise OverloadedError(
                f"expected at most {most} {self._signal} streams at a time, got one more; try again later"
            )
        self._stream_count += 1

    def leave(self) -> None:
        """Count one stream out."""
        self._stream_count -= 1
