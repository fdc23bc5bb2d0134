"""The tables of a video codec without tiles: three context models in `entropy.npz`. Implements BITSTREAM.md §8.5."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import (
    CONTEXT_ARRAYS,
    MAX_OFFSET,
    PRECISION_BITS,
    TABLE_ARRAYS,
    arrays_of_context,
    context_in,
    read_arrays,
)
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.codec_file import Source
from isthmus.common.video.manifest import VideoManifest

Int32 = NDArray[np.int32]

MOTION_CHANNELS = 3
"""Modes, and the differences of vectors down and right."""
PREFIXES = ("intra_", "motion_", "residual_")
ARRAYS = tuple(prefix + name for prefix in PREFIXES for name in (*TABLE_ARRAYS, *CONTEXT_ARRAYS))


def check_tables(name: str, tables: CdfTables) -> None:
    """Raises InputError unless tables are such as a file of a video codec may hold."""
    if not tables.has_escape or tables.precision_bits != PRECISION_BITS:
        raise InputError(f"{name}: expected tables with escapes, of precision {PRECISION_BITS}")
    if max(abs(int(tables.offsets.min())), int(tables.offsets.max())) > MAX_OFFSET:
        raise InputError(f"{name}: expected offsets from {-MAX_OFFSET} to {MAX_OFFSET}")


@dataclass(frozen=True, slots=True, eq=False)
class VideoTables:
    """All tables of a video codec, with escapes, precision 16.

    Attributes:
        intra: of y, M channels.
        motion: of `MotionField.message`, 3 channels.
        residual: of residuals: M channels, and M + 1 given ones: the blocks' modes and the prediction's magnitudes.

    Raises:
        InputError: a rule above is broken.
    """

    intra: ContextModel
    motion: ContextModel
    residual: ContextModel

    def __post_init__(self) -> None:
        channels = self.intra.channels
        for name, model, shape in (
            ("intra", self.intra, (channels, 0)),
            ("motion", self.motion, (MOTION_CHANNELS, 0)),
            ("residual", self.residual, (channels, channels + 1)),
        ):
            if (model.channels, model.given) != shape:
                raise InputError(
                    f"{name}: expected {shape[0]} channels and {shape[1]} given ones, got {model.channels} and "
                    f"{model.given}"
                )
            check_tables(name, model.tables)

    @property
    def channels(self) -> int:
        """Channels of y."""
        return self.intra.channels

    def save(self, path: str | Path) -> None:
        """Writes the file; the same tables give the same bytes."""
        arrays: dict[str, Int32] = {}
        for prefix, model in zip(PREFIXES, (self.intra, self.motion, self.residual), strict=True):
            arrays |= arrays_of_context(prefix, model)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Source, manifest: VideoManifest) -> VideoTables:
        """Reads the file of a codec.

        Raises:
            ManifestError: it is missing, or not exactly the arrays of sound tables for the codec's channels.
        """
        channels = manifest.latent_channels
        try:
            arrays = read_arrays(path, ARRAYS)
            for prefix, count in zip(PREFIXES, (channels, MOTION_CHANNELS, 2 * channels + 1), strict=True):
                if len(arrays[f"{prefix}order"]) != count:
                    raise ManifestError(
                        f"{prefix}order: expected {count} channels, got {len(arrays[f'{prefix}order'])}"
                    )
            intra, motion = (context_in(arrays, prefix) for prefix in PREFIXES[:2])
            return cls(intra, motion, context_in(arrays, PREFIXES[2], given=channels + 1))
        except (InputError, ManifestError) as error:
            raise ManifestError(f"{path}: {error}; restore it, or make the codec again") from error
