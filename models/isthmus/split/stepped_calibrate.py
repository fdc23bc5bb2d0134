"""The integer tables of a cut whose frames choose their step: scales and tables, counted on images and on moving clips.

As `calibrate`, in the same two rounds; every symbol is counted at several steps, so that one codec serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.fine import fine_latents
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, spread
from isthmus.common.video.planes import CodedGrid
from isthmus.common.video.step import DEFAULT_STEP, fine_step
from isthmus.common.video.stepped_tables import SteppedTables
from isthmus.common.video.tiles import MAX_TILE, forward, frequencies
from isthmus.common.video.warp import FINE_BITS
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.split.calibrate import CHOICES, MOST_CLIPS, PLAYED_FRAMES
from isthmus.split.clip_frames import CLIP_FRAMES, ClipFrames, predict_share
from isthmus.split.encoder import EncoderSource
from isthmus.split.expectation_recipe import Seen, expectations, learn_expectation, scale_of
from isthmus.split.graphs import Float32
from isthmus.split.pictures import Pictures
from isthmus.training.contexts import learn_motion

Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]

KEY_STEPS = tuple(DEFAULT_STEP + off for off in (-16, -8, 0, 6, 12, 20))
"""Steps that key frames are counted at."""
RESIDUAL_STEPS = tuple(DEFAULT_STEP + off for off in (-12, 0, 8, 16))
LEAST_SCALE = -96
"""Of a residual's channel that no clip moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """What a predicted frame was off by.

    Attributes:
        message: int32 `[3, bh, bw]`, its motion.
        error: int32 `[M, h, w]` in 1/16 of a unit, what a residual would make good.
        modes: int32 `[h, w]`, of each place.
    """

    message: Int32
    error: Int32
    modes: Int32


def key_scales(manifest: CodedGrid, latents: Sequence[Int32]) -> Int32:
    """Scales of key frames' coefficients, int32 `[M, bands, bands]`, from latents `[M, h, w]` in 1/16 of a unit.

    Latents of one size have a band for every frequency; others as many as a tile has at most.
    """
    height, width = latents[0].shape[1:]
    tile, is_square = manifest.tile_latents, height == width <= manifest.tile_latents
    bands = height if is_square and manifest.latent_height else min(MAX_TILE, tile)
    return scales_of((forward(y.astype(np.float32), tile) for y in latents), tile, bands)


def scales_of(coefficients: Iterable[Float32], tile: int, bands: int) -> Int32:
    """Scales int32 `[M, bands, bands]` of coefficients `[M, h, w]`, in 1/16 of a unit, of tiles of so many latents."""
    totals, counts = np.zeros(()), np.zeros((bands, bands))
    for y in coefficients:
        magnitudes = np.abs(y).astype(np.float64)
        rows, columns = (frequencies(side, tile, bands) for side in y.shape[1:])
        down, across = (np.eye(bands)[at] for at in (rows, columns))
        totals = totals + down.T @ magnitudes @ across
        counts += np.outer(down.sum(0), across.sum(0))
    # Small grids do not have all frequencies: what none of them has is what lies next to it.
    empty = counts == 0
    if empty.any():
        filled = totals.sum((1, 2)) / max(counts.sum(), 1)
        totals[:, empty], counts[empty] = filled[:, None], 1
    return scale_of(totals / counts)


def first_tables(
    manifest: VideoManifest,
    latents: Sequence[Float32],
    edge: Callable[[Float32], Float32],
    pictures: Pictures,
    encoders: EncoderSource,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> SteppedTables:
    """All tables of a codec to begin with.

    Args:
        manifest: of the codec; its weights do not matter.
        latents: of the pictures, float32 `[M, h, w]` in units.
        edge: the codec's edge half, frame [1, 3, H, W] to y [1, M, h, w] in units.
        pictures: of the size of its frames, where it has one.
        encoders: whose search finds the motion.
        seed: of the clips.
        progress: told what is being done.
    """
    progress("tables of key frames")
    fine = [fine_latents(manifest, y) for y in latents]
    plain = empty_tables(manifest, key_scales(manifest, fine))
    intra = learn_expectation(seen_keys(manifest, plain, fine))
    frames = pictures.frames[:MOST_CLIPS]
    progress(f"motion in {len(frames)} clips of {CLIP_FRAMES} frames")
    frames_of = ClipFrames(manifest, edge, encoders.open_search(manifest), seed)
    corrected = list(frames_of.predicted(frames, corrected_frame))
    tables = replace(
        plain,
        intra=intra,
        motion=learn_motion([c.message for c in corrected]),
        residual_scales=residual_scales(manifest, corrected),
    )
    return replace(tables, residual=learn_expectation(seen_residuals(tables, corrected)))


def played_tables(
    folder: Path,
    pictures: Pictures,
    encoders: EncoderSource,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> SteppedTables:
    """The tables of a codec, by what its encoder does with the tables that it has. Arguments as of `first_tables`."""
    codec = load_codec_folder(folder, kind=VideoManifest)
    manifest = codec.manifest
    tables = open_tables(codec.file(ENTROPY_FILE), manifest)
    assert isinstance(tables, SteppedTables)
    messages, corrected = played_frames(folder, VideoCoder(manifest, tables), pictures, encoders, seed, progress)
    progress(f"tables of motion and of residuals, {len(corrected)} frames of the encoder's with them")
    if not messages:
        return tables
    tables = replace(tables, motion=learn_motion(messages))
    if not corrected:
        return tables
    tables = replace(tables, residual_scales=residual_scales(manifest, corrected))
    return replace(tables, residual=learn_expectation(seen_residuals(tables, corrected, (DEFAULT_STEP,))))


def played_frames(
    folder: Path,
    coder: VideoCoder,
    pictures: Pictures,
    encoders: EncoderSource,
    seed: int,
    progress: Callable[[str], None],
) -> tuple[list[Int32], list[Corrected]]:
    """(messages int32 `[3, bh, bw]` of all predicted frames, those with a residual), as the codec's encoder sends them.

    Args:
        folder: of the codec.
        coder: of it.
        pictures: of the size of its frames, where it has one.
        encoders: whose encoder decides.
        seed: of the clips.
        progress: told what is being done.
    """
    frames = pictures.frames[:MOST_CLIPS]
    progress(f"the encoder's own choices in {len(frames)} clips of {PLAYED_FRAMES} frames")
    encoder, decoder = encoders.open_encoder(folder, CHOICES), VideoDecoder(coder)
    messages: list[Int32] = []
    corrected: list[Corrected] = []
    count = 0
    for index, frame in enumerate(frames):
        clip = moving_clip(frame, ClipMotion.random(seed + index), PLAYED_FRAMES, seed + index)
        encoder.force_key()
        for shown in clip:
            played = encoder.encode(VideoFrame(Image(shown), count))
            count += 1
            decoded = decoder.decode(played.packet.to_bytes())
            if decoded.field is None:
                continue
            messages.append(decoded.field.message())
            if decoded.residual is not None:
                _, height, width = decoded.residual.shape
                modes = spread(decoded.field.modes, height, width, coder.manifest.block_latents)
                error = decoded.residual * np.int32(fine_step(decoded.step))
                corrected.append(Corrected(messages[-1], error, modes))
    return messages, corrected


def residual_scales(manifest: CodedGrid, corrected: Sequence[Corrected]) -> Int32:
    """Scales of residuals with and without a prediction, int32 `[2, M]`."""
    channels = manifest.latent_channels
    totals, counts = np.zeros((2, channels)), np.zeros(2)
    for c in corrected:
        for row, mode in enumerate((BlockMode.RESIDUAL, BlockMode.INTRA)):
            inside = c.modes == mode
            totals[row] += np.abs(c.error[:, inside]).sum(1)
            counts[row] += inside.sum()
    scales = scale_of(totals / np.maximum(counts, 1)[:, None])
    if not counts[1]:
        scales[1] = scales[0]
    return np.maximum(scales, LEAST_SCALE).astype(np.int32)


def empty_tables(manifest: CodedGrid, scales: Int32) -> SteppedTables:
    """Tables that have counted nothing, with these scales of key frames int32 `[M, bands, bands]`."""
    channels = manifest.latent_channels
    nothing = learn_expectation(())
    motion: ContextModel = learn_motion([np.zeros((3, 1, 1), np.int32)])
    return SteppedTables(nothing, motion, nothing, scales, np.zeros((2, channels), np.int32), expectations())


def seen_keys(manifest: CodedGrid, tables: SteppedTables, latents: Sequence[Int32]) -> Iterator[Seen]:
    """Symbols of key frames of latents int32 `[M, h, w]` in 1/16 of a unit, at all steps that are counted."""
    tile, scales = manifest.tile_latents, tables.intra_scales
    for y in latents:
        coefficients = forward(y.astype(np.float32), tile)
        rows, columns = (frequencies(side, tile, scales.shape[1]) for side in y.shape[1:])
        placed = scales[:, rows[:, None], columns]
        for step in KEY_STEPS:
            symbols = np.rint(coefficients / np.float32(fine_step(step))).astype(np.int32)
            yield Seen(symbols, tables.expected_of(placed - step))


def seen_residuals(
    tables: SteppedTables,
    corrected: Sequence[Corrected],
    steps: tuple[int, ...] = RESIDUAL_STEPS,
) -> Iterator[Seen]:
    """Symbols of residuals at these steps."""
    for c in corrected:
        scales = tables.residual_scales[(c.modes == BlockMode.INTRA).astype(np.int32)].transpose(2, 0, 1)
        inside = c.modes != BlockMode.PREDICTED
        for step in steps:
            n = fine_step(step)
            magnitude = (np.abs(c.error) + round((1 - CHOICES.deadzone) * n)) // n
            symbols = (np.sign(c.error) * magnitude * inside).astype(np.int32)
            yield Seen(symbols, tables.expected_of(scales - step), inside)


def corrected_frame(
    manifest: VideoManifest, state: Int32, y: Int32, field: MotionField, share: float
) -> tuple[Corrected, Int32]:
    """(a frame of which a share of the blocks, those predicted worst, take a residual; the state after it).

    Takes a state and latents int32 `[M, h, w]`, and the motion from one to the other.
    """
    predicted, decided = predict_share(manifest, state, y, field, share)
    _, height, width = y.shape
    everywhere = spread(decided.modes, height, width, manifest.block_latents)
    off = np.where(everywhere != BlockMode.PREDICTED, y - predicted, 0).astype(np.int32)
    n = fine_step(DEFAULT_STEP)
    residual = (np.sign(off) * ((np.abs(off) + n // 2) // n)).astype(np.int32)
    low, high = manifest.symbol_min << FINE_BITS, manifest.symbol_max << FINE_BITS
    after = np.clip(predicted + residual * n, low, high).astype(np.int32)
    return Corrected(decided.message(), off, everywhere), after
