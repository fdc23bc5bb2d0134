"""Labelled clouds packed into one `.npz`: of one size, or ragged lidar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.npz import open_npz, read_arrays
from isthmus.data.pointcloud.files import to_z_up
from isthmus.data.pointcloud.labelled import Float32, LabelledClouds, in_float32

LIDAR = ("points_milli", "offsets", "labels", "is_test", "class_names")


def load_packed(path: str | Path) -> tuple[LabelledClouds, LabelledClouds]:
    """Train and test of a packed `.npz`.

    | array | of |
    |---|---|
    | `points` | numbers [N, P, 3], or [total, 3] with `offsets`: cloud i is points[offsets[i]:offsets[i + 1]] |
    | `scale` | one number that the points are multiplied by; integers need it, floats are as they are without |
    | `labels`, `class_names` | integers [N], indices into the names |
    | `is_test` | bool [N]; without it all are test |
    """
    path = Path(path)
    with open_npz(path) as file:
        given = set(file.files)
    stored, labels, names = read_arrays(path, ("points", "labels", "class_names"))
    is_ragged, is_float = "offsets" in given, stored.dtype.kind == "f"
    if not is_float and "scale" not in given:
        raise InputError(f"{path}: expected a scale beside points of integers, got points {stored.dtype} and no scale")
    (scale,) = read_arrays(path, ("scale",)) if "scale" in given else (np.ones(()),)
    (is_test,) = read_arrays(path, ("is_test",)) if "is_test" in given else (np.ones(len(labels), bool),)
    is_shaped = stored.ndim == (2 if is_ragged else 3) and stored.shape[-1] == 3
    if not is_shaped or scale.size != 1 or labels.ndim != 1 or not (is_ragged or len(stored) == len(labels)):
        raise InputError(
            f"{path}: expected points [N, P, 3], or [total, 3] with offsets [N + 1]; N labels and one scale, "
            f"got {list(stored.shape)}, {list(labels.shape)}, {list(scale.shape)}"
        )
    if is_ragged:
        (offsets,) = read_arrays(path, ("offsets",))
    else:
        offsets = np.arange(len(stored) + 1) * stored.shape[1]
    points = _scaled(stored.reshape(-1, 3), scale.reshape(()), offsets)
    whole = LabelledClouds(points, offsets.astype(np.int64), labels.astype(np.int64), _names(names), _set_name(path))
    return _split_by(path, whole, is_test)


def load_lidar(path: str | Path) -> tuple[LabelledClouds, LabelledClouds]:
    """Train and test of a lidar `.npz`: ragged clouds in thousandths of the file's unit; y up there, z up here."""
    path = Path(path)
    stored, offsets, labels, is_test, names = read_arrays(path, LIDAR)
    if stored.ndim != 2 or stored.shape[1] != 3:
        raise InputError(f"{path}: expected points_milli [total, 3], got {list(stored.shape)}")
    if _fits_float32(stored):
        points = stored.astype(np.float32) / np.float32(1000)
    else:
        points = in_float32(stored.astype(np.float64) / 1000, offsets)
    points = to_z_up(points, "y")
    whole = LabelledClouds(points, offsets.astype(np.int64), labels.astype(np.int64), _names(names), _set_name(path))
    return _split_by(path, whole, is_test)


def _scaled(stored: npt.NDArray[Any], scale: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> Float32:
    """Points [total, 3] times the scale; what has more digits than float32 keeps them until its clouds are centred."""
    if _fits_float32(stored):
        return stored.astype(np.float32) * np.float32(scale)
    return in_float32(stored.astype(np.float64) * np.float64(scale), offsets)


def _fits_float32(stored: npt.NDArray[Any]) -> bool:
    return stored.dtype.itemsize <= 2 or stored.dtype == np.float32


def _split_by(path: Path, whole: LabelledClouds, is_test: npt.NDArray[Any]) -> tuple[LabelledClouds, LabelledClouds]:
    if is_test.dtype != np.bool_ or is_test.shape != whole.labels.shape:
        raise InputError(f"{path}: expected is_test bool [{len(whole)}], got {is_test.dtype} {list(is_test.shape)}")
    return whole.subset(np.flatnonzero(~is_test)), whole.subset(np.flatnonzero(is_test))


def _names(stored: npt.NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in stored)


def _set_name(path: Path) -> str:
    """Results say what they were measured on; a file of unknown name is called by that name."""
    known = {"modelnet10_2048": "ModelNet10, voxel-derived", "shapes69_2048": "shapes69", "lidarnet4_real": "lidarnet4"}
    return known.get(path.stem, path.stem)
