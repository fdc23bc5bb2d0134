"""Videos on the cloud: the packets of a stream in, an answer to every frame out.

Theory of operation. packet -> state, by the stream's own decoder, which holds the latents that predicted packets refer
to -> y_hat = state / 16, exact in float32 -> the cloud half of the network -> labels, or what the codec's task is
(`answering`). The network is the codec's and shared by all its streams; it decides no bit of any state, so a stream's
states depend on its packets alone.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.cloud.half import Answer, Bench, Steps, elapsed
from isthmus.cloud.video.answering import ANSWERING, Given, outputs_by_name
from isthmus.common import protocol
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.packet import read_head
from isthmus.common.bits.varint import decode_varint
from isthmus.common.cost import REFUSAL, Cost, FrameBudget
from isthmus.common.errors import InputError, LimitExceededError, PacketError, RemoteError
from isthmus.common.limits import Limits
from isthmus.common.manifest.folder import CLOUD_HALF, load_codec_folder
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.grid import MAX_BLOCKS
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.state import LatentState
from isthmus.common.video.tables import MOTION_CHANNELS
from isthmus.runtime.engine import End, open_half

# Allocated at once, measured: for each latent while a frame is decoded, and for each pixel that a network sees.
LATENT_BYTES, PIXEL_BYTES = 16, 24

STATE_LATENT_BYTES = 4

_log = logging.getLogger("isthmus.cloud")


class VideoCodec:
    """Cloud half of one video codec. What a stream holds is in its own `VideoDecoder`.

    Args:
        folder: of the codec (only the files a cloud needs are read).
        bench: what it works with.

    Attributes:
        manifest: of the codec.
        limits: of one packet, symbols bounded to those of the largest frame as well.

    Raises:
        ManifestError: the folder is damaged or of another signal, or a graph does not fit the manifest.
    """

    def __init__(self, folder: Path, bench: Bench) -> None:
        codec = load_codec_folder(folder, needed=(), kind=VideoManifest)
        self.manifest: VideoManifest = codec.manifest
        self._bench = bench
        self.limits = _bounded(bench, codec.manifest)
        self._coder = VideoCoder(self.manifest, open_tables(codec.read(ENTROPY_FILE), self.manifest))
        self._answering = ANSWERING[self.manifest.task.word]
        ends = self._answering.outputs
        given = End("y_hat", "float", self.manifest.latent_channels)
        self._network = open_half(
            codec,
            CLOUD_HALF,
            (given, *(ends(self.manifest) if ends else ())),
            bench.threads,
            bench.engine,
            has_others=ends is None,
        )
        self._names = [name for name, _, _ in self._network.ends[1:]]

    def open_stream(self, stream_id: str) -> VideoAnswerer:
        """What answers the packets of one stream."""
        del stream_id
        return VideoAnswerer(self)

    def stop(self) -> None:
        """Nothing takes long."""

    def cost(self, places: int) -> Cost:
        """Of a frame of so many latents in each channel."""
        if not places:
            return REFUSAL
        pixels = places * self.manifest.stride**2
        return Cost(pixels, places * self.manifest.latent_channels * LATENT_BYTES + pixels * PIXEL_BYTES)

    def places(self, packet: bytes) -> int:
        """Latents in each channel that a packet of a key frame announces; -1 for one that is predicted.

        Raises:
            PacketError: it has no such head.
        """
        head = read_head(packet)
        if not head.is_intra:
            return -1
        height, at = decode_varint(head.first_section, 1, "latents' height in section 0")
        width, _ = decode_varint(head.first_section, at, "latents' width in section 0")
        fixed = self.manifest.latent_height * self.manifest.latent_width
        return min(height * width, fixed) if fixed else height * width

    @property
    def budget(self) -> FrameBudget:
        """What one packet may cost."""
        return self._bench.budget

    def decoder(self) -> VideoDecoder:
        """What decodes the packets of one stream, in their order."""
        return VideoDecoder(self._coder, self.limits)

    def infer(
        self, decoder: VideoDecoder, data: bytes, top_k: int, *, wants_state_crc32: bool = False
    ) -> tuple[protocol.Outcome, protocol.Timing]:
        """The answer to the next frame of a stream, labels unless the codec has another task; or why it has none.

        Args:
            decoder: of the stream; a packet that it refuses leaves it as it was.
            data: the packet.
            top_k: labels, at most as many as there are classes.
            wants_state_crc32: whether the labels shall tell the CRC-32 of the state.
        """
        start_s = middle_s = time.perf_counter()
        outcome: protocol.Outcome
        try:
            state = decoder.decode(data).state
            middle_s = time.perf_counter()
            outcome = self._answer(state, top_k)
            if wants_state_crc32 and isinstance(outcome, protocol.FrameLabels):
                outcome = replace(outcome, state_crc32=state.crc32())
        except RemoteError as error:
            outcome = error
        return outcome, elapsed(start_s, middle_s, time.perf_counter())

    def _answer(self, state: LatentState, top_k: int) -> protocol.Outcome:
        manifest, (_, rows, columns) = self.manifest, state.values.shape
        height, width = (
            manifest.frame_height or rows * manifest.stride,
            manifest.frame_width or columns * manifest.stride,
        )
        outputs = outputs_by_name(self._names, self.outputs(state))
        try:
            return self._answering.answer(Given(outputs, height, width, len(manifest.class_names), top_k))
        except (InputError, LimitExceededError) as error:
            _log.warning("%s: %s", manifest.name, error)
            raise PacketError(
                f"expected latents that the network of {manifest.name} answers soundly: {error}"
            ) from error

    def logits(self, state: LatentState) -> npt.NDArray[np.float32]:
        """Logits float32 `[1, classes]` of a frame, of a codec that answers with labels. Raises as `outputs`."""
        logits: npt.NDArray[np.float32] = self.outputs(state)[0]
        return logits

    def outputs(self, state: LatentState) -> Sequence[npt.NDArray[Any]]:
        """All outputs `[…]` of the network for a frame.

        Raises:
            PacketError: the network cannot run on so many latents, or so few.
        """
        y_hat = state.y_hat[None]
        try:
            return self._network.run({"y_hat": y_hat})
        except Exception as error:  # a client chooses the size, and onnxruntime has no one class for what it minds
            _log.warning("%s: latents %s: %s", self.manifest.name, list(y_hat.shape), error)
            raise PacketError(
                f"latents of {y_hat.shape[2]} x {y_hat.shape[3]}: expected a size that the network of "
                f"{self.manifest.name} can take, it failed; the cloud's log says why"
            ) from error


class VideoAnswerer:
    """One stream: holds what its predicted packets refer to. Each frame is answered as soon as it can be.

    A predicted frame is as large as the one it refers to: at most as the largest that is held or on its way, for which
    of those on their way can be decoded is not known yet. What will be refused for its size is nobody's reference.
    """

    def __init__(self, codec: VideoCodec) -> None:
        self._codec = codec
        self._decoder = codec.decoder()
        self._coming: deque[int] = deque()  # latents in each channel of the packets that are to be answered

    @property
    def held_bytes(self) -> int:
        """The states that it keeps."""
        return sum(state.values.nbytes for state in self._decoder.references.states)

    def forget(self) -> None:
        """Those that were to come do not."""
        self._coming.clear()

    def cost(self, packet: bytes) -> Cost:
        """Of the next packet."""
        try:
            places = self._codec.places(packet)
        except PacketError:
            places = 0
        if places < 0:
            held = (state.values[0].size for state in self._decoder.references.states)
            places = max((*held, *(max(0, coming) for coming in self._coming)), default=0)
        cost = self._codec.cost(places)
        self._coming.append(places if self._codec.budget.allows(cost) else -places)
        return cost

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        """Labels of one frame."""
        (data,) = packets
        places = self._coming.popleft()
        yield self._codec.cost(max(0, places)).work
        if places < 0:
            try:
                self._codec.budget.check(self._codec.cost(-places))
            except LimitExceededError as error:
                return [error], elapsed(0.0, 0.0, 0.0)
        outcome, timing = self._codec.infer(
            self._decoder, data, opening.top_k, wants_state_crc32=opening.wants_state_crc32
        )
        return [outcome], timing


def _bounded(bench: Bench, manifest: VideoManifest) -> Limits:
    limits, pixels = bench.allowance.limits.packet, bench.allowance.max_pixels
    if not pixels:
        return limits
    positions = pixels // manifest.stride**2
    most = manifest.latent_channels * positions + MOTION_CHANNELS * min(positions, MAX_BLOCKS)
    return replace(limits, max_symbol_count=min(limits.max_symbol_count, most))
