"""Labelled clouds in HDF5 files: ModelNet40 of 2,048 points, and ScanObjectNN. Needs h5py (extra `hdf5`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.pointcloud.files import to_z_up
from isthmus.data.pointcloud.labelled import Float32, Int64, LabelledClouds, Split, in_float32, set_name
from isthmus.data.text import text_of

MAX_SET_POINTS = 500_000_000  # 6 GB of float32: what a header may claim before anything is read

# Source: the class list of the ScanObjectNN release (hkust-vgd/scanobjectnn), in label order.
SCANOBJECTNN_CLASSES = (
    "bag",
    "bin",
    "box",
    "cabinet",
    "chair",
    "desk",
    "display",
    "door",
    "shelf",
    "table",
    "bed",
    "pillow",
    "sink",
    "sofa",
    "toilet",
)
SCANOBJECTNN_FILES: dict[Split, str] = {"train": "training_objectdataset.h5", "test": "test_objectdataset.h5"}


def load_modelnet_hdf5(folder: str | Path, split: Split) -> LabelledClouds:
    """The 2,048-point ModelNet40 of PointNet (`modelnet40_ply_hdf5_2048`): y up in the file, z up here."""
    folder = Path(folder)
    try:
        text = text_of((folder / "shape_names.txt").read_bytes())
        names = [line for raw in text.splitlines() if (line := raw.strip())]
    except (OSError, InputError) as error:
        raise InputError(f"{folder}: expected shape_names.txt with one class a line: {error}") from error
    files = hdf5_files(folder, split)
    if not files:
        raise InputError(f"{folder}: expected files *{split}*.h5, got none")
    parts = [_read_h5(path) for path in files]
    sizes = {data.shape[1] for data, _ in parts}
    if len(sizes) != 1:
        raise InputError(f"{folder}: expected files with clouds of one size, got sizes {sorted(sizes)}")
    stack = np.concatenate([data for data, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    return LabelledClouds.from_stack(_stack_to_z_up(stack), labels, names, f"{set_name(folder, names)} HDF5")


def load_scanobjectnn(path: str | Path) -> LabelledClouds:
    """One ScanObjectNN `.h5` (datasets data, label and perhaps mask): y up in the file, z up here.

    The mask, which marks points of the background, is left aside: what the file holds is what is measured.
    """
    path = Path(path)
    data, labels = _read_h5(path)
    return LabelledClouds.from_stack(_stack_to_z_up(data), labels, SCANOBJECTNN_CLASSES, f"ScanObjectNN {path.stem}")


def hdf5_files(folder: Path, split: Split, prefix: str = "") -> list[Path]:
    """`prefix*split*.h5` in the order of their numbers: ..._train2 before ..._train10."""
    return sorted(folder.glob(f"{prefix}*{split}*.h5"), key=lambda path: (len(path.name), path.name))


def _read_h5(path: Path) -> tuple[Float32, Int64]:
    """Datasets `data` [N, P, >= 3] and `label` [N] or [N, 1]; shapes are checked before anything is read."""
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: HDF5 files need h5py, which is missing: pip install 'isthmus[hdf5]'"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            data, label = file["data"], file["label"]
            if len(data.shape) != 3 or data.shape[2] < 3 or 0 in data.shape or data.dtype.kind not in "fiu":
                raise InputError(f"{path}: expected numbers data [N, P, 3], got {data.dtype} {list(data.shape)}")
            if label.shape not in ((data.shape[0],), (data.shape[0], 1)) or label.dtype.kind not in "iu":
                raise InputError(f"{path}: expected whole-number labels [{data.shape[0]}], got {list(label.shape)}")
            if data.shape[0] * data.shape[1] > MAX_SET_POINTS:
                raise InputError(f"{path}: expected at most {MAX_SET_POINTS} points, got {list(data.shape)}")
            stored = data[:, :, :3]
            offsets = np.arange(len(stored) + 1) * stored.shape[1]
            points = in_float32(stored.reshape(-1, 3), offsets).reshape(stored.shape)
            return points, label[:].reshape(-1).astype(np.int64)
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected an HDF5 file with datasets data and label: {error}") from error


def _stack_to_z_up(stack: Float32) -> Float32:
    return to_z_up(stack.reshape(-1, 3), "y").reshape(stack.shape)
