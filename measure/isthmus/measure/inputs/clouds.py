"""Small files of points and meshes, of every format and each way in which it is written."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

POINTS: Array = np.random.default_rng(7).integers(-9, 9, (24, 3)) / 2
SQUARE = ((0, 0, 0), (2, 0, 0), (2, 2, 0), (1, 1, 0), (0, 2, 0))
"""A face that is not convex."""
FACETS = ((SQUARE[0], SQUARE[1], SQUARE[3]), (SQUARE[0], SQUARE[3], SQUARE[4]))
PLY_MESH = "element face 1\nproperty list uchar int vertex_indices\n"


def npy(array: Array) -> bytes:
    """NumPy's file of an array."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    """NumPy's file of several arrays."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def text(rows: Sequence[Sequence[object]] | Array, between: str = " ") -> str:
    """A row a line."""
    return "".join(between.join(map(str, row)) + "\n" for row in rows)


def xyz_files() -> tuple[bytes, ...]:
    """With blanks, headings, decimal commas, a count, marks of bytes."""
    named = "id,x,y,z\n" + text([(i, *row) for i, row in enumerate(POINTS.tolist())], ",")
    return (
        text(POINTS.tolist()).encode(),
        named.encode("utf-8-sig"),
        text(POINTS.tolist(), ";").replace(".", ",").encode(),
        f"{len(POINTS)}\n{text(POINTS.tolist(), chr(9))}".encode("utf-16"),
    )


def npy_files() -> tuple[bytes, ...]:
    """Of either byte order, Fortran's order, fields."""
    fields = np.zeros(len(POINTS), [("x", "<f4"), ("t", "u1"), ("y", ">f8"), ("z", "<i2")])
    fields["x"] = POINTS[:, 0]
    return npy(POINTS.astype("<f4")), npy(np.asfortranarray(POINTS.astype(">f8"))), npy(fields)


def sweep_files(extra: int) -> tuple[bytes, ...]:
    """Rows of x, y, z and so many numbers more, of both widths."""
    more = np.random.default_rng(3).random((len(POINTS), extra))
    rows = np.c_[POINTS * 3 + 0.17, more]
    return rows.astype("<f4").tobytes(), rows.astype("<f8").tobytes()


def bin_files() -> tuple[bytes, ...]:
    """As KITTI's."""
    return sweep_files(1)


def bin5_files() -> tuple[bytes, ...]:
    """As nuScenes'."""
    return sweep_files(2)[:1]


def ply_files() -> tuple[bytes, ...]:
    """Text, both byte orders; points and meshes."""
    found = []
    for kind, order in (("ascii", ""), ("binary_little_endian", "<"), ("binary_big_endian", ">")):
        for vertices, is_mesh in ((POINTS.tolist(), False), (SQUARE, True)):
            head = (
                f"ply\nformat {kind} 1.0\ncomment made here\nelement vertex {len(vertices)}\nproperty float x\n"
                f"property float y\nproperty float z\n{PLY_MESH if is_mesh else ''}end_header\n"
            )
            corners = tuple(range(len(SQUARE)))
            if order:
                body = np.asarray(vertices, f"{order}f4").tobytes()
                body += struct.pack(f"{order}B5i", 5, *corners) if is_mesh else b""
            else:
                body = (text(vertices) + (text([(5, *corners)]) if is_mesh else "")).encode()
            found.append(head.encode() + body)
    return tuple(found)


def pcd_files() -> tuple[bytes, ...]:
    """Text, binary, compressed; mixed types, padding."""
    sizes = (("x", "f4"), ("y", "f8"), ("_", "u1"), ("z", "i2"))
    columns = [np.round(POINTS[:, place % 3]).astype(kind) for place, (_, kind) in enumerate(sizes)]
    columns[3] = np.round(POINTS[:, 2]).astype("i2")

    def head(kind: str) -> bytes:
        return (
            f"# .PCD v0.7\nVERSION 0.7\nFIELDS {' '.join(n for n, _ in sizes)}\n"
            f"SIZE {' '.join(k[1] for _, k in sizes)}\nTYPE {' '.join(k[0].upper() for _, k in sizes)}\n"
            f"COUNT 1 1 1 1\nWIDTH {len(POINTS)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(POINTS)}\n"
            f"DATA {kind}\n"
        ).encode()

    rows = np.zeros(len(POINTS), [(name, kind) for name, kind in sizes])
    for (name, _), column in zip(sizes, columns, strict=True):
        rows[name] = column
    planes = b"".join(c.tobytes() for place, c in enumerate(columns) if place != 2)
    packed = b"".join(
        bytes((len(part) - 1,)) + part for part in (planes[i : i + 32] for i in range(0, len(planes), 32))
    )
    return (
        head("ascii") + text(np.stack(columns, 1).tolist()).encode(),
        head("binary") + rows.tobytes(),
        head("binary_compressed") + struct.pack("<II", len(packed), len(planes)) + packed,
    )


def off_files() -> tuple[bytes, ...]:
    """A mesh, and corners alone."""
    mesh = f"OFF # a mesh\n{len(SQUARE)} 1 0\n{text(SQUARE)}5 0 1 2 3 4 255 0 0\n"
    return mesh.encode(), f"OFF\n{len(POINTS)} 0 0\n{text(POINTS.tolist())}".encode()


def obj_files() -> tuple[bytes, ...]:
    """A mesh, with textures and counted from the end."""
    corners = "".join(f"v {line}\n" for line in text(SQUARE).splitlines())
    return (
        f"mtllib none.mtl\n{corners}vt 0 0\nf 1/1 2/1 3/1 4/1 5/1\n".encode(),
        f"{corners}f -5//1 -4//1 \\\n-3//1\nl 1 2\n".encode(),
    )


def stl_files() -> tuple[bytes, ...]:
    """Binary, and text."""
    rows = b"".join(struct.pack("<12fH", 0, 0, 1, *np.ravel(corners).tolist(), 0) for corners in FACETS)
    facets = "".join(
        "facet normal 0 0 1\nouter loop\n"
        + "".join(f"vertex {x} {y} {z}\n" for x, y, z in corners)
        + "endloop\nendfacet\n"
        for corners in FACETS
    )
    return struct.pack("<80xI", len(FACETS)) + rows, f"solid s\n{facets}endsolid s\n".encode()


def las_files() -> tuple[bytes, ...]:
    """LAS 1.2 of format 0, in halves of a metre."""
    rows = b"".join(struct.pack("<3i8x", *np.rint(2 * p).astype(int).tolist()) for p in POINTS)
    head = struct.pack(
        "<4s20xBB68xHIIBHI20x6d48x", b"LASF", 1, 2, 227, 227, 0, 0, 20, len(POINTS), *[0.5] * 3, *[0.0] * 3
    )
    return (head + rows,)
