"""Labelled clouds in memory, and the split of a validation set from train.

Selection never looks at test (thesis dossier, discrepancy 3): `split_validation` cuts a stratified tenth of train.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.data.pointcloud.labelled import Split
from isthmus.data.pointcloud.sets import load_labelled

VALIDATION_FRACTION = 0.1
VALIDATION_SEED = 20_240_916
TEST_DRAW_SEED = 1234


@dataclass(frozen=True, slots=True)
class CloudSet:
    """Clouds of one size with their labels."""

    points: npt.NDArray[np.float32]  # [clouds, points, 3], unit ball, z up
    labels: npt.NDArray[np.int64]  # [clouds]
    class_names: tuple[str, ...]
    name: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def crc32(self) -> int:
        """Of points and labels: the same clouds in the same order have the same."""
        return zlib.crc32(self.labels.tobytes(), zlib.crc32(self.points.tobytes()))

    def subset(self, index: npt.NDArray[np.int64]) -> CloudSet:
        """Those clouds, in that order; `index` is ``[chosen]``."""
        return CloudSet(self.points[index], self.labels[index], self.class_names, self.name)


def load_cloud_set(path: Path, split: Split) -> CloudSet:
    """One split of any labelled set that `isthmus.data.pointcloud.sets` knows, as clouds of one size.

    Where sizes differ, each cloud is drawn to the largest power of two that most of them have (repeating points of the
    smaller ones, which a maximum over points does not see).
    """
    labelled = load_labelled(path, split)
    sizes = np.diff(labelled.offsets)
    if (sizes == sizes[0]).all():
        stacked = labelled.stacked()
    else:
        count = 1 << int(np.log2(np.median(sizes)))
        rng = np.random.default_rng(VALIDATION_SEED)
        stacked = np.stack([c[rng.choice(len(c), count, replace=len(c) < count)] for c in labelled.clouds])
    return CloudSet(np.ascontiguousarray(stacked, np.float32), labelled.labels, labelled.class_names, labelled.name)


def split_validation(train: CloudSet) -> tuple[CloudSet, CloudSet]:
    """Train and validation: a stratified tenth, the same at every call."""
    rng = np.random.default_rng(VALIDATION_SEED)
    held: list[npt.NDArray[np.int64]] = []
    for label in np.unique(train.labels):
        members = rng.permutation(np.flatnonzero(train.labels == label))
        held.append(members[: max(1, round(len(members) * VALIDATION_FRACTION))])
    validation = np.sort(np.concatenate(held))
    rest = np.setdiff1d(np.arange(len(train)), validation)
    return train.subset(rest), train.subset(validation)


def fixed_draw(clouds: CloudSet, points: int) -> npt.NDArray[np.float32]:
    """The same `points` of the stored ones for every cloud, ``[clouds, points, 3]``: TMC13's bits are of these."""
    order = np.random.default_rng(TEST_DRAW_SEED).permutation(clouds.points.shape[1])
    drawn = clouds.points[:, order[:points]]
    drawn = drawn - drawn.mean(1, keepdims=True)
    radius = np.sqrt((drawn**2).sum(2).max(1))
    out: npt.NDArray[np.float32] = (drawn / radius[:, None, None]).astype(np.float32)
    return out
