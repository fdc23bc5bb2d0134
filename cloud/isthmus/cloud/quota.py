"""What all streams of one kind of signal share on a server: their limits, a thread, and how many they may be.

Point clouds need no desk: they are small, and the service's own limits and thread are theirs.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from isthmus.common import wire
from isthmus.common.errors import OverloadedError


class Desk:
    """Streams of one kind of signal.

    Args:
        word: the signal, for messages: "image", "video".
        limits: of each stream.
        max_stream_count: streams at a time.

    Attributes:
        limits: as given.
        executor: the one thread in which their signals are decoded, apart from that of classifications.
    """

    def __init__(self, word: str, limits: wire.StreamLimits, max_stream_count: int) -> None:
        self.limits = limits
        self.executor = ThreadPoolExecutor(1, thread_name_prefix=f"isthmus-{word}")
        self._word = word
        self._max_stream_count = max_stream_count
        self._stream_count = 0

    def enter(self) -> None:
        """Count one stream in. OverloadedError if there are as many as there may be."""
        if self._stream_count >= self._max_stream_count:
            raise OverloadedError(
                f"expected at most {self._max_stream_count} {self._word} streams at a time, got one more; "
                "try again later"
            )
        self._stream_count += 1

    def leave(self) -> None:
        """Count one stream out."""
        self._stream_count -= 1

    def close(self) -> None:
        """Release the worker thread; nothing may run any more."""
        self.executor.shutdown(wait=True, cancel_futures=True)
