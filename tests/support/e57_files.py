"""E57 files of a few points, written node by node by the C++ library behind pye57."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.measure.inputs.sums import crc32c

Array = npt.NDArray[Any]

PAGE_BYTES = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Columns by their names; a pose as it is written, w x y z and x y z, either of them perhaps not.

    Attributes:
        scales: of the columns that are whole numbers times such a one.
    """

    columns: dict[str, Array]
    rotation: Sequence[float] | Array = ()
    translation: Sequence[float] | Array = ()
    scales: dict[str, float] = field(default_factory=dict)


def cartesian(points: Array, invalid: Array | None = None) -> dict[str, Array]:
    found = {f"cartesian{axis}": points[:, k].astype(np.float64) for k, axis in enumerate("XYZ")}
    return found if invalid is None else found | {"cartesianInvalidState": invalid}


def e57(*scans: Scan) -> bytes:
    from pye57 import libe57

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.e57"
        file = libe57.ImageFile(str(path), "w")
        file.extensionsAdd("", libe57.E57_V1_0_URI)
        root = file.root()
        root.set("formatName", libe57.StringNode(file, "ASTM E57 3D Imaging Data File"))
        root.set("guid", libe57.StringNode(file, "{0}"))
        root.set("versionMajor", libe57.IntegerNode(file, 1))
        root.set("versionMinor", libe57.IntegerNode(file, 0))
        root.set("data3D", libe57.VectorNode(file, True))  # noqa: FBT003
        for scan in scans:
            _add(libe57, file, scan)
        file.close()
        return path.read_bytes()


def _add(libe57: Any, file: Any, scan: Scan) -> None:
    node = libe57.StructureNode(file)
    node.set("guid", libe57.StringNode(file, "{1}"))
    pose = libe57.StructureNode(file)
    for name, axes, numbers in (("rotation", "wxyz", scan.rotation), ("translation", "xyz", scan.translation)):
        part = libe57.StructureNode(file)
        for axis, number in zip(axes, numbers, strict=False):
            part.set(axis, libe57.FloatNode(file, float(number)))
        if len(numbers):
            pose.set(name, part)
    if len(scan.rotation) or len(scan.translation):
        node.set("pose", pose)
    prototype = libe57.StructureNode(file)
    buffers = libe57.VectorSourceDestBuffer()
    count = len(next(iter(scan.columns.values())))
    for name, column in scan.columns.items():
        whole = np.ascontiguousarray(column)
        if name in scan.scales:
            scale = scan.scales[name]
            prototype.set(name, libe57.ScaledIntegerNode(file, 0, -(2**31), 2**31 - 1, scale, 0.0))
        elif whole.dtype.kind == "f":
            prototype.set(name, libe57.FloatNode(file, 0.0, libe57.E57_DOUBLE, -1e300, 1e300))
        else:
            prototype.set(name, libe57.IntegerNode(file, 0, 0, 255))
        buffers.append(libe57.SourceDestBuffer(file, name, whole, count, True, name in scan.scales))  # noqa: FBT003
    points = libe57.CompressedVectorNode(file, prototype, libe57.VectorNode(file, True))  # noqa: FBT003
    node.set("points", points)
    file.root()["data3D"].append(node)
    writer = points.writer(buffers)
    writer.write(count)
    writer.close()


def with_checksums(data: bytes) -> bytes:
    """The same with the checksum that each page should have, so that damage is not found by it alone."""
    pages = (data[at : at + PAGE_BYTES - 4] for at in range(0, len(data) - PAGE_BYTES + 1, PAGE_BYTES))
    return b"".join(page + struct.pack(">I", crc32c(page)) for page in pages)
