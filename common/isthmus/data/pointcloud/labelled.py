"""Labelled clouds of a data set, in whichever of five layouts it lies on disk.

| layout | reader |
|---|---|
| packed `.npz`: `points` (integers [N, P, 3]), `scale`, `labels`, `is_test`, `class_names` | `load_packed` |
| lidar `.npz`: `points_milli` [total, 3] cut by `offsets`, `labels`, `is_test`, `class_names` | `load_lidar` |
| ModelNet10/40 meshes: `class/{train,test}/*.off` | `load_modelnet_off` |
| ModelNet40 points: `*train*.h5`, `*test*.h5`, `shape_names.txt` | `load_modelnet_hdf5` |
| ScanObjectNN: one `.h5` a split | `load_scanobjectnn` |

`load_labelled` looks at what is there and picks. All clouds come out z up, in the units of the file.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.pointcloud.files import read_point_cloud, to_z_up

Split = Literal["train", "test"]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]  # clouds done, clouds in all

SPLITS: tuple[Split, Split] = ("train", "test")
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

    def subset(self, index: Int64) -> LabelledClouds:
        """Those clouds, in that order."""
        index = np.arange(len(self), dtype=np.int64)[index]
        sizes = np.diff(self.offsets)[index]
        if len(sizes) and (sizes == sizes[0]).all() and len(self.points) == len(self) * sizes[0]:
            return LabelledClouds.from_stack(self.stacked()[index], self.labels[index], self.class_names, self.name)
        picked = [self.cloud(int(i)) for i in index]
        return LabelledClouds.from_clouds(picked, self.labels[index], self.class_names, self.name)


def load_labelled(
    path: str | Path, split: Split, *, points: int = 2048, progress: Progress | None = None
) -> LabelledClouds:
    """One split of a data set, whose layout is told from what lies at `path`.

    Args:
        path: an `.npz` or `.h5` file, or a folder of one of the layouts above.
        split: "train" or "test". For a single ScanObjectNN file it must not contradict the file's name.
        points: points drawn from each mesh of an OFF tree.
        progress: called with (done, all) for each mesh of an OFF tree.

    Raises:
        InputError: nothing there, no known layout, or damaged.
    """
    path = Path(path)
    if split not in SPLITS:
        raise InputError(f"expected the split train or test, got {split!r}")
    if path.is_dir():
        if (path / "shape_names.txt").is_file() or _h5_files(path, "train", "ply_data_"):
            return load_modelnet_hdf5(path, split)
        if any(path.glob("*/train/*.off")) or any(path.glob("*/test/*.off")):
            return load_modelnet_off(path, split, points=points, progress=progress)
        name = "training_objectdataset.h5" if split == "train" else "test_objectdataset.h5"
        if (path / name).is_file():
            return load_scanobjectnn(path / name)
    elif path.suffix.lower() in (".h5", ".hdf5"):
        other = "test" if split == "train" else "train"
        if path.name.lower().startswith(other):
            raise InputError(f"{path}: expected the {split} split, got a file named for {other}; name the other file")
        return load_scanobjectnn(path)
    elif path.suffix.lower() == ".npz":
        with _open_npz(path) as file:
            lidar = "points_milli" in file
        return (load_lidar if lidar else load_packed)(path)[SPLITS.index(split)]
    elif not path.exists():
        raise InputError(f"{path}: expected a data set, got a path where nothing is")
    raise InputError(
        f"{path}: expected a packed or lidar .npz, a ModelNet folder (class/train/*.off, or *.h5 and shape_names.txt) "
        f"or ScanObjectNN (*objectdataset*.h5), got none of these"
    )


def load_packed(path: str | Path) -> tuple[LabelledClouds, LabelledClouds]:
    """Train and test of a packed `.npz`: stored integers times `scale`, clouds of one size."""
    path = Path(path)
    with _open_npz(path) as file:
        stored, scale, labels, is_test, names = _members(
            path, file, "points", "scale", "labels", "is_test", "class_names"
        )
    if stored.ndim != 3 or stored.shape[2] != 3 or len(stored) != len(labels) or scale.size != 1:
        raise InputError(
            f"{path}: expected points [N, P, 3], N labels and one scale, "
            f"got {list(stored.shape)}, {list(labels.shape)}, {list(scale.shape)}"
        )
    points = stored.astype(np.float32) * np.float32(scale.reshape(()))
    whole = LabelledClouds.from_stack(points, labels, _names(names), _set_name(path))
    return _split_by(path, whole, is_test)


def load_lidar(path: str | Path) -> tuple[LabelledClouds, LabelledClouds]:
    """Train and test of a lidar `.npz`: ragged clouds in thousandths of the file's unit; y up there, z up here."""
    path = Path(path)
    with _open_npz(path) as file:
        stored, offsets, labels, is_test, names = _members(
            path, file, "points_milli", "offsets", "labels", "is_test", "class_names"
        )
    if stored.ndim != 2 or stored.shape[1] != 3:
        raise InputError(f"{path}: expected points_milli [total, 3], got {list(stored.shape)}")
    points = to_z_up(stored.astype(np.float32) / np.float32(1000), "y")
    whole = LabelledClouds(points, offsets.astype(np.int64), labels.astype(np.int64), _names(names), _set_name(path))
    return _split_by(path, whole, is_test)


