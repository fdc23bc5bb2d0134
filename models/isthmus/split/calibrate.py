"""The integer tables of a cut: learned by counting, from the latents of images and of clips made by moving them.

Key frames' tables come from the images. Motion and residual tables come from short clips in which a camera moves over
each image (`isthmus.data.video.moving_images`), in two rounds:

1. every frame is predicted from the one before, in the closed loop that the codec runs, with the motion that its own
   search finds; how many blocks take a residual is drawn for each frame, the worst predicted first (`first_tables`);
2. the real encoder, with those tables, codes the clips, and decides itself; motion tables come from what it codes,
   residual tables from both rounds (`played_tables`).

The same seed gives the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.fine import fine_latents
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.residual import residual_context
from isthmus.common.video.state import LatentState
from isthmus.common.video.tables import VideoTables
from isthmus.common.video.warp import FINE_BITS
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.runtime.frame_size import fitted
from isthmus.split.clip_frames import CLIP_FRAMES, ClipFrames, predict_share
from isthmus.split.encoder import Choices, EncoderSource
from isthmus.split.graphs import Float32, batch_of
from isthmus.split.pictures import Pictures, UInt8
from isthmus.training.contexts import (
    QUICK,
    ContextEffort,
    counted_pmfs,
    learn_context,
    learn_motion,
    stack_latents,
    supported_tables,
)

Int32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

MANY_CHANNELS = 48
"""From here on tables are learned with less effort."""
MOST_SYMBOLS = 6_000_000
"""Learned from, of key frames and of residuals each."""
PLAYED_FRAMES = 12
MOST_CLIPS = 32
CHOICES = Choices()


@dataclass(frozen=True, slots=True, eq=False)
class PredictedFrame:
    """What a predicted frame codes.

    Attributes:
        message: int32 [3, bh, bw], its motion.
        residual: int32 [M, h, w], 0 outside the mask.
        given: int32 [M + 1, h, w], what contexts know.
        mask: bool [h, w], where there is a residual.
    """

    message: Int32
    residual: Int32
    given: Int32
    mask: Mask


def static_tables(symbols: Sequence[Int32], given: int = 0) -> ContextModel:
    """Tables of latents `[M, h, w]` without contexts, one a channel, in milliseconds; `given` channels go unused."""
    latents, mask = stack_latents(symbols)
    top, channels = _top(latents), latents.shape[1]
    pmfs = counted_pmfs(latents, top, mask)
    bounds = [(int(latents.min()), int(latents.max()))] * channels
    empty, starts = np.empty(0, np.int32), np.zeros(given + channels + 1, np.int32)
    table = np.maximum(np.arange(-given, channels, dtype=np.int32), 0)
    order = np.arange(given + channels, dtype=np.int32)
    return ContextModel(
        supported_tables(list(pmfs), bounds, top), order, starts, empty.reshape(0, 4), starts, empty, table, given
    )


def key_tables(intra: ContextModel) -> VideoTables:
    """Tables of a codec that is to code key frames alone."""
    channels = intra.channels
    motion = static_tables([np.zeros((3, 1, 1), np.int32)])
    return VideoTables(intra, motion, static_tables([np.zeros((channels, 1, 1), np.int32)], channels + 1))


def intra_tables(symbols: Sequence[Int32]) -> ContextModel:
    """The context model of key frames `[M, h, w]`; of too many, some."""
    latents, mask = stack_latents(_within_budget(symbols))
    top = _top(latents)
    return learn_context(latents, counted_pmfs(latents, top, mask), _effort(latents.shape[1]), mask=mask)


def first_tables(
    manifest: VideoManifest,
    edge: Callable[[Float32], Float32],
    pictures: Pictures,
    encoders: EncoderSource,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[VideoTables, list[PredictedFrame]]:
    """(all tables of a codec to begin with, the predicted frames that they were learned from).

    Args:
        manifest: of the codec; its weights do not matter.
        edge: the codec's edge half, frame [1, 3, H, W] to y [1, M, h, w].
        pictures: of the size of its frames, where it has one.
        encoders: whose search finds the motion.
        seed: of the clips.
        progress: told what is being done.
    """
    progress(f"latents of {len(pictures)} images")
    symbols = [latents_of(manifest, edge, frame) for frame in pictures.frames]
    progress("tables of key frames")
    intra = intra_tables(symbols)
    count = max(1, MOST_SYMBOLS // (symbols[0].size * 2 * (CLIP_FRAMES - 1)))
    frames = pictures.frames[: min(count, MOST_CLIPS)]
    progress(f"motion in {len(frames)} clips of {CLIP_FRAMES} frames")
    frames_of = ClipFrames(manifest, edge, encoders.open_search(manifest), seed)
    predicted = list(frames_of.predicted(frames, _of_fine))
    motion = learn_motion([p.message for p in predicted])
    return VideoTables(intra, motion, residual_tables(predicted)), predicted


def played_tables(
    folder: Path,
    pictures: Pictures,
    encoders: EncoderSource,
    first: Sequence[PredictedFrame],
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> VideoTables:
    """The tables of a codec, by what its encoder does with the tables that it has.

    Args:
        folder: of the codec.
        pictures: as for `first_tables`.
        encoders: what plays the clips.
        first: the predicted frames of `first_tables`.
        seed: of the clips.
        progress: told what is being done.
    """
    codec = load_codec_folder(folder, kind=VideoManifest)
    manifest = codec.manifest
    tables = VideoTables.load(codec.file(ENTROPY_FILE), manifest)
    coder = VideoCoder(manifest, tables)
    encoder, decoder = encoders.open_encoder(folder, CHOICES), VideoDecoder(coder)
    frames = pictures.frames[:MOST_CLIPS]
    progress(f"the encoder's own choices in {len(frames)} clips of {PLAYED_FRAMES} frames")
    messages, predicted = [], list(first)
    count = 0
    for index, frame in enumerate(frames):
        clip = moving_clip(frame, ClipMotion.random(seed + index), PLAYED_FRAMES, seed + index)
        encoder.force_key()
        before: LatentState | None = None
        for shown in clip:
            coded = encoder.encode(VideoFrame(Image(shown), count))
            count += 1
            decoded = decoder.decode(coded.packet.to_bytes())
            if decoded.field is not None:
                messages.append(decoded.field.message())
                if decoded.residual is not None and before is not None:
                    known = residual_context(
                        coder.predict(before, decoded.field), decoded.field, manifest.block_latents
                    )
                    predicted.append(PredictedFrame(messages[-1], decoded.residual, *known))
            before = decoded.state
    progress(f"tables of motion and of residuals, {len(predicted) - len(first)} frames of the encoder's with them")
    # Clips without a predicted frame leave nothing to learn from: what there was stays.
    motion = learn_motion(messages) if messages else tables.motion
    most = max(1, MOST_SYMBOLS // (predicted[0].residual.size * 2))
    return VideoTables(tables.intra, motion, residual_tables(predicted[-most:]))


def residual_tables(predicted: Sequence[PredictedFrame]) -> ContextModel:
    """The context model of residuals."""
    residuals, inside = stack_latents([p.residual for p in predicted])
    given, _ = stack_latents([p.given for p in predicted])
    mask = np.zeros_like(inside)
    for k, p in enumerate(predicted):
        mask[k, : p.mask.shape[0], : p.mask.shape[1]] = p.mask
    top = _top(residuals)
    return learn_context(
        residuals, counted_pmfs(residuals, top, mask), _effort(residuals.shape[1]), given=given, mask=mask
    )


def latents_of(manifest: VideoManifest, edge: Callable[[Float32], Float32], frame: UInt8) -> Int32:
    """y of a frame, int32 [M, h, w]."""
    return fine_latents(manifest, edge(batch_of(fitted(manifest, frame)))[0]) >> FINE_BITS


def _of_fine(
    manifest: VideoManifest, state: Int32, fine: Int32, field: MotionField, share: float
) -> tuple[PredictedFrame, Int32]:
    return predict_frame(manifest, state, fine >> FINE_BITS, field, share)


def predict_frame(
    manifest: VideoManifest, state: Int32, y: Int32, field: MotionField, share: float
) -> tuple[PredictedFrame, Int32]:
    """(what a frame codes, the state after it).

    Args:
        manifest: of the codec.
        state: fine int32 [M, h, w] of the frame before.
        y: int32 [M, h, w] of this one.
        field: its motion.
        share: of the blocks take a residual, those predicted worst.
    """
    predicted, decided = predict_share(manifest, state, y << FINE_BITS, field, share)
    off = ((y << FINE_BITS) - predicted) / (1 << FINE_BITS)
    residual = (np.sign(off) * np.floor(np.abs(off) + 1 - CHOICES.deadzone)).astype(np.int32)
    given, mask = residual_context(predicted, decided, manifest.block_latents)
    residual *= mask
    low, high = manifest.symbol_min << FINE_BITS, manifest.symbol_max << FINE_BITS
    after = np.clip(predicted + (residual << FINE_BITS), low, high).astype(np.int32)
    return PredictedFrame(decided.message(), residual, given, mask), after


def _effort(channels: int) -> ContextEffort:
    return QUICK if channels >= MANY_CHANNELS else ContextEffort()


def _within_budget(symbols: Sequence[Int32]) -> Sequence[Int32]:
    """As many as are learned from, evenly spread."""
    count = max(1, MOST_SYMBOLS // symbols[0].size)
    if count >= len(symbols):
        return symbols
    return [symbols[i * len(symbols) // count] for i in range(count)]


def _top(latents: npt.NDArray[np.int16]) -> int:
    return max(1, int(np.abs(latents).max()))
