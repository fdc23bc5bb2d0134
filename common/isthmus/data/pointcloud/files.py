"""Point clouds from files and pipes: nine formats, one door.

`read_point_cloud` takes the whole file as bytes, bounded in size, and hands it to the reader of its format. What a
header claims is checked against limits and against the bytes there are *before* anything of that size is
allocated. Meshes become points by drawing evenly over their surface. XYZ, NPY and BIN are read here, OFF and OBJ
by `polygons`, PLY by `ply`; PCD and STL by Open3D (`scans`), imported only when such a file comes.

The cloud comes out z up (`DEFAULT_UP` says what each format is taken to be).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.signals import PointCloud
from isthmus.data.inputs import found_files, read_source
from isthmus.data.pointcloud.formats import FORMATS, SUFFIXES, format_of
from isthmus.data.pointcloud.mesh import Mesh, sample_surface
from isthmus.data.pointcloud.ply import parse_ply
from isthmus.data.pointcloud.polygons import parse_obj, parse_off
from isthmus.data.pointcloud.scans import SCAN_FORMATS, parse_scan

Up = Literal["y", "z"]
Float32 = npt.NDArray[np.float32]

MAX_FILE_BYTES = 256 * 2**20
MAX_POINTS = 10_000_000  # points, or vertices or faces of a mesh

# OBJ comes from modelling tools, which are y up by custom; the others from scanners, CAD and ModelNet, all z up.
DEFAULT_UP: dict[str, Up] = {name: "y" if name == "obj" else "z" for name in FORMATS}


def read_point_cloud(
    source: str | Path | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002 (the word a user would look for)
    points: int = 2048,
    seed: int = 0,
    up: Up | None = None,
) -> PointCloud:
    """One cloud, z up, from a file or a binary stream.

    Args:
        source: a path, or a binary stream read to its end (a pipe: `sys.stdin.buffer`).
        format: one of `FORMATS`; where None the path's suffix decides. A stream needs it.
        points: points drawn on the surface where the file holds a mesh. A file of points gives all it has.
        seed: seed of that drawing; the same file, points and seed give the same cloud.
        up: the axis that points up in the file, where it is not the format's usual one (`DEFAULT_UP`).

    Raises:
        InputError: no such file, unknown format, over the limits, or damaged.
        MissingDependencyError: a PCD or STL, and Open3D cannot be imported.
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
    try:
        found = _parse(data, format_name)
        if isinstance(found, Mesh):
            found = sample_surface(found, points, np.random.default_rng(seed))
        return PointCloud(to_z_up(found, up or DEFAULT_UP[format_name]))
    except InputError as error:
        raise InputError(f"{name} (read as {format_name}): {error}") from error


def point_cloud_paths(inputs: Iterable[str | Path]) -> list[Path]:
    """Files as given; folders replaced by the point cloud files under them, at any depth, sorted by path.

    Hidden files and folders inside a given folder are passed over.

    Raises:
        InputError: an input does not exist, or a folder holds no such file.
    """
    return found_files(inputs, tuple(SUFFIXES), "point cloud")


def to_z_up(points: Float32, up: Up) -> Float32:
    """Turn points [P, 3] so that z is up: from y up a quarter turn about x, (x, y, z) to (x, -z, y)."""
    if up == "z":
        return points
    if up != "y":
        raise InputError(f"expected an up axis y or z, got {up!r}")
    return np.stack((points[:, 0], -points[:, 2], points[:, 1]), axis=1)


def _parse(data: bytes, format_name: str) -> Mesh | Float32:
    if format_name in SCAN_FORMATS:
        return parse_scan(data, format_name, MAX_POINTS)
    readers: dict[str, Callable[[bytes], Mesh | Float32]] = {
        "off": lambda b: parse_off(b, MAX_POINTS),
        "obj": lambda b: parse_obj(b, MAX_POINTS),
        "ply": lambda b: parse_ply(b, MAX_POINTS),
        "xyz": _parse_xyz,
        "npy": _parse_npy,
        "bin": lambda b: _parse_floats(b, 4),
        "bin5": lambda b: _parse_floats(b, 5),
    }
    return readers[format_name](data)


def _parse_floats(data: bytes, columns: int) -> Float32:
    """Lidar sweeps: little-endian float32 rows, x y z first (KITTI: then intensity; nuScenes: and ring)."""
    row_bytes = 4 * columns
    if len(data) % row_bytes:
        raise InputError(f"expected rows of {columns} float32 ({row_bytes} bytes), got {len(data)} bytes")
    _check_count(len(data) // row_bytes, "points")
    return np.frombuffer(data, "<f4").reshape(-1, columns)[:, :3].astype(np.float32)


def _parse_npy(data: bytes) -> Float32:
    """An array [P, >= 3] of real numbers. The header is checked first: NumPy would allocate what it claims."""
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files written by Python 2 draw a warning and are read all the same
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read_header(file)
    except Exception as error:  # NumPy lets through whatever its parser of Python literals raises
        raise InputError(f"expected an .npy header: {error}") from error
    if dtype.kind not in "fiu":
        raise InputError(f"expected an array of real numbers, got elements of type {dtype}")
    if len(shape) != 2 or shape[1] < 3:
        raise InputError(f"expected an array [points, 3 or more], got shape {list(shape)}")
    _check_count(shape[0], "points")
    expected = shape[0] * shape[1] * dtype.itemsize
    if len(data) - file.tell() != expected:
        raise InputError(f"expected {expected} bytes of array for shape {list(shape)}, got {len(data) - file.tell()}")
    array = np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")
    with np.errstate(over="ignore"):
        return array[:, :3].astype(np.float32)


def _parse_xyz(data: bytes) -> Float32:
    """Rows of x y z and whatever follows, apart by blanks, commas or semicolons; `#` and `//` start comments.

    One heading line (names of columns, or the number of points on its own) may come first.
    """
    lines = _data_lines(data)
    if lines and not _is_row(lines[0]):
        lines = lines[1:]
    if not lines:
        raise InputError("expected rows of x y z, got no row of three numbers")
    _check_count(len(lines), "points")
    try:
        rows = np.loadtxt(lines, dtype=np.float64, usecols=(0, 1, 2), ndmin=2, comments=None)
    except ValueError as error:
        raise InputError(f"expected rows of x y z: {error}") from error
    with np.errstate(over="ignore"):
        return rows.astype(np.float32)


def _data_lines(data: bytes) -> Sequence[str]:
    if b"\0" in data:
        raise InputError("expected text, got a zero byte")
    text = data.decode("latin-1").replace(",", " ").replace(";", " ").replace("//", "#")
    return [line for line in (raw.partition("#")[0].strip() for raw in text.splitlines()) if line]


def _is_row(line: str) -> bool:
    try:
        return len([float(token) for token in line.split()[:3]]) == 3
    except ValueError:
        return False


def _check_count(count: int, what: str) -> None:
    if not 0 < count <= MAX_POINTS:
        raise InputError(f"expected 1 to {MAX_POINTS} {what}, got {count}")
