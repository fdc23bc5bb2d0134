"""Sends clips in every way there is, and writes down each frame: bits, times, and what the cloud answered.

Latents go through the same encoder and decoder as edge and cloud have, packet by packet; input codecs through their
own, and then through the whole network. A clip begins with a key frame, whatever was sent before it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.coded import Coded
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.video.clips import Clip
from isthmus.edge.video.detail import FrameDetail
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.video.input_codecs import InputCodec, code_clip
from isthmus.measure.video.network import Float32, Int64, WholeNetwork, nrmse
from isthmus.measure.video.point import ALL_INTRA, MOTION, MOTION_RESIDUAL, SURE_PROBABILITY, FrameKind, FrameTrace

DAMAGE_FACTORS = (0.25, 0.5, 2.0, 4.0)
LATENT_ERROR_FACTORS = (0.6, 1.5, 2.2)
KEY_INTERVALS = (4, 8, 16, 64)
ANSWER_ERROR_FACTORS, RATE_WEIGHT_FACTORS = (2.0,), (2.0,)
LITE_MOTION_KEY_INTERVALS = (12,)
"""Of codecs with tiles, whose qualities are swept as well."""
MOTION_KEY_INTERVALS = (2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is right of a clip; arrays are [frames].

    Attributes:
        answers: int64, the right ones.
        own: int64, the whole network's on the original frames.
        is_sure: bool, whether it gives its own answer `SURE_PROBABILITY` or more.
        latents: float32 [frames, M, h, w], of the original frames, in steps.
        own_ms: milliseconds a frame that it took.
    """

    answers: Int64
    own: Int64
    is_sure: npt.NDArray[np.bool_]
    latents: Float32
    own_ms: float


@dataclass(frozen=True, slots=True)
class LatentWay:
    """One way to send latents.

    Attributes:
        family, setting: as of `VideoPoint`.
        policy: of the encoder.
        is_default: whether the policy is the encoder's own.
    """

    family: str
    setting: str
    policy: VideoPolicy
    is_default: bool = False

    @property
    def name(self) -> str:
        """As `VideoPoint.name`."""
        return f"{self.family}, {self.setting}" if self.setting else self.family


def latent_ways(policy: VideoPolicy, *, quick: bool = False) -> tuple[LatentWay, ...]:
    """All settings that are swept of one codec around a policy: all intra first, the policy itself second."""
    ways = [
        LatentWay(ALL_INTRA, "", replace(policy, mode="intra")),
        LatentWay(MOTION_RESIDUAL, "default", policy, is_default=True),
    ]
    if policy.rate_weight:
        return (*ways, *_answer_ways(policy, quick=quick))
    intervals = MOTION_KEY_INTERVALS[-1:] if quick else MOTION_KEY_INTERVALS
    ways += [LatentWay(MOTION, f"key every {n}", replace(policy, mode="motion", key_interval=n)) for n in intervals]
    changes: list[tuple[str, VideoPolicy]] = [
        (f"damage x {factor:g}", _damage_scaled(policy, factor)) for factor in DAMAGE_FACTORS
    ]
    for factor in LATENT_ERROR_FACTORS:
        changes.append((f"latent error x {factor:g}", replace(policy, latent_error=factor * policy.latent_error)))
    for interval in KEY_INTERVALS:
        changes.append((f"key every {interval}", replace(policy, key_interval=interval)))
    changes.append(("predicted from the key frame", replace(policy, reference="key")))
    ways += [LatentWay(MOTION_RESIDUAL, name, changed) for name, changed in (changes[:1] if quick else changes)]
    return tuple(ways)


def _answer_ways(policy: VideoPolicy, *, quick: bool) -> list[LatentWay]:
    """Where the policy goes by what answers lose: motion alone, and a threshold changed."""
    intervals = LITE_MOTION_KEY_INTERVALS[-1:] if quick else LITE_MOTION_KEY_INTERVALS
    ways = [LatentWay(MOTION, f"key every {n}", replace(policy, mode="motion", key_interval=n)) for n in intervals]
    changes = [
        *(
            (f"answer error x {f:g}", replace(policy, answer_error=f * policy.answer_error))
            for f in ANSWER_ERROR_FACTORS
        ),
        *((f"rate weight x {f:g}", replace(policy, rate_weight=f * policy.rate_weight)) for f in RATE_WEIGHT_FACTORS),
    ]
    return ways + [LatentWay(MOTION_RESIDUAL, name, changed) for name, changed in (changes[:1] if quick else changes)]


def _damage_scaled(policy: VideoPolicy, factor: float) -> VideoPolicy:
    return replace(policy, residual_damage=factor * policy.residual_damage, key_damage=factor * policy.key_damage)


