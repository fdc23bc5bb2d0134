"""The tables of a video codec with planes, in `entropy.npz`. Implements BITSTREAM.md §8.7."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import CONTEXT_ARRAYS, TABLE_ARRAYS, arrays_of_context, context_in, read_arrays
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.codec_file import Source
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.stepped_tables import (
    EXPECTATION_ARRAYS,
    MOTION_PREFIX,
    SteppedTables,
    stepped_arrays,
    stepped_in,
)
from isthmus.common.video.tables import MOTION_CHANNELS

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneTables:
    """All tables of a video codec with planes.

    Attributes:
        planes: of each plane; their motion and what they expect are one and the same.

    Raises:
        InputError: none, or planes of different motion.
    """

    planes: tuple[SteppedTables, ...]

    def __post_init__(self) -> None:
        if not self.planes or any(p.motion is not self.planes[0].motion for p in self.planes):
            raise InputError("planes: expected tables of one or more, all with the same motion")

    @property
    def motion(self) -> ContextModel:
        """Of the one motion of all planes."""
        return self.planes[0].motion

    @property
    def channels(self) -> int:
        """Channels of all planes, each counted once."""
        return sum(p.channels for p in self.planes)

    def save(self, path: str | Path) -> None:
        """Writes the file; the same tables give the same bytes."""
        arrays: dict[str, Int32] = {}
        for place, tables in enumerate(self.planes):
            arrays |= stepped_arrays(f"plane{place}_", tables)
        arrays |= arrays_of_context(MOTION_PREFIX, self.motion) | {"expected": self.planes[0].expected}
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Source, manifest: VideoManifest) -> PlaneTables:
        """Reads the file of a codec.

        Raises:
            ManifestError: it is missing, or not exactly the arrays of sound tables for the codec's planes.
        """
        names = [
            f"plane{place}_{kind}_{name}"
            for place in range(len(manifest.planes))
            for kind in ("intra", "residual")
            for name in EXPECTATION_ARRAYS
        ]
        names += [MOTION_PREFIX + name for name in (*TABLE_ARRAYS, *CONTEXT_ARRAYS)]
        try:
            arrays = read_arrays(path, (*names, "expected"))
            if len(arrays["motion_order"]) != MOTION_CHANNELS:
                raise ManifestError(
                    f"motion_order: expected {MOTION_CHANNELS} channels, got {len(arrays['motion_order'])}"
                )
            motion = context_in(arrays, MOTION_PREFIX)
            return cls(
                tuple(
                    stepped_in(arrays, f"plane{place}_", motion, plane.latent_channels)
                    for place, plane in enumerate(manifest.planes)
                )
            )
        except (InputError, ManifestError) as error:
            raise ManifestError(f"{path}: {error}; restore it, or make the codec again") from error