def load_modelnet_off(
    root: str | Path, split: Split, *, points: int = 2048, seed: int = 0, progress: Progress | None = None
) -> LabelledClouds:
    """ModelNet10 or 40 as distributed: `root/class/split/*.off`, each mesh sampled on its surface.

    The seed of a mesh comes from its path, so a cloud does not depend on which others are there.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of classes, got none there")
    names = sorted(p.name for p in root.iterdir() if (p / "train").is_dir() or (p / "test").is_dir())
    files = [(label, p) for label, name in enumerate(names) for p in sorted((root / name / split).glob("*.off"))]
    if not files:
        raise InputError(f"{root}: expected meshes {root / 'CLASS' / split / '*.off'}, got none")
    clouds: list[Float32] = []
    for label, path in files:
        mesh_seed = zlib.crc32(f"{seed}/{names[label]}/{split}/{path.name}".encode())
        clouds.append(read_point_cloud(path, points=points, seed=mesh_seed).points)
        if progress is not None:
            progress(len(clouds), len(files))
    return LabelledClouds.from_clouds(clouds, [label for label, _ in files], names, _modelnet_name(len(names)))


def load_modelnet_hdf5(folder: str | Path, split: Split) -> LabelledClouds:
    """The 2,048-point ModelNet40 of PointNet (`modelnet40_ply_hdf5_2048`): y up in the file, z up here."""
    folder = Path(folder)
    try:
        names = [line for raw in (folder / "shape_names.txt").read_text("utf-8").splitlines() if (line := raw.strip())]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{folder}: expected shape_names.txt with one class a line: {error}") from error
    files = _h5_files(folder, split)
    if not files:
        raise InputError(f"{folder}: expected files *{split}*.h5, got none")
    parts = [_read_h5(path) for path in files]
    sizes = {data.shape[1] for data, _ in parts}
    if len(sizes) != 1:
        raise InputError(f"{folder}: expected files with clouds of one size, got sizes {sorted(sizes)}")
    stack = np.concatenate([data for data, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    return LabelledClouds.from_stack(_stack_to_z_up(stack), labels, names, f"{_modelnet_name(len(names))} HDF5")


def load_scanobjectnn(path: str | Path) -> LabelledClouds:
    """One ScanObjectNN `.h5` (datasets data, label and perhaps mask): y up in the file, z up here.

    The mask, which marks points of the background, is left aside: what the file holds is what is measured.
    """
    path = Path(path)
    data, labels = _read_h5(path)
    return LabelledClouds.from_stack(_stack_to_z_up(data), labels, SCANOBJECTNN_CLASSES, f"ScanObjectNN {path.stem}")


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
            return data[:, :, :3].astype(np.float32), label[:].reshape(-1).astype(np.int64)
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected an HDF5 file with datasets data and label: {error}") from error


def _stack_to_z_up(stack: Float32) -> Float32:
    return to_z_up(stack.reshape(-1, 3), "y").reshape(stack.shape)


def _h5_files(folder: Path, split: Split, prefix: str = "") -> list[Path]:
    """`prefix*split*.h5` in the order of their numbers: ..._train2 before ..._train10."""
    return sorted(folder.glob(f"{prefix}*{split}*.h5"), key=lambda path: (len(path.name), path.name))


@contextlib.contextmanager
def _open_npz(path: Path) -> Iterator[Any]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: expected a readable file: {error.strerror or error}") from error
    with stream:  # opened here, as NumPy leaves its own open where it fails
        try:
            file = np.load(stream, allow_pickle=False)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: expected an .npz file: {error}") from error
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InputError(f"{path}: expected an .npz file, got a single array")
        with file:
            yield file


def _members(path: Path, file: Any, *names: str) -> tuple[npt.NDArray[Any], ...]:
    try:
        return tuple(file[name] for name in names)
    except (OSError, KeyError, ValueError, EOFError, MemoryError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected arrays {', '.join(names)}, got {', '.join(file)}: {error}") from error


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


def _modelnet_name(classes: int) -> str:
    return f"ModelNet{classes}" if classes in (10, 40) else f"ModelNet layout, {classes} classes"
