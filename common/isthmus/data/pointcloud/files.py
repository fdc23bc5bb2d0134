"""Point clouds from files and pipes: many formats, one door.

`read_point_cloud` takes the whole file as bytes, bounded in size, and hands it to the reader of its format. What a
header claims is checked against limits and against the bytes there are *before* anything of that size is
allocated. Meshes become points by drawing evenly over their surface. Readers give coordinates in all the digits that
the file has; `PointCloud` sees to it that their cast to float32 keeps the shape.

The cloud comes out z up (`DEFAULT_UP` says what each format is taken to be).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import PointCloud
from isthmus.data.capture.points import parse_pcap
from isthmus.data.inputs import found_files, read_source
from isthmus.data.pointcloud.arrays import parse_npy
from isthmus.data.pointcloud.collada import parse_dae
from isthmus.data.pointcloud.columns import Columns
from isthmus.data.pointcloud.delimited import parse_xyz
from isthmus.data.pointcloud.e57 import parse_e57
from isthmus.data.pointcloud.formats import FORMATS, SUFFIXES, format_of
from isthmus.data.pointcloud.gltf import parse_gltf
from isthmus.data.pointcloud.las import parse_las
from isthmus.data.pointcloud.mesh import Mesh, sample_surface
from isthmus.data.pointcloud.pcd import parse_pcd
from isthmus.data.pointcloud.ply import parse_ply
from isthmus.data.pointcloud.polygons import parse_obj, parse_off
from isthmus.data.pointcloud.shape import Shape, Up
from isthmus.data.pointcloud.stl import parse_stl
from isthmus.data.pointcloud.sweeps import KITTI, NUSCENES, parse_sweep
from isthmus.data.pointcloud.threemf import parse_3mf

Real = TypeVar("Real", bound=npt.NDArray[Any])

MAX_FILE_BYTES = 256 * 2**20
MAX_POINTS = 10_000_000  # points, or vertices or faces of a mesh

# OBJ comes from modelling tools, which are y up by custom, glTF by its law, DAE where it says no other; the others from
# scanners, CAD and ModelNet, all z up.
DEFAULT_UP: dict[str, Up] = {name: "y" if name in ("obj", "gltf", "dae") else "z" for name in FORMATS}

# A table of numbers, whose columns a user may name.
_WITH_COLUMNS = ("xyz", "npy", "bin", "bin5")


def read_point_cloud(
    source: str | Path | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002 (the word a user would look for)
    points: int = 2048,
    seed: int = 0,
    up: Up | None = None,
    columns: str = "",
) -> PointCloud:
    """One cloud, z up, from a file or a binary stream.

    Args:
        source: a path, or a binary stream read to its end (a pipe: `sys.stdin.buffer`).
        format: one of `FORMATS`; where None the path's suffix decides. A stream needs it.
        points: points drawn on the surface where the file holds a mesh. A file of points gives all it has.
        seed: seed of that drawing; the same file, points and seed give the same cloud.
        up: the axis that points up in the file, where it is neither what the file says nor the format's usual one
            (`DEFAULT_UP`).
        columns: what those of a table (`xyz`, `npy`, `bin`) hold, as `Columns.parse` takes it; "" to tell by the file.

    Points without a finite place are left out and counted (`PointCloud.left_out_count`).

    Raises:
        InputError: no such file, unknown format, over the limits, or damaged.
        MissingDependencyError: the format needs a package that is not installed.
    """
    name = str(source) if isinstance(source, str | Path) else "standard input"
    if points < 1 or points > MAX_POINTS:
        raise InputError(f"expected 1 to {MAX_POINTS} points to draw, got {points}")
    if format is not None:
        format_name = format
    elif isinstance(source, str | Path):
        format_name = format_of(source)
    else:
        raise InputError(f"{name}: expected a format for a stream, got none; give one of {', '.join(FORMATS)}")
    if format_name not in FORMATS:
        raise InputError(f"{name}: expected a format of {', '.join(FORMATS)}, got {format_name!r}")
    data = read_source(source, "a point cloud", MAX_FILE_BYTES)
    folder = Path(source).parent if isinstance(source, str | Path) else None
    try:
        shape = _parse(data, format_name, Columns.parse(columns) if columns else None, folder)
        found = shape.geometry
        if isinstance(found, Mesh):
            found = sample_surface(found, points, np.random.default_rng(seed))
        if found.dtype.kind != "f":
            found = found.astype(np.float64)  # an unsigned number has no opposite to be turned to
        return PointCloud.of(to_z_up(found, up or shape.up or DEFAULT_UP[format_name]), shape.notes)
    except (InputError, MissingDependencyError) as error:
        raise type(error)(f"{name} (read as {format_name}): {error}") from error


def point_cloud_paths(inputs: Iterable[str | Path]) -> list[Path]:
    """Files as given; folders replaced by the point cloud files under them, at any depth, sorted by path.

    Hidden files and folders inside a given folder are passed over.

    Raises:
        InputError: an input does not exist, or a folder holds no such file.
    """
    return found_files(inputs, tuple(SUFFIXES), "point cloud")


def to_z_up(points: Real, up: Up) -> Real:
    """Turn points [P, 3] so that z is up: from y up a quarter turn about x, (x, y, z) to (x, -z, y)."""
    if up == "z":
        return points
    if up != "y":
        raise InputError(f"expected an up axis y or z, got {up!r}")
    turned: Real = np.stack((points[:, 0], -points[:, 2], points[:, 1]), axis=1)  # type: ignore[assignment]  # of its type
    return turned


def _parse(data: bytes, format_name: str, columns: Columns | None, folder: Path | None) -> Shape:
    """What is in the file, which lies in a folder; None for a stream."""
    if columns is not None and format_name not in _WITH_COLUMNS:
        raise InputError(
            f"expected no columns for this format, which names its own; they are for {', '.join(_WITH_COLUMNS)}"
        )
    bin_rows = NUSCENES if format_name == "bin5" else KITTI
    readers: dict[str, Callable[[], Shape]] = {
        "xyz": lambda: Shape(parse_xyz(data, MAX_POINTS, columns)),
        "npy": lambda: Shape(parse_npy(data, MAX_POINTS, columns)),
        "bin": lambda: Shape(*parse_sweep(data, MAX_POINTS, bin_rows, columns)),
        "bin5": lambda: Shape(*parse_sweep(data, MAX_POINTS, bin_rows, columns)),
        "off": lambda: Shape(parse_off(data, MAX_POINTS)),
        "obj": lambda: Shape(parse_obj(data, MAX_POINTS)),
        "ply": lambda: Shape(parse_ply(data, MAX_POINTS)),
        "pcd": lambda: Shape(parse_pcd(data, MAX_POINTS)),
        "stl": lambda: Shape(parse_stl(data, MAX_POINTS)),
        "las": lambda: Shape(*parse_las(data, MAX_POINTS)),
        "e57": lambda: Shape(*parse_e57(data, MAX_POINTS)),
        "pcap": lambda: parse_pcap(data),
        "gltf": lambda: parse_gltf(data, MAX_POINTS, folder),
        "3mf": lambda: parse_3mf(data, MAX_POINTS),
        "dae": lambda: parse_dae(data, MAX_POINTS),
    }
    return readers[format_name]()
