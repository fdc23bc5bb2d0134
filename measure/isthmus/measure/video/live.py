"""The same clips over a live wire: a stream a clip, one frame in flight, every answer the cloud's own.

What the cloud holds after each frame is compared with what the encoder thinks that it holds, by the CRC-32 that the
cloud says: one that differs ends the measurement.
"""

from __future__ import annotations

import numpy as np

from isthmus.common.coded import Coded
from isthmus.common.errors import CodecError
from isthmus.data.video.clips import Clip
from isthmus.edge.client import CloudClient
from isthmus.edge.result import FrameResult
from isthmus.edge.video.detail import FrameDetail
from isthmus.measure.video.network import Float32, nrmse
from isthmus.measure.video.point import FrameTrace
from isthmus.measure.video.runs import FrameLog, LatentSender, Truth

RESULT_TIMEOUT_S = 120.0


class LiveSender:
    """Sends clips to a cloud with one encoder.

    Args:
        sender: the encoder.
        client: of the cloud, opened with `wants_timing` and `wants_state_crc32`.
    """

    def __init__(self, sender: LatentSender, client: CloudClient) -> None:
        self._sender = sender
        self._client = client
        self._message_bytes = 0
        self._frame_count = 0

    @property
    def message_bits_a_frame(self) -> float:
        """Mean of the serialised messages up, openings left out."""
        return 8 * self._message_bytes / max(1, self._frame_count)

    def send(self, clip: Clip, truth: Truth) -> FrameTrace:
        """A clip on a stream of its own.

        Raises:
            CodecError: the cloud holds other latents than the encoder.
            IsthmusError: what the stream raises, or a frame's answer is.
        """
        log = FrameLog()
        seen: list[Float32] = []
        answers: list[int] = []
        frames = self._sender.frames(clip)
        self._client.open()
        for frame in frames:
            coded, edge_ms = self._sender.encode(frame)
            self._client.send(coded.packet)
            result = self._client.receive()
            answers.append(result.value.top().class_index)
            check_state(result, coded, f"{clip.name}, frame {frame.index}")
            seen.append(coded.detail.state.y_hat)
            log.add(
                coded,
                8 * coded.packet.size_bytes,
                edge_ms,
                (result.timing.entropy_decode_us + result.timing.task_us) / 1e3,
            )
        self._message_bytes += self._client.traffic.sent_bytes
        self._frame_count += len(frames)
        self._client.end_stream()
        return log.trace(np.array(answers, np.int64), truth, nrmse(np.stack(seen), truth.latents))


def check_state(result: FrameResult, coded: Coded[FrameDetail], where: str) -> None:
    """CodecError if the cloud holds other latents than the encoder after a frame."""
    if result.value.state_crc32 != coded.detail.state.crc32():
        raise CodecError(
            f"{where}: expected the cloud to hold what the encoder holds, got CRC-32 {result.value.state_crc32:08x}"
        )


def open_client(address: str, sender: LatentSender) -> CloudClient:
    """A client that asks for what `LiveSender` needs."""
    return CloudClient(
        address, sender.manifest, wants_timing=True, wants_state_crc32=True, result_timeout_s=RESULT_TIMEOUT_S
    )
