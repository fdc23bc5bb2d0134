"""A video coder with tiles over random tables. No networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.expectation import ExpectationModel
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.stepped_tables import EXPECTATIONS, SteppedTables
from support import tiny_image_coder, tiny_video_coder

Int32 = npt.NDArray[np.int32]


def expectation(seed: int = 0) -> ExpectationModel:
    """Six tables at random."""
    random = np.random.default_rng(seed)
    tables = quantize_pmf([random.random(8) + 0.02 for _ in range(6)], np.full(6, -3), has_escape=True)
    taps = np.array([(0, -1, 0, 4), (0, 0, -1, 4), (1, 0, 0, 3), (-1, 1, 0, 1)])
    return ExpectationModel(tables, taps, np.array([500, 2000]), np.array([70]), 600)


def tables(channels: int = 3, seed: int = 0, bands: int = 4) -> SteppedTables:
    """Scales and contexts at random."""
    random = np.random.default_rng(seed)
    rising = np.rint(1024 * np.exp2((np.arange(EXPECTATIONS) - 144) / 8)).clip(0, 1 << 22).astype(np.int32)
    return SteppedTables(
        expectation(seed),
        tiny_image_coder.context_model(3, seed=seed + 1),
        expectation(seed + 2),
        random.integers(20, 70, (channels, bands, bands)).astype(np.int32),
        random.integers(20, 60, (2, channels)).astype(np.int32),
        rising,
    )


def coder(channels: int = 3, seed: int = 0, **changes: Any) -> VideoCoder:
    """A coder of such tables."""
    fields: dict[str, Any] = {"tile_latents": 5, "symbol_min": -128, "symbol_max": 127}
    return VideoCoder(tiny_video_coder.manifest(channels, **(fields | changes)), tables(channels, seed))


def latents(channels: int, height: int, width: int, seed: int = 0) -> Int32:
    """In 1/16 of a unit, smooth and noisy."""
    random = np.random.default_rng(seed)
    smooth = np.repeat(random.normal(0, 200, (channels, height, 1)), width, 2)
    noise = random.laplace(0, 30, (channels, height, width))
    made: Int32 = np.rint(smooth + noise).astype(np.int32)
    return made
