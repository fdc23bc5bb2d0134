"""Point clouds in the cloud: packets in, labels out, many at once.

Theory of operation. A stream's packets are answered as many at a time as are there: one run of the network for all of
them. Small batches run in the event loop itself, because a hop to a thread costs more than they do; what is expected to
take longer than `INLINE_BUDGET_S` goes to the signal's thread, so that health checks are answered meanwhile.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.cloud.half import Bench, Outcomes, elapsed
from isthmus.cloud.pointcloud.classifier import Classifier
from isthmus.common import protocol
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import IsthmusError, RemoteError
from isthmus.common.limits import Limits
from isthmus.common.pointcloud.coder import Decoder
from isthmus.common.pointcloud.manifest import PointCloudManifest

INLINE_BUDGET_S = 0.002

# Weight of the newest batch in the running estimate of what a frame costs.
COST_GAIN = 0.2


class PointCloudCodec:
    """Cloud half of one codec of point clouds: bytes of packets in, labels out. Holds nothing between packets.

    Args:
        folder: of the codec.
        bench: what it works with.

    Raises:
        ManifestError: the folder is damaged.
    """

    def __init__(self, folder: Path, bench: Bench) -> None:
        self._classifier = Classifier(folder, bench.threads, bench.engine)
        self._bench = bench
        self._decoder = Decoder(self.manifest, self.limits)

    @property
    def manifest(self) -> PointCloudManifest:
        """Of the codec."""
        return self._classifier.manifest

    @property
    def limits(self) -> Limits:
        """Of one packet."""
        return self._bench.allowance.limits.packet

    def open_stream(self, stream_id: str) -> PointCloudAnswerer:
        """What answers the packets of one stream."""
        del stream_id
        return PointCloudAnswerer(self, self._bench)

    def stop(self) -> None:
        """Nothing takes long."""

    def infer(self, packets: Sequence[bytes], top_k: int) -> tuple[list[list[int] | IsthmusError], protocol.Timing]:
        """For each packet its labels as they travel, or why it has none; one run of the network for all of them."""
        start_s = time.perf_counter()
        decoded: list[Symbols | IsthmusError] = []
        for packet in packets:
            try:
                decoded.append(self._decoder.decode(packet))
            except RemoteError as error:
                decoded.append(error)
        middle_s = time.perf_counter()
        sound = [symbols.values for symbols in decoded if isinstance(symbols, Symbols)]
        labels: list[int] = []
        if sound:
            values = sound[0] if len(sound) == 1 else np.concatenate(sound)
            labels = self._classifier.top_labels(values, top_k).ravel().tolist()
        outcomes: list[list[int] | IsthmusError] = []
        start = 0
        for symbols in decoded:
            if isinstance(symbols, Symbols):
                stop = start + symbols.signals * top_k
                outcomes.append(labels[start:stop])
                start = stop
            else:
                outcomes.append(symbols)
        return outcomes, elapsed(start_s, middle_s, time.perf_counter())


class PointCloudAnswerer:
    """One stream: knows what a frame of it costs."""

    def __init__(self, codec: PointCloudCodec, bench: Bench) -> None:
        self._codec = codec
        self._bench = bench
        self._frame_cost_s = math.inf  # unknown: the first batch goes to the thread

    async def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> tuple[Outcomes, protocol.Timing]:
        """Labels of each packet."""
        if self._frame_cost_s * len(packets) <= INLINE_BUDGET_S:
            outcomes, timing = self._codec.infer(packets, opening.top_k)
        else:
            outcomes, timing = await self._bench.run(lambda: self._codec.infer(packets, opening.top_k))
        # By the codec's own clock: waiting for the thread, or for a core, is no reason to use the thread again.
        cost_s = (timing.entropy_decode_us + timing.task_us) * 1e-6 / len(packets)
        known = math.isfinite(self._frame_cost_s)
        self._frame_cost_s = self._frame_cost_s + COST_GAIN * (cost_s - self._frame_cost_s) if known else cost_s
        return outcomes, timing
