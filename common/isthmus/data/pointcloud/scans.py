"""PCD and STL through Open3D, behind checks of what their headers claim.

Open3D reads only from paths, so the bytes go through a temporary file. It reports failure in a log line and returns
an empty geometry, or one padded with zeros: so its log is caught, kept off the terminal, and any warning in it is an
error here. Its readers allocate what headers claim: so those are held against the limit and the bytes there are, and
Open3D is handed a header written anew from what was checked, so that it cannot understand it otherwise.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.pointcloud.mesh import Mesh

SCAN_FORMATS = ("pcd", "stl")

MAX_HEADER_BYTES = 2**16
MAX_ROW_VALUES = 1000  # numbers of a PCD point

_PCD_KEYS = ("VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "POINTS")
_COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
_one_at_a_time = threading.Lock()  # the log is caught for the whole process


def parse_scan(data: bytes, format_name: str, max_count: int) -> Mesh | npt.NDArray[np.float32]:
    """A mesh, or points float32 [P, 3] where the file has no faces.

    Points of a PCD with a NaN coordinate are left out: that is how the format marks a beam that did not return.

    Args:
        data: the whole file.
        format_name: one of `SCAN_FORMATS`.
        max_count: the most points, vertices or faces that are accepted.

    Raises:
        InputError: damaged, or over the limit.
        MissingDependencyError: Open3D cannot be imported.
    """
    # Each check gives: are there faces, and the bytes with a header that leaves nothing open.
    checks = {"pcd": _check_pcd, "stl": _check_stl}
    has_faces, checked = checks[format_name](data, max_count)
    geometry = _read(_open3d(), checked, format_name, has_faces=has_faces)
    if has_faces:
        vertices, triangles = np.asarray(geometry.vertices), np.asarray(geometry.triangles)
        if len(triangles):
            return Mesh(vertices.astype(np.float64), triangles.astype(np.int64))
        raise InputError("expected faces as the header says, got none that could be read")
    with np.errstate(over="ignore"):
        points = np.asarray(geometry.points).astype(np.float32)
    if format_name == "pcd":
        points = points[~np.isnan(points).any(1)]
    if not len(points):
        raise InputError("expected points, got none that could be read")
    return points


def _open3d() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import open3d
    except (ImportError, OSError) as error:
        hint = "pip install 'isthmus[scan]'"
        if "libusb" in str(error):
            hint += " and the system library libusb-1.0 (Debian, Ubuntu: apt install libusb-1.0-0)"
        raise MissingDependencyError(
            f"PCD and STL files need Open3D, which could not be imported ({error}): {hint}"
        ) from error
    return open3d


def _read(open3d: Any, data: bytes, format_name: str, *, has_faces: bool) -> Any:
    with _one_at_a_time, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cloud.{format_name}"
        path.write_bytes(data)
        reader = open3d.io.read_triangle_mesh if has_faces else open3d.io.read_point_cloud
        level = open3d.utility.VerbosityLevel.Warning
        try:
            with _caught_output() as log, open3d.utility.VerbosityContextManager(level):
                geometry = reader(str(path))
        except (RuntimeError, MemoryError) as error:
            raise InputError(f"expected a {format_name} file that Open3D can read: {error}") from error
    if log:
        said = _COLOUR_CODE.sub("", " ".join(log)).replace(str(path), "the file").strip()
        raise InputError(f"expected a {format_name} file that Open3D can read, it says: {said[:300]}")
    return geometry


@contextlib.contextmanager
def _caught_output() -> Iterator[list[str]]:
    """What is written to `sys.stdout` and to the process's standard error meanwhile; the list is filled at the end.

    Open3D logs through Python's standard output; libraries beneath it write to the C standard error.
    """
    lines: list[str] = []
    python_out = io.StringIO()
    with tempfile.TemporaryFile() as native_err:
        saved = os.dup(2)
        os.dup2(native_err.fileno(), 2)
        try:
            with contextlib.redirect_stdout(python_out):
                yield lines
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            native_err.seek(0)
            text = python_out.getvalue() + native_err.read().decode("utf-8", "replace")
            lines += [line for line in text.splitlines() if "WARNING" in line or "rror" in line]


def _check_pcd(data: bytes, max_count: int) -> tuple[bool, bytes]:
    """A PCD never has faces. Header: https://pointclouds.org/documentation/tutorials/pcd_file_format.html."""
    end = re.search(rb"(?:^|\n)DATA[ \t]+(\w+)[ \t]*\r?\n", data[:MAX_HEADER_BYTES])
    if end is None:
        raise InputError(f"expected a PCD header (... DATA kind) in the first {MAX_HEADER_BYTES} bytes")
    lines = data[: end.start()].decode("latin-1").splitlines()
    found = {words[0]: words[1:] for line in lines if (words := line.split())}
    found.setdefault("COUNT", ["1"] * len(found.get("FIELDS", ())))
    missing = [key for key in _PCD_KEYS if key not in found]
    fields, types = found.get("FIELDS", []), found.get("TYPE", [])
    sizes = [_count(word, "PCD SIZE", 8) for word in found.get("SIZE", ())]
    counts = [_count(word, "PCD COUNT", MAX_ROW_VALUES) for word in found["COUNT"]]
    if missing or not 3 <= len(fields) == len(sizes) == len(types) == len(counts) <= MAX_ROW_VALUES:
        raise InputError(f"expected a PCD header with {' '.join(_PCD_KEYS)}, and one SIZE, TYPE and COUNT a field")
    if not set(types) <= {"F", "I", "U"} or not {"x", "y", "z"} <= set(fields) or 0 in sizes or 0 in counts:
        raise InputError("expected PCD fields x y z of types F, I or U, and no SIZE or COUNT of 0")
    width, height, points = (
        _count(" ".join(found[key]), f"PCD {key}", max_count) for key in ("WIDTH", "HEIGHT", "POINTS")
    )
    if points != width * height:
        raise InputError(f"expected WIDTH x HEIGHT = POINTS in the PCD header, got {width} x {height}, {points}")
    row_bytes = sum(size * count for size, count in zip(sizes, counts, strict=True))
    body, kind = data[end.end() :], end.group(1).decode()
    if kind == "ascii":
        expected, got, unit = points * sum(counts), len(body.split()), "numbers"
    elif kind == "binary":
        expected, got, unit = points * row_bytes, len(body), "bytes"
    elif kind == "binary_compressed" and len(body) >= 8:
        packed, unpacked = struct.unpack_from("<II", body)
        if unpacked != points * row_bytes:
            raise InputError(f"expected {points * row_bytes} bytes of PCD points unpacked, got a claim of {unpacked}")
        expected, got, unit = packed, len(body) - 8, "packed bytes"
    else:
        raise InputError(f"expected PCD data ascii, binary or binary_compressed, got {kind[:20]!r}, {len(body)} bytes")
    if got < expected:
        raise InputError(f"expected {expected} {unit} of PCD points, got {got}")
    header = "".join(f"{key} {' '.join(found[key])}\n" for key in _PCD_KEYS) + f"DATA {kind}\n"
    return False, header.encode("latin-1") + body


def _check_stl(data: bytes, max_count: int) -> tuple[bool, bytes]:
    """An STL always has faces: 50 bytes each in a binary file, one `endfacet` each in a text."""
    claimed = int.from_bytes(data[80:84], "little") if len(data) >= 84 else -1
    if claimed >= 0 and len(data) == 84 + 50 * claimed:
        faces = claimed
    elif data.lstrip()[:5].lower() == b"solid":
        faces = data.lower().count(b"endfacet")
    else:
        raise InputError(f"expected an STL: 'solid ...', or 84 bytes and 50 for each face, got {len(data)} bytes")
    if not 0 < faces <= max_count:
        raise InputError(f"expected 1 to {max_count} faces, got {faces}")
    return True, data


def _count(word: str, what: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", word) or int(word) > most:
        raise InputError(f"expected {what} as a whole number up to {most}, got {word[:40]!r}")
    return int(word)
