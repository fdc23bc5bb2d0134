"""A video coder over random tables, and frames, fields and residuals to code with it. No networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, spread
from isthmus.common.video.tables import VideoTables
from support import tiny_image_coder

Int32 = npt.NDArray[np.int32]


def manifest(channels: int = 3, **changes: object) -> VideoManifest:
    """Of a codec without files."""
    fields: dict[str, object] = {
        "name": "video-test",
        "weights": tiny_image_coder.WEIGHTS,
        "class_names": ("cat", "dog"),
        "stride": 8,
        "latent_channels": channels,
        "symbol_min": -20,
        "symbol_max": 20,
    }
    return VideoManifest(**(fields | changes))  # type: ignore[arg-type]


def tables(channels: int = 3, seed: int = 0) -> VideoTables:
    """Contexts at random."""
    return VideoTables(
        tiny_image_coder.context_model(channels, seed=seed),
        tiny_image_coder.context_model(3, seed=seed + 1),
        tiny_image_coder.context_model(channels, seed=seed + 2, given=channels + 1),
    )


def coder(channels: int = 3, seed: int = 0, **changes: object) -> VideoCoder:
    """A coder of such tables."""
    return VideoCoder(manifest(channels, **changes), tables(channels, seed))


def latents(coder: VideoCoder, height: int, width: int, seed: int = 0) -> Int32:
    """A y of the codec."""
    noise = tiny_image_coder.latents((coder.manifest.latent_channels, height, width), 4.0, seed)
    y: Int32 = noise.clip(coder.manifest.symbol_min, coder.manifest.symbol_max)
    return y


def motion(coder: VideoCoder, height: int, width: int, seed: int = 0, *, modes: bool = True) -> MotionField:
    """A field whose vectors and modes are at random; most blocks are only predicted."""
    rng = np.random.default_rng(seed)
    grid = coder.block_grid(height, width)
    chosen = rng.choice(3, grid, p=[0.6, 0.3, 0.1]) if modes else np.zeros(grid, int)
    vectors = np.rint(rng.laplace(size=(*grid, 2)) * 5).astype(np.int32)
    return MotionField(chosen.astype(np.int32), vectors, bool(rng.integers(2)))


def residual(coder: VideoCoder, field: MotionField, height: int, width: int, seed: int = 0) -> Int32:
    """Noise in the blocks that take a residual."""
    noise = tiny_image_coder.latents((coder.manifest.latent_channels, height, width), 2.0, seed)
    most = coder.manifest.symbol_max - coder.manifest.symbol_min
    is_coded = spread(field.modes != BlockMode.PREDICTED, height, width, coder.manifest.block_latents)
    values: Int32 = (noise.clip(-most, most) * is_coded).astype(np.int32)
    return values
