"""The tables of a video codec with tiles, in `entropy.npz`. Implements BITSTREAM.md §8.6."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import (
    CONTEXT_ARRAYS,
    TABLE_ARRAYS,
    arrays_of,
    arrays_of_context,
    context_in,
    read_arrays,
    tables_in,
)
from isthmus.common.bits.expectation import MAX_EXPECTED, ExpectationModel
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.codec_file import Source
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.tables import MOTION_CHANNELS, check_tables
from isthmus.common.video.tiles import MAX_TILE

Int32 = NDArray[np.int32]

SCALE_ZERO = 128
"""Where the list of expectations has a scale equal to its step's index."""
EXPECTATIONS = 256
"""Length of that list: 32 octaves."""
MAX_SCALE = 1 << 10
EXPECTATION_ARRAYS = (*TABLE_ARRAYS, "taps", "edges", "thresholds", "inertia", "scales")
MOTION_PREFIX = "motion_"
ARRAYS = (
    *(prefix + name for prefix in ("intra_", "residual_") for name in EXPECTATION_ARRAYS),
    *(MOTION_PREFIX + name for name in (*TABLE_ARRAYS, *CONTEXT_ARRAYS)),
    "expected",
)


@dataclass(frozen=True, slots=True, eq=False)
class SteppedTables:
    """All tables of a video codec with tiles, with escapes, precision 16.

    Attributes:
        intra: of key frames' coefficients.
        motion: of `MotionField.message`, 3 channels.
        residual: of residuals.
        intra_scales: int32 `[M, bands, bands]`: mean magnitudes of coefficients by frequency down and across, 1 to 16
            bands of each, in 1/8 octaves of 1/16 of a unit.
        residual_scales: int32 `[2, M]`: of residuals with and without a prediction.
        expected: int32 `[256]`, never falling: mean magnitudes of symbols, in 1/1024, by scale less step.

    Raises:
        InputError: a rule above is broken.
    """

    intra: ExpectationModel
    motion: ContextModel
    residual: ExpectationModel
    intra_scales: Int32
    residual_scales: Int32
    expected: Int32

    def __post_init__(self) -> None:
        channels, bands = self.channels, self.intra_scales.shape[-1]
        if self.intra_scales.shape != (channels, bands, bands) or not 1 <= bands <= MAX_TILE or not channels:
            raise InputError(f"intra_scales: expected [M, bands, bands], got {list(self.intra_scales.shape)}")
        if self.residual_scales.shape != (2, channels):
            raise InputError(f"residual_scales: expected [2, {channels}], got {list(self.residual_scales.shape)}")
        for name, scales in (("intra_scales", self.intra_scales), ("residual_scales", self.residual_scales)):
            if int(np.abs(scales.astype(np.int64)).max()) > MAX_SCALE:
                raise InputError(f"{name}: expected scales within {MAX_SCALE}")
        expected = self.expected
        is_list = expected.shape == (EXPECTATIONS,) and bool((np.diff(expected) >= 0).all())
        if not is_list or not 0 <= expected[0] <= expected[-1] <= MAX_EXPECTED:
            raise InputError(f"expected: expected {EXPECTATIONS} numbers from 0 to {MAX_EXPECTED} that never fall")
        if (self.motion.channels, self.motion.given) != (MOTION_CHANNELS, 0):
            raise InputError(
                f"motion: expected {MOTION_CHANNELS} channels and 0 given ones, got {self.motion.channels}"
            )
        for name, model in (("intra", self.intra), ("motion", self.motion), ("residual", self.residual)):
            check_tables(name, model.tables)

    @property
    def channels(self) -> int:
        """Channels of y."""
        return len(self.intra_scales)

    def expected_of(self, scales: Int32) -> Int32:
        """Expected magnitudes, int32 as `scales` ``[…]``, which have the step taken off."""
        return self.expected[np.clip(scales + SCALE_ZERO, 0, EXPECTATIONS - 1)]

    def save(self, path: str | Path) -> None:
        """Writes the file; the same tables give the same bytes."""
        arrays = stepped_arrays("", self)
        arrays |= arrays_of_context(MOTION_PREFIX, self.motion) | {"expected": self.expected}
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Source, manifest: VideoManifest) -> SteppedTables:
        """Reads the file of a codec.

        Raises:
            ManifestError: it is missing, or not exactly the arrays of sound tables for the codec's channels.
        """
        channels = manifest.latent_channels
        try:
            arrays = read_arrays(path, ARRAYS)
            if len(arrays["motion_order"]) != MOTION_CHANNELS:
                raise ManifestError(
                    f"motion_order: expected {MOTION_CHANNELS} channels, got {len(arrays['motion_order'])}"
                )
            return stepped_in(arrays, "", context_in(arrays, MOTION_PREFIX), channels)
        except (InputError, ManifestError) as error:
            raise ManifestError(f"{path}: {error}; restore it, or make the codec again") from error


def stepped_arrays(prefix: str, tables: SteppedTables) -> dict[str, Int32]:
    """Arrays int32 `[n]` of the symbols of key frames and residuals by their names behind a prefix; not of motion."""
    arrays: dict[str, Int32] = {}
    for kind, model, scales in (
        ("intra_", tables.intra, tables.intra_scales),
        ("residual_", tables.residual, tables.residual_scales),
    ):
        named = prefix + kind
        arrays |= arrays_of(named, model.tables)
        arrays |= {named + name: getattr(model, name).ravel() for name in ("taps", "edges", "thresholds")}
        arrays |= {named + "inertia": np.array([model.inertia], np.int32), named + "scales": scales.ravel()}
    return arrays


def stepped_in(arrays: dict[str, Int32], prefix: str, motion: ContextModel, channels: int) -> SteppedTables:
    """The tables of so many channels in arrays int32 `[n]`, by their names behind a prefix. Raises as they do."""
    scales, others = arrays[prefix + "intra_scales"], arrays[prefix + "residual_scales"]
    bands = isqrt(len(scales) // channels)
    if len(scales) != channels * bands**2 or not bands or len(others) != 2 * channels:
        raise ManifestError(
            f"{prefix}scales: expected {channels} channels of a square each, and twice {channels}, got {len(scales)} "
            f"and {len(others)}"
        )
    return SteppedTables(
        _expectation_in(arrays, prefix + "intra_"),
        motion,
        _expectation_in(arrays, prefix + "residual_"),
        scales.reshape(channels, bands, bands),
        others.reshape(2, channels),
        arrays["expected"],
    )


def _expectation_in(arrays: dict[str, Int32], prefix: str) -> ExpectationModel:
    taps, inertia = arrays[prefix + "taps"], arrays[prefix + "inertia"]
    if len(taps) % 4 or len(inertia) != 1:
        raise ManifestError(
            f"{prefix}taps: expected four numbers a tap and one inertia, got {len(taps)}, {len(inertia)}"
        )
    return ExpectationModel(
        tables_in(arrays, prefix),
        taps.reshape(-1, 4),
        arrays[prefix + "edges"],
        arrays[prefix + "thresholds"],
        int(inertia[0]),
    )