class LatentSender:
    """An encoder of one codec with one policy, and the cloud's decoder beside it."""

    def __init__(self, folder: Path, policy: VideoPolicy) -> None:
        codec = load_codec_folder(folder, needed=(ENTROPY_FILE,), kind=VideoManifest)
        self.manifest = codec.manifest
        self._encoder = VideoEncoder(folder, policy)
        self._coder = VideoCoder(codec.manifest, open_tables(codec.file(ENTROPY_FILE), codec.manifest))
        self._warm: set[tuple[int, ...]] = set()

    def frames(self, clip: Clip) -> list[VideoFrame]:
        """A clip as the encoder takes it; the next frame will be a key frame, and none pays for being the first."""
        frames = [VideoFrame(Image(pixels), index) for index, pixels in enumerate(clip.frames)]
        if clip.frames.shape[1:] not in self._warm:
            self._warm.add(clip.frames.shape[1:])
            for frame in frames[:2]:
                self.encode(frame)
        self._encoder.force_key()
        return frames

    def encode(self, frame: VideoFrame) -> tuple[Coded[FrameDetail], float]:
        """A frame's packet with the rest, and the milliseconds that it took."""
        start_s = time.perf_counter()
        coded = self._encoder.encode(frame)
        return coded, 1e3 * (time.perf_counter() - start_s)

    def send(self, clip: Clip, network: WholeNetwork, truth: Truth) -> FrameTrace:
        """A clip to a decoder beside, and the cloud's half of the network behind it."""
        log, seen = self.pass_through(clip)
        start_s = time.perf_counter()
        answers = network.answers(seen)
        network_ms = 1e3 * (time.perf_counter() - start_s) / len(seen)
        return log.trace(answers, truth, nrmse(seen, truth.latents), network_ms)

    def pass_through(self, clip: Clip) -> tuple[FrameLog, Float32]:
        """A clip to a decoder beside: what was sent, and the latents that came of it, float32 ``[frames, M, h, w]``."""
        decoder = VideoDecoder(self._coder)
        log = FrameLog()
        seen: list[Float32] = []
        for frame in self.frames(clip):
            coded, edge_ms = self.encode(frame)
            data = coded.packet.to_bytes()
            start_s = time.perf_counter()
            seen.append(decoder.decode(data).state.y_hat)
            log.add(coded, 8 * len(data), edge_ms, 1e3 * (time.perf_counter() - start_s))
        return log, np.stack(seen)


class FrameLog:
    """Frames of a clip while they are sent."""

    def __init__(self) -> None:
        self._bits: list[float] = []
        self._kinds: list[int] = []
        self._edge_ms: list[float] = []
        self._cloud_ms: list[float] = []
        self._runs: list[bool] = []

    def add(self, coded: Coded[FrameDetail], packet_bits: int, edge_ms: float, cloud_ms: float) -> None:
        """One more."""
        self._bits.append(float(packet_bits))
        self._kinds.append(kind_of(coded))
        self._edge_ms.append(edge_ms)
        self._cloud_ms.append(cloud_ms)
        self._runs.append(coded.detail.network_runs)

    def trace(
        self, answers: Int64, truth: Truth, errors: npt.NDArray[np.float64], more_cloud_ms: float = 0.0
    ) -> FrameTrace:
        """All of them, with what is known only in the end: answers and errors ``[frames]``."""
        return FrameTrace(
            bits=np.array(self._bits),
            kind=np.array(self._kinds, np.int64),
            answer=answers,
            is_right=answers == truth.answers,
            nrmse=errors,
            edge_ms=np.array(self._edge_ms),
            cloud_ms=np.array(self._cloud_ms) + more_cloud_ms,
            network_runs=np.array(self._runs),
        )


def kind_of(coded: Coded[FrameDetail]) -> FrameKind:
    """What a frame was sent as."""
    if coded.detail.is_key:
        return FrameKind.KEY
    return FrameKind.RESIDUAL if coded.detail.residual_bits else FrameKind.MOTION


def send_input(codec: InputCodec, clip: Clip, key_interval: int, network: WholeNetwork, truth: Truth) -> FrameTrace:
    """A clip through an input codec, and the whole network behind it."""
    coded = code_clip(codec, clip.frames, key_interval)
    start_s = time.perf_counter()
    seen = network.latents(coded.frames)
    answers = network.answers(seen)
    network_ms = 1e3 * (time.perf_counter() - start_s) / len(seen)
    return FrameTrace(
        bits=coded.bits,
        kind=np.where(coded.is_key, FrameKind.KEY, FrameKind.MOTION).astype(np.int64),
        answer=answers,
        is_right=answers == truth.answers,
        nrmse=nrmse(seen, truth.latents),
        edge_ms=coded.encode_ms,
        cloud_ms=coded.decode_ms + network_ms,
        network_runs=np.zeros(len(coded.bits), np.bool_),
    )


def truth_of(clip: Clip, network: WholeNetwork) -> Truth:
    """What is right of a clip, by its label or by the whole network on its own frames."""
    start_s = time.perf_counter()
    latents = network.latents(clip.frames)
    logits = network.logits(latents)
    own_ms = 1e3 * (time.perf_counter() - start_s) / len(logits)
    own = logits.argmax(1)
    weights = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return Truth(
        answers=np.full(len(own), clip.label, np.int64) if clip.label >= 0 else own,
        own=own,
        is_sure=1 / weights.sum(1) >= SURE_PROBABILITY,
        latents=latents,
        own_ms=own_ms,
    )
