"""Labelled clouds of points in memory; `isthmus.data.pointcloud.sets` reads them from a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.signals import middle_if_far
from isthmus.data.labelled_files import placed

Split = Literal["train", "test"]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

MODELNET10 = frozenset(
    ["bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table", "toilet"],
)
SPLITS: tuple[Split, Split] = ("train", "test")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClouds:
    """Clouds with labels. All points lie in one array, cut by offsets, so clouds may differ in size.

    Attributes:
        points: float32 [total, 3], z up.
        offsets: int64 [N + 1], from 0 to total, growing: cloud i is points[offsets[i]:offsets[i + 1]].
        labels: int64 [N], indices into `class_names`.
        class_names: one name a class.
        name: what was measured on, as results should say it: "ModelNet10, voxel-derived".
    """

    points: Float32
    offsets: Int64
    labels: Int64
    class_names: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        if self.points.dtype != np.float32 or self.points.ndim != 2 or self.points.shape[1] != 3:
            raise InputError(
                f"{self.name}: expected points float32 [total, 3], got {self.points.dtype} {list(self.points.shape)}"
            )
        if self.labels.ndim != 1 or self.offsets.shape != (len(self.labels) + 1,):
            raise InputError(
                f"{self.name}: expected N labels and N + 1 offsets, "
                f"got {list(self.labels.shape)} and {list(self.offsets.shape)}"
            )
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.points) or (np.diff(self.offsets) < 1).any():
            raise InputError(f"{self.name}: expected offsets growing from 0 to {len(self.points)}, none equal")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise InputError(
                f"{self.name}: expected labels 0 to {len(self.class_names) - 1}, "
                f"got {self.labels.min()} to {self.labels.max()}"
            )
        if not np.isfinite(self.points).all():
            row = int(np.argwhere(~np.isfinite(self.points))[0, 0])
            raise InputError(
                f"{self.name}: expected finite points, got {self.points[row].tolist()} "
                f"in cloud {int(np.searchsorted(self.offsets, row, side='right')) - 1}"
            )

    @classmethod
    def from_clouds(
        cls, clouds: Sequence[Float32], labels: npt.ArrayLike, class_names: Sequence[str], name: str
    ) -> LabelledClouds:
        """From clouds float32 [P_i, 3] one by one."""
        points = np.concatenate(clouds).astype(np.float32, copy=False) if clouds else np.empty((0, 3), np.float32)
        offsets = np.cumsum([0, *(len(cloud) for cloud in clouds)], dtype=np.int64)
        return cls(points, offsets, np.asarray(labels, np.int64), tuple(class_names), name)

    @classmethod
    def from_stack(cls, stack: Float32, labels: npt.ArrayLike, class_names: Sequence[str], name: str) -> LabelledClouds:
        """From clouds of one size, float32 [N, P, 3]."""
        offsets = np.arange(len(stack) + 1, dtype=np.int64) * stack.shape[1]
        points = np.ascontiguousarray(stack, np.float32).reshape(-1, 3)
        return cls(points, offsets, np.asarray(labels, np.int64), tuple(class_names), name)

    def __len__(self) -> int:
        return len(self.labels)

    def cloud(self, index: int) -> Float32:
        """Cloud `index`, a view [P, 3]; negative indices count from the end."""
        index = range(len(self))[index]
        return self.points[self.offsets[index] : self.offsets[index + 1]]

    @property
    def clouds(self) -> tuple[Float32, ...]:
        """All clouds, views [P_i, 3]."""
        return tuple(self.cloud(index) for index in range(len(self)))

    def stacked(self) -> Float32:
        """All clouds as one view [N, P, 3]. Raises InputError where they differ in size."""
        sizes = np.unique(np.diff(self.offsets))
        if len(sizes) != 1:
            raise InputError(f"{self.name}: expected clouds of one size, got {len(sizes)} different sizes")
        return self.points.reshape(len(self), int(sizes[0]), 3)

    def with_classes(self, class_names: tuple[str, ...], codec: str) -> LabelledClouds:
        """The same clouds, labelled by the classes of a codec. InputError where it does not know one of them."""
        labels = placed(self.labels.tolist(), self.class_names, class_names, self.name, codec)
        return LabelledClouds(self.points, self.offsets, labels, class_names, self.name)

    def subset(self, index: Int64) -> LabelledClouds:
        """The clouds of some indices [n], in that order."""
        index = np.arange(len(self), dtype=np.int64)[index]
        sizes = np.diff(self.offsets)[index]
        if len(sizes) and (sizes == sizes[0]).all() and len(self.points) == len(self) * sizes[0]:
            return LabelledClouds.from_stack(self.stacked()[index], self.labels[index], self.class_names, self.name)
        picked = [self.cloud(int(i)) for i in index]
        return LabelledClouds.from_clouds(picked, self.labels[index], self.class_names, self.name)


def set_name(folder: Path, class_names: Sequence[str]) -> str:
    """What a set of meshes or points is called: ModelNet10 or 40 where it is that by its classes and its folder's name.

    Any other set goes by its folder, so that nobody's own ten classes are taken for the benchmark.
    """
    name = folder.resolve().name
    count = len(class_names)
    is_benchmark = (count == 10 and set(class_names) == MODELNET10) or (count == 40 and set(class_names) > MODELNET10)
    return f"ModelNet{count}" if is_benchmark and "modelnet" in name.lower() else name


def in_float32(points: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> Float32:
    """Points [total, 3] of clouds, in float32 as `PointCloud` has it: a cloud far from the origin is moved to about it.

    Args:
        points: of any real type.
        offsets: [N + 1], as of `LabelledClouds`, which refuses those that are none.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what turns infinite is refused as such
        cast = points.astype(np.float32)
        if points.dtype.itemsize > 2 and points.dtype != np.float32:
            for start, end in pairwise(offsets.tolist()):
                cloud = points[start:end]
                middle = middle_if_far(cloud) if len(cloud) else np.zeros(3)
                if middle.any():
                    cast[start:end] = cloud - middle
    return cast
