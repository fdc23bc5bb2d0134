"""The codecs that a cloud holds loaded: those used last, as many as their part of the memory lets.

Theory of operation. What a codec holds is known roughly by its files: weights, and what the runtime makes of them.
Where a new one has no room, the one that was opened the longest ago is let go, which costs its next stream a load and
nobody else anything: live streams hold their codec themselves. So a codec's memory is counted until its last stream
ends, and a codec that was let go and is still held by a stream is found again rather than loaded twice.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import OrderedDict

from isthmus.cloud.half import CloudCodec
from isthmus.cloud.memory import Memory

SHARE = 8
"""One of so many parts of a server's memory may be codecs that no stream uses."""

# Measured on the codecs that ship: 0 to 1.5 MiB, and 0.4 to 6.3 bytes for each of their files.
LEAST_BYTES, BYTES_OF_FILES = 2 << 20, 6

_log = logging.getLogger("isthmus.cloud")


class Loaded:
    """Loaded codecs by name. For one event loop.

    Args:
        memory: of the server.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._most_bytes = memory.most_bytes // SHARE
        self._kept: OrderedDict[str, tuple[CloudCodec, int]] = OrderedDict()
        self._alive: weakref.WeakValueDictionary[str, CloudCodec] = weakref.WeakValueDictionary()
        self._sizes: weakref.WeakKeyDictionary[CloudCodec, int] = weakref.WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that are held, the one opened the longest ago first."""
        return tuple(self._kept)

    def find(self, name: str) -> CloudCodec | None:
        """A codec that is loaded, now the one that was opened last; None if it is not."""
        codec = self._alive.get(name)
        if codec is not None:
            self._keep(name, codec)
        return codec

    def add(self, name: str, codec: CloudCodec, file_bytes: int) -> None:
        """A codec that was loaded, whose files have so many bytes."""
        size_bytes = LEAST_BYTES + BYTES_OF_FILES * file_bytes
        self._memory.take(size_bytes)
        # From whichever thread lets the last of it go, and whatever that thread holds: later, in the event loop.
        weakref.finalize(codec, _later, asyncio.get_running_loop(), self._memory, size_bytes).atexit = False
        self._alive[name] = codec
        self._sizes[codec] = size_bytes
        self._keep(name, codec)

    def stop(self) -> None:
        """Let what is under way go: the process is to end."""
        for codec in list(self._alive.values()):
            codec.stop()

    def _keep(self, name: str, codec: CloudCodec) -> None:
        self._kept[name] = codec, self._sizes[codec]
        self._kept.move_to_end(name)
        total_bytes = sum(size for _, size in self._kept.values())
        while total_bytes > self._most_bytes and len(self._kept) > 1:
            gone, (_, size_bytes) = self._kept.popitem(last=False)
            total_bytes -= size_bytes
            _log.info("let go of %s, which was opened the longest ago", gone)


def _later(loop: asyncio.AbstractEventLoop, memory: Memory, size_bytes: int) -> None:
    try:
        loop.call_soon_threadsafe(memory.release, size_bytes)
    except RuntimeError:
        _log.debug("a codec went after the event loop had ended")
