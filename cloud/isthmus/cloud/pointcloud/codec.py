"""Point clouds in the cloud: packets in, labels out, many at once.

Theory of operation. A stream's packets are answered as many at a time as are there and fit into a step: one run of the
network for all of them. A packet may announce a thousand clouds in three bytes; those are run some hundreds at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.cloud.half import Answer, Bench, Steps, elapsed
from isthmus.cloud.pointcloud.classifier import MAX_RUN_SIGNAL_COUNT, Classifier
from isthmus.common import protocol
from isthmus.common.bits.packet import read_head
from isthmus.common.bits.symbols import Symbols
from isthmus.common.cost import REFUSAL, Cost
from isthmus.common.errors import IsthmusError, PacketError, RemoteError
from isthmus.common.limits import Limits
from isthmus.common.pointcloud.coder import Decoder
from isthmus.common.pointcloud.manifest import PointCloudManifest

# In pixels' worth, by the clock, of the codecs that ship: to decode a packet, and for each cloud in it.
PACKET_WORK, CLOUD_WORK = 32, 24

# Of each cloud beside its symbols: its logits and labels, and the activations of one that is being run.
CLOUD_BYTES = 2048


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
        return PointCloudAnswerer(self)

    def stop(self) -> None:
        """Nothing takes long."""

    def cost(self, packet: bytes) -> Cost:
        """Of one packet, by its header."""
        try:
            count = read_head(packet).signal_count
        except PacketError:
            return REFUSAL
        return Cost(PACKET_WORK + CLOUD_WORK * count, count * (CLOUD_BYTES + 16 * self.manifest.channels))

    def infer(self, packets: Sequence[bytes], top_k: int) -> Steps[Answer]:
        """For each packet its labels as they travel, or why it has none."""
        yield sum(self.cost(packet).work for packet in packets)
        start_s = time.perf_counter()
        decoded = [self._decode(packet) for packet in packets]
        middle_s = end_s = time.perf_counter()
        sound = [symbols.values for symbols in decoded if isinstance(symbols, Symbols)]
        labels: list[int] = []
        if sound:
            values = sound[0] if len(sound) == 1 else np.concatenate(sound)
            task_s = 0.0
            for start in range(0, len(values), MAX_RUN_SIGNAL_COUNT):
                if start:
                    yield CLOUD_WORK * min(MAX_RUN_SIGNAL_COUNT, len(values) - start)
                begun_s = time.perf_counter()
                part = values[start : start + MAX_RUN_SIGNAL_COUNT]
                labels += self._classifier.top_labels(part, top_k).ravel().tolist()
                task_s += time.perf_counter() - begun_s
            end_s = middle_s + task_s
        outcomes: list[list[int] | IsthmusError] = []
        at = 0
        for symbols in decoded:
            if isinstance(symbols, Symbols):
                stop = at + symbols.signals * top_k
                outcomes.append(labels[at:stop])
                at = stop
            else:
                outcomes.append(symbols)
        return outcomes, elapsed(start_s, middle_s, end_s)

    def _decode(self, packet: bytes) -> Symbols | IsthmusError:
        try:
            self._bench.budget.check(self.cost(packet))
            return self._decoder.decode(packet)
        except RemoteError as error:
            return error


class PointCloudAnswerer:
    """One stream, which keeps nothing."""

    held_bytes = 0

    def forget(self) -> None:
        """Nothing is kept of them."""

    def __init__(self, codec: PointCloudCodec) -> None:
        self._codec = codec
        self.cost = codec.cost

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        """Labels of each packet."""
        return self._codec.infer(packets, opening.top_k)
