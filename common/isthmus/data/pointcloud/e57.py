"""E57: scans of terrestrial laser scanners, with their poses. Needs pye57 (extra `e57`).

Source: ASTM E2807. All scans of a file are joined in the file's own coordinates. Points that a scan marks as invalid
come out without a place (NaN), so that they are counted and left out as beams without a return. Colours, intensities,
times and images are passed over.

The C++ library behind pye57 runs in a process of its own (`isthmus.data.apart`), and is given no XML that declares
entities.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.apart import run_apart
from isthmus.data.pointcloud.scene import rotation

MAX_SCANS = 10_000

_HEADER = struct.Struct("<8sIIQQQQ")  # signature, version, length of the file; place and length of its XML; page
_PAGE_BYTES, _CHECKSUM_BYTES = 1024, 4
_MAX_XML_BYTES = 64 << 20
_COUNTS = struct.Struct("<QQ")
_BLOCK_POINTS = 1 << 18
_SYSTEMS = {"cartesian": ("X", "Y", "Z"), "spherical": ("Range", "Azimuth", "Elevation")}

Float64 = npt.NDArray[np.float64]


def parse_e57(data: bytes, max_count: int) -> tuple[Float64, tuple[str, ...]]:
    """Points [P, 3] of all scans, those marked as invalid NaN; and notes.

    Args:
        data: the whole file.
        max_count: the most points that are accepted, in all scans together.

    Raises:
        InputError: not E57, or damaged.
        MissingDependencyError: pye57 is not installed.
    """
    check_xml(data)
    if find_spec("pye57") is None:
        raise MissingDependencyError("E57 needs pye57: pip install 'isthmus[e57]'; or save it as PLY, LAS or PCD")
    answer = run_apart(join_scans, data, "E57", str(max_count))
    scans, invalid = _COUNTS.unpack_from(answer)
    points = np.frombuffer(answer, np.float64, offset=_COUNTS.size).reshape(-1, 3)
    notes = (f"{scans} scans joined by their poses",) if scans > 1 else ()
    if invalid:
        notes = (*notes, f"{invalid} of {len(points)} points marked as invalid")
    return points, notes


def check_xml(data: bytes) -> None:
    """The part that says what the scans are: within the file, in UTF-8, and without entities, which may grow.

    Raises:
        InputError: it is not.
    """
    if len(data) < _HEADER.size or data[:8] != b"ASTM-E57":
        raise InputError(f"expected E57, which begins with ASTM-E57, got {data[:8]!r}")
    *_, at, size, page = _HEADER.unpack_from(data)
    if page != _PAGE_BYTES or not 0 < size <= _MAX_XML_BYTES or not _HEADER.size <= at < len(data):
        raise InputError(
            f"expected E57 in pages of {_PAGE_BYTES} bytes, with XML of up to {_MAX_XML_BYTES} bytes within "
            f"{len(data)}, got pages of {page} and {size} bytes at {at}"
        )
    first = at // page * page
    pages = (data[start : start + page - _CHECKSUM_BYTES] for start in range(first, len(data), page))
    xml = bytearray()
    for part in pages:
        xml += part[at - first :] if not xml else part
        if len(xml) >= size:
            break
    head = bytes(xml[:200]).lstrip(b"\xef\xbb\xbf").split(b"?>")[0].lower()
    if not head.startswith(b"<") or b"\0" in xml[:size] or (b"encoding" in head and b"utf-8" not in head):
        raise InputError("expected E57 with XML in UTF-8, got another encoding, or no XML where the header says")
    if b"<!" in xml[:size].replace(b"<![CDATA[", b"").replace(b"<!--", b""):
        raise InputError("expected E57 whose XML declares no types or entities, got <!DOCTYPE or the like")


def join_scans(data: bytes, max_count: str) -> bytes:
    """What `parse_e57` makes its points of; apart, as damaged data may end the process."""
    from pye57 import libe57

    with _memory_file(data) as path:
        try:
            file = libe57.ImageFile(path, "r")
            scans = file.root()["data3D"]
            if len(scans) > MAX_SCANS:
                raise InputError(f"expected at most {MAX_SCANS} scans, got {len(scans)}")
            nodes = [scans[k] for k in range(len(scans))]
            total = sum(int(node["points"].childCount()) for node in nodes)
            if not 0 < total <= int(max_count):
                raise InputError(f"expected 1 to {max_count} points in {len(nodes)} scans, got {total}")
            points = np.empty((total, 3))
            invalid = end = 0
            for node in nodes:
                start, end = end, end + int(node["points"].childCount())
                invalid += _read_scan(libe57, file, node, points[start:end])
        except (libe57.E57Exception, RuntimeError, ValueError, TypeError, AttributeError) as error:
            said = " ".join(str(error).split())[:200]
            raise InputError(f"expected a whole E57, got a damaged one: {said}") from error
    return _COUNTS.pack(len(nodes), invalid) + points.tobytes()


@contextmanager
def _memory_file(data: bytes) -> Iterator[str]:
    """The path of a file of these bytes, as the library opens by name; nothing is left of it, however this ends."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile(suffix=".e57") as file:
            file.write(data)
            file.flush()
            yield file.name
        return
    handle = os.memfd_create("e57")
    with os.fdopen(handle, "wb") as memory:
        memory.write(data)
        memory.flush()
        yield f"/proc/self/fd/{handle}"


