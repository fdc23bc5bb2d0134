"""The cloud half of a codec in this very process: answers as a server would give them, without a server.

Theory of operation. An answer is a generator of steps, which a server does in turn with those of others. Here there are
no others, and they are done one after another, in the caller's thread.
"""

from __future__ import annotations

import threading
from typing import Any

from isthmus.cloud.half import Bench, CloudCodec, Outcomes, done
from isthmus.common import protocol
from isthmus.common.bits.packet import Packet
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.errors import IsthmusError
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.task import Asked, Task
from isthmus.runtime.engine import AUTO


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
        bench = Bench(signal.allowance, engine=engine)
        self.codec: CloudCodec = opened(signal.cloud_half)(folder.path, bench)
        self.lock = threading.Lock()

    def open_stream(self, task: Task[Any] | None = None, top_k: int = 1) -> LocalStream:
        """A stream of packets, which may refer to earlier ones of it.

        Args:
            task: of the codec's; None for its first.
            top_k: labels wanted for each signal.
        """
        return LocalStream(self, task or self.codec.manifest.task, top_k)


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
        with self._cloud.lock:
            self._answerer.cost(packet)
            outcomes, _ = done(self._answerer.answer([packet], self._opening))
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
