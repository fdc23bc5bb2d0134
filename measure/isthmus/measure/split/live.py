"""Key frames through a codec folder as it is used, edge encoder, wire and cloud, against the same folder in process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.cloud.half import Bench
from isthmus.cloud.video.codec import VideoCodec
from isthmus.common.protocol import FrameLabels
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.signal import VIDEO
from isthmus.edge.client import CloudClient
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.cloud_process import CloudProcess


@dataclass(frozen=True, slots=True)
class LiveCrossing:
    """How many frames had another packet or another answer, and the mean bits of a frame on the wire."""

    differing_packets: int
    differing_answers: int
    wire_frame_bits: float


def cross_live(folder: Path, frames: Sequence[npt.NDArray[np.uint8]], advance: Callable[[int], None]) -> LiveCrossing:
    """Send frames uint8 [H, W, 3] through a codec over a live wire. IsthmusError: what the codec or a cloud raises."""
    local = VideoCodec(folder, Bench(VIDEO.allowance))
    decoder = local.decoder()
    encoder, again = (VideoEncoder(folder, VideoPolicy(mode="intra")) for _ in range(2))
    packets = answers = 0
    with CloudProcess(folder.parent) as cloud, CloudClient(cloud.address, local.manifest) as client:
        for index, frame in enumerate(frames):
            coded = encoder.encode(VideoFrame(Image(frame), index))
            client.send(coded.packet)
            answered = client.receive().value.top().class_index
            same = again.encode(VideoFrame(Image(frame), index)).packet.to_bytes()
            labels, _ = local.infer(decoder, same, 1)
            packets += same != coded.packet.to_bytes()
            answers += not isinstance(labels, FrameLabels) or labels.signals(1)[0][0].class_index != answered
            advance(1)
        wire_bits = 8 * client.traffic.sent_bytes / len(frames)
    return LiveCrossing(packets, answers, wire_bits)