def _read_scan(libe57: Any, file: Any, scan: Any, points: Float64) -> int:
    """Fill points [P, 3] of one scan, where its pose puts them; answers how many it marks as invalid."""
    vector = scan["points"]
    prototype = libe57.StructureNode(vector.prototype())
    names = {prototype.get(k).elementName() for k in range(prototype.childCount())}
    kind = next((k for k, axes in _SYSTEMS.items() if names.issuperset(k + axis for axis in axes)), None)
    if kind is None:
        raise InputError(
            f"expected scans with cartesian or spherical coordinates, got {', '.join(sorted(names))[:200]}"
        )
    buffers = libe57.VectorSourceDestBuffer()
    columns = np.zeros((3, _BLOCK_POINTS))
    state = np.zeros(_BLOCK_POINTS, np.int8)
    for name, array in [*zip((kind + a for a in _SYSTEMS[kind]), columns, strict=True), (f"{kind}InvalidState", state)]:
        if name in names:
            buffers.append(libe57.SourceDestBuffer(file, name, array, _BLOCK_POINTS, True, True))  # noqa: FBT003
    reader = vector.reader(buffers)
    at = invalid = 0
    while count := reader.read():
        if at + count > len(points):
            raise InputError(f"expected {len(points)} points in a scan, got more")
        block = points[at : at + count]
        block[:] = columns[:, :count].T
        marked = state[:count] != 0
        block[marked] = np.nan
        invalid += int(marked.sum())
        at += count
    reader.close()
    if at != len(points):
        raise InputError(f"expected {len(points)} points in a scan, got {at}")
    if kind == "spherical":
        points[:] = _cartesian(points)
    if scan.isDefined("pose"):
        turned, moved = _pose(scan["pose"])
        points[:] = points @ turned.T + moved
    return invalid


def _cartesian(points: Float64) -> Float64:
    """Of range, azimuth and elevation [P, 3], angles in radians, elevation from the plane of x and y."""
    distance, azimuth, elevation = points.T
    flat = distance * np.cos(elevation)
    return np.stack((flat * np.cos(azimuth), flat * np.sin(azimuth), distance * np.sin(elevation)), 1)


def _pose(pose: Any) -> tuple[Float64, Float64]:
    """A rotation [3, 3] and a translation [3]: of a scan's coordinates to the file's."""
    turned, moved = np.eye(3), np.zeros(3)
    if pose.isDefined("rotation"):
        turned = rotation(*(float(pose["rotation"][axis].value()) for axis in "xyzw"))
    if pose.isDefined("translation"):
        moved = np.array([pose["translation"][axis].value() for axis in "xyz"], np.float64)
    return turned, moved
