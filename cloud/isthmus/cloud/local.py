"""The cloud half of a codec in this very process: answers as a server would give them, without a server.

Theory of operation. The cloud halves are made for an event loop. A caller here may have none, or be inside one that
runs (a notebook), so each `LocalCloud` has a thread of its own with a loop in it, and callers wait for that. What the
halves would do in other threads is done in that one.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from isthmus.cloud.half import Bench, CloudCodec, Outcomes
from isthmus.common import protocol
from isthmus.common.bits.packet import Packet
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.errors import IsthmusError
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.task import Asked, Task
from isthmus.runtime.engine import AUTO


class _Here(Executor):
    """Does what it is given at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


class LocalCloud:
    """The cloud half of one codec, loaded. May be used by several threads; they wait for one another.

    Args:
        folder: of the codec.
        engine: what runs the networks (`isthmus.runtime.engine`).

    Raises:
        ManifestError: the folder is damaged.
    """

    def __init__(self, folder: CodecFolder[Any], engine: str = AUTO) -> None:
        signal = SIGNALS[folder.manifest.signal]
        bench = Bench(signal.allowance, engine=engine, executor=_Here())
        self.codec: CloudCodec = opened(signal.cloud_half)(folder.path, bench)
        self._thread = ThreadPoolExecutor(1, "isthmus-local-cloud")
        self._loop = asyncio.new_event_loop()
        weakref.finalize(self, _end, self._thread, self._loop)

    def open_stream(self, task: Task[Any] | None = None, top_k: int = 1) -> LocalStream:
        """A stream of packets, which may refer to earlier ones of it.

        Args:
            task: of the codec's; None for its first.
            top_k: labels wanted for each signal.
        """
        return LocalStream(self, task or self.codec.manifest.task, top_k)

    def run(self, work: Callable[[], Any]) -> Any:
        """What a coroutine comes to; the caller waits."""
        return self._thread.submit(lambda: self._loop.run_until_complete(work())).result()


class LocalStream:
    """One stream through a `LocalCloud`; `open_stream` makes it."""

    def __init__(self, cloud: LocalCloud, task: Task[Any], top_k: int) -> None:
        manifest = cloud.codec.manifest
        self._cloud = cloud
        self._task = task
        self._top_k = min(top_k, len(manifest.classes) or 1)
        self._opening = protocol.OpenStream(
            protocol.CodecId(manifest.name, manifest.identity),
            manifest.bitstream_version,
            task.number,
            self._top_k,
            wants_pixels="pixels" in task.wants,
        )
        self._answerer = cloud.codec.open_stream("local")

    def answer(self, packet: bytes) -> Any:
        """What the task makes of the next packet; or the error of this packet, which leaves the stream as it was."""
        outcomes, _ = self._cloud.run(lambda: self._answerer.answer([packet], self._opening))
        found = _outcome(outcomes)
        if isinstance(found, IsthmusError):
            return found
        count = Packet.from_bytes(packet, self._cloud.codec.limits).signal_count
        return self._task.read(found, Asked(self._opening, self._top_k, count, self._cloud.codec.manifest.classes))


def _outcome(outcomes: Outcomes) -> protocol.Outcome:
    """Of one packet; labels in their frame."""
    (found,) = outcomes
    if isinstance(found, protocol.FrameLabels | protocol.FrameReconstruction | protocol.FrameAnswer | IsthmusError):
        return found
    return protocol.FrameLabels(tuple(found))


def _end(thread: ThreadPoolExecutor, loop: asyncio.AbstractEventLoop) -> None:
    """Nothing is under way: whoever waits holds the cloud. May be called in any thread, inside any loop."""
    thread.shutdown(wait=False)
    loop.close()
