"""Labelled clouds of a data set, in whichever layout it lies on disk.

| layout | reader |
|---|---|
| packed `.npz`: `points` (integers [N, P, 3]), `scale`, `labels`, `is_test`, `class_names` | `packed.load_packed` |
| lidar `.npz`: `points_milli` [total, 3] cut by `offsets`, `labels`, `is_test`, `class_names` | `packed.load_lidar` |
| ModelNet10/40 meshes: `class/{train,test}/*.off` | `load_modelnet_off` |
| ModelNet40 points: `*train*.h5`, `*test*.h5`, `shape_names.txt` | `hdf5.load_modelnet_hdf5` |
| ScanObjectNN: one `.h5` a split | `hdf5.load_scanobjectnn` |
| anybody's cloud files: folders of classes, a `.csv` of file and label, `LABEL-nnn.suffix` | `load_labelled_files` |

`load_labelled` looks at what is there and picks. All clouds come out z up, in the units of the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.data.labelled_files import TABLES, find_labelled_files
from isthmus.data.npz import open_npz
from isthmus.data.pointcloud.files import read_point_cloud
from isthmus.data.pointcloud.formats import is_point_cloud_name
from isthmus.data.pointcloud.hdf5 import SCANOBJECTNN_FILES, hdf5_files, load_modelnet_hdf5, load_scanobjectnn
from isthmus.data.pointcloud.labelled import SPLITS, Float32, LabelledClouds, Split, set_name
from isthmus.data.pointcloud.packed import load_lidar, load_packed

Progress = Callable[[int, int], None]  # clouds done, clouds in all


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
        if (path / "shape_names.txt").is_file() or hdf5_files(path, "train", "ply_data_"):
            return load_modelnet_hdf5(path, split)
        if any(path.glob("*/train/*.off")) or any(path.glob("*/test/*.off")):
            return load_modelnet_off(path, split, points=points, progress=progress)
        if (path / SCANOBJECTNN_FILES[split]).is_file():
            return load_scanobjectnn(path / SCANOBJECTNN_FILES[split])
    if path.is_dir() or (path.suffix.lower() in TABLES and path.exists()):
        return load_labelled_files(path, split, points=points, progress=progress)
    if path.suffix.lower() in (".h5", ".hdf5"):
        other = "test" if split == "train" else "train"
        if path.name.lower().startswith(other):
            raise InputError(f"{path}: expected the {split} split, got a file named for {other}; name the other file")
        return load_scanobjectnn(path)
    if path.suffix.lower() == ".npz":
        with open_npz(path) as file:
            lidar = "points_milli" in file
        return (load_lidar if lidar else load_packed)(path)[SPLITS.index(split)]
    if not path.exists():
        raise InputError(f"{path}: expected a data set, got a path where nothing is")
    raise InputError(
        f"{path}: expected a packed or lidar .npz, a folder of classes with cloud files (CLASS/test/*.npy), a .csv of "
        "file and label, ModelNet (*.off, or *.h5 and shape_names.txt) or ScanObjectNN (*objectdataset*.h5), got none "
        "of these"
    )


def load_labelled_files(
    path: str | Path, split: Split, *, points: int = 2048, seed: int = 0, progress: Progress | None = None
) -> LabelledClouds:
    """Cloud files of any format, in the layouts of `isthmus.data.labelled_files`; meshes are sampled as ModelNet's."""
    found = find_labelled_files(Path(path), split, is_point_cloud_name, "point cloud")
    places = [f"{found.class_names[label]}/{split}" for label in found.labels]
    clouds = _read(found.paths, places, points, seed, progress)
    return LabelledClouds.from_clouds(clouds, found.labels, found.class_names, found.name)


def load_modelnet_off(
    root: str | Path, split: Split, *, points: int = 2048, seed: int = 0, progress: Progress | None = None
) -> LabelledClouds:
    """ModelNet10 or 40 as distributed: `root/class/split/*.off`, each mesh sampled on its surface."""
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of classes, got none there")
    # A folder without meshes is no class: nobody's eight classes become ten by two that are empty.
    names = sorted(p.name for p in root.iterdir() if any(any((p / s).glob("*.off")) for s in SPLITS))
    files = [(label, p) for label, name in enumerate(names) for p in sorted((root / name / split).glob("*.off"))]
    if not files:
        raise InputError(f"{root}: expected meshes {root / 'CLASS' / split / '*.off'}, got none")
    places = [f"{names[label]}/{split}" for label, _ in files]
    clouds = _read([path for _, path in files], places, points, seed, progress)
    return LabelledClouds.from_clouds(clouds, [label for label, _ in files], names, set_name(root, names))


def _read(
    paths: Sequence[Path], places: Sequence[str], points: int, seed: int, progress: Progress | None
) -> list[Float32]:
    """The clouds of some files.

    The seed of a mesh comes from where it is in the set, `class/split`, and its name: so a cloud does not depend on
    which others are there.
    """
    clouds: list[Float32] = []
    for path, place in zip(paths, places, strict=True):
        mesh_seed = zlib.crc32(f"{seed}/{place}/{path.name}".encode())
        clouds.append(read_point_cloud(path, points=points, seed=mesh_seed).points)
        if progress is not None:
            progress(len(clouds), len(paths))
    return clouds
