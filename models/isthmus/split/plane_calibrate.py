"""The integer tables of a cut at several tensors: as `stepped_calibrate`, each tensor by itself, but for motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.fine import fine_latents
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import spread
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.planes import Plane, planes_taken
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.common.video.stepped_tables import SteppedTables
from isthmus.split.calibrate import MOST_CLIPS
from isthmus.split.clip_frames import CLIP_FRAMES, ClipFrames
from isthmus.split.encoder import EncoderSource
from isthmus.split.expectation_recipe import learn_expectation
from isthmus.split.graphs import Float32
from isthmus.split.pictures import Pictures
from isthmus.split.stepped_calibrate import (
    Corrected,
    corrected_frame,
    empty_tables,
    key_scales,
    played_frames,
    residual_scales,
    seen_keys,
    seen_residuals,
)
from isthmus.training.contexts import learn_motion

Int32 = npt.NDArray[np.int32]


def first_plane_tables(
    manifest: VideoManifest,
    latents: Sequence[Float32],
    edge: Callable[[Float32], Float32],
    pictures: Pictures,
    encoders: EncoderSource,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> PlaneTables:
    """All tables to begin with.

    Args:
        manifest: of the codec; its weights do not matter.
        latents: of the pictures, all planes laid, float32 `[M, h, w]` in units.
        edge: the codec's edge half, frame [1, 3, H, W] to y [1, M, h, w] in units.
        pictures: of the size of its frames, where it has one.
        encoders: whose search finds the motion.
        seed: of the clips.
        progress: told what is being done.
    """
    planes = manifest.planes
    fine = [planes_taken(planes, fine_latents(manifest, y)) for y in latents]
    made: list[SteppedTables] = []
    for k, plane in enumerate(planes):
        progress(f"tables of key frames, tensor {k + 1} of {len(planes)}")
        seen = [ys[k] for ys in fine]
        plain = empty_tables(plane, key_scales(plane, seen))
        made.append(replace(plain, intra=learn_expectation(seen_keys(plane, plain, seen))))
    frames = pictures.frames[:MOST_CLIPS]
    progress(f"motion in {len(frames)} clips of {CLIP_FRAMES} frames")
    clips = ClipFrames(manifest, edge, encoders.open_search(manifest), seed)
    corrected = list(clips.predicted(frames, corrected_frame))
    return _corrected_tables(manifest, made, [c.message for c in corrected], corrected)


def played_plane_tables(
    folder: Path,
    pictures: Pictures,
    encoders: EncoderSource,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> PlaneTables:
    """The tables of a codec, by what its encoder does with those that it has. Arguments as of `first_plane_tables`."""
    codec = load_codec_folder(folder, kind=VideoManifest)
    tables = open_tables(codec.file(ENTROPY_FILE), codec.manifest)
    assert isinstance(tables, PlaneTables)
    coder = VideoCoder(codec.manifest, tables)
    messages, corrected = played_frames(folder, coder, pictures, encoders, seed, progress)
    progress(f"tables of motion and of residuals, {len(corrected)} frames of the encoder's with them")
    if not messages:
        return tables
    return _corrected_tables(codec.manifest, list(tables.planes), messages, corrected, (DEFAULT_STEP,))


def _corrected_tables(
    manifest: VideoManifest,
    tables: Sequence[SteppedTables],
    messages: Sequence[Int32],
    corrected: Sequence[Corrected],
    steps: tuple[int, ...] = (),
) -> PlaneTables:
    """The tables with motion and residuals learned from frames that are laid."""
    motion = learn_motion(list(messages))
    made = []
    for k, (plane, one) in enumerate(zip(manifest.planes, tables, strict=True)):
        changed = replace(one, motion=motion)
        if corrected:
            seen = [_of_plane(manifest, plane, k, c) for c in corrected]
            changed = replace(changed, residual_scales=residual_scales(plane, seen))
            found = seen_residuals(changed, seen, steps) if steps else seen_residuals(changed, seen)
            changed = replace(changed, residual=learn_expectation(found))
        made.append(changed)
    return PlaneTables(tuple(made))


def _of_plane(manifest: VideoManifest, plane: Plane, k: int, corrected: Corrected) -> Corrected:
    """What one plane of a frame was off by; modes of its own places."""
    error = planes_taken(manifest.planes, corrected.error)[k]
    modes = spread(corrected.modes, error.shape[1], error.shape[2], 1 << plane.halvings)
    return Corrected(corrected.message, error, modes)
