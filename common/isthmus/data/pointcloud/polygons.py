"""Polygon meshes in text: OFF, the format of ModelNet, and OBJ, that of modelling tools.

Sources: Geomview's Object File Format (https://shape.cs.princeton.edu/benchmark/documentation/off_format.html) and
Wavefront's OBJ (http://paulbourke.net/dataformats/obj/). Read here:

- OFF with its counts on the line of the word `OFF`, on the next, or glued to it as in part of ModelNet
  (`OFF490 518 0`); COFF, NOFF and so on, their extra columns passed over; `#` comments; colours after a face.
  Not binary OFF, not 4-D OFF.
- OBJ: `v` and `f` lines, indices from one end or the other (`-1`), `f 1/2/3`, lines continued with a backslash.
  The rest (normals, textures, groups, materials) is passed over, and no other file is opened.

Faces of any number of corners are cut into triangles (`triangulate`).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.pointcloud.triangulate import triangulated
from isthmus.data.text import plain_text

MAX_CORNERS = 1000  # of one face

Vertices = npt.NDArray[np.float64]

_OFF_WORD = re.compile(r"(?:ST)?C?N?OFF(?![a-z])", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,18}")


def parse_off(data: bytes, max_count: int) -> Mesh | Vertices:
    """A mesh, or the vertices [V, 3] where no face has three corners.

    Args:
        data: the whole file.
        max_count: the most vertices, and the most triangles, that are accepted.

    Raises:
        InputError: not OFF, or damaged; the message says where.
    """
    lines = _text_lines(plain_text(data))
    vertex_count, face_count, body = _off_header(lines)
    if not 0 < vertex_count <= max_count or face_count > max_count:
        raise InputError(
            f"expected 1 to {max_count} vertices and up to as many faces, got a header of "
            f"{vertex_count} vertices and {face_count} faces"
        )
    if len(lines) - body < vertex_count + face_count:
        raise InputError(
            f"expected {vertex_count} vertex lines and {face_count} face lines, got {len(lines) - body} lines"
        )
    first_face = body + vertex_count
    vertices = _table(lines[body:first_face], np.float64, (0, 1, 2), "vertices")
    faces = lines[first_face : first_face + face_count]
    if faces and all(line.startswith(("3 ", "3\t")) for line in faces):  # nearly every file: one table
        return Mesh(vertices, _table(faces, np.int64, (1, 2, 3), "faces"))
    corners: list[list[int]] = []
    for number, line in enumerate(faces):
        words = line.split()
        wanted = int(words[0]) if _COUNT.fullmatch(words[0]) else 0
        if not 1 <= wanted <= MAX_CORNERS or len(words) <= wanted:
            raise InputError(
                f"expected 1 to {MAX_CORNERS} corners and their indices in face {number}, got {line[:60]!r}"
            )
        corners.append(_indices(words[1 : 1 + wanted], number))
    return mesh_or_points(vertices, corners, max_count)


def parse_obj(data: bytes, max_count: int) -> Mesh | Vertices:
    """As `parse_off`, for OBJ."""
    data = plain_text(data)
    lines = _text_lines(data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" "))
    vertex_lines: list[str] = []
    corners: list[list[int]] = []
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertex_lines.append(rest)
        elif kind == "f":
            words = [word.partition("/")[0] for word in rest.split()]
            if not 1 <= len(words) <= MAX_CORNERS:
                raise InputError(f"expected 1 to {MAX_CORNERS} corners in face {len(corners)}, got {len(words)}")
            here = len(vertex_lines)  # a negative index counts back from the last vertex so far
            found = _indices(words, len(corners))
            if 0 in found:
                raise InputError(f"expected indices from 1 or below 0 in face {len(corners)}, got {line[:60]!r}")
            corners.append([i - 1 if i > 0 else here + i for i in found])
    if not 0 < len(vertex_lines) <= max_count:
        raise InputError(f"expected 1 to {max_count} lines 'v x y z', got {len(vertex_lines)}")
    return mesh_or_points(_table(vertex_lines, np.float64, (0, 1, 2), "vertices"), corners, max_count)


def _text_lines(data: bytes) -> list[str]:
    """Lines without comments, blanks around them, or nothing in them; tabs as spaces."""
    if b"\0" in data:
        raise InputError("expected text in UTF-8, got a zero byte (no binary form is read)")
    text = data.decode("latin-1").replace("\t", " ")
    return [line for line in (raw.partition("#")[0].strip() for raw in text.splitlines()) if line]


def _off_header(lines: list[str]) -> tuple[int, int, int]:
    """Vertex count, face count, and the line where the vertices start."""
    match = _OFF_WORD.match(lines[0]) if lines else None
    if match is None:
        raise InputError(f"expected a first line that starts with OFF, got {lines[0][:40] if lines else ''!r}")
    words, body = lines[0][match.end() :].split(), 1
    if not words and len(lines) > 1:
        words, body = lines[1].split(), 2
    if len(words) not in (2, 3) or not all(map(_COUNT.fullmatch, words)):
        raise InputError(f"expected counts 'vertices faces edges' after OFF, got {' '.join(words)[:60]!r}")
    return int(words[0]), int(words[1]), body


def _table(lines: list[str], dtype: type[Any], columns: tuple[int, ...], what: str) -> npt.NDArray[Any]:
    """Those columns of every line, [lines, columns]."""
    if not all(lines):  # an empty one would be passed over, and those behind it counted otherwise
        raise InputError(f"expected {len(columns)} numbers a line in the {what}, got none in one of them")
    try:
        return np.loadtxt(lines, dtype=dtype, usecols=columns, ndmin=2, comments=None)
    except (ValueError, OverflowError) as error:
        raise InputError(f"expected {len(columns)} numbers a line in the {what}: {error}") from error


def _indices(words: list[str], face: int) -> list[int]:
    try:
        found = [int(word) for word in words]
    except ValueError as error:
        raise InputError(f"expected vertex indices in face {face}, got {' '.join(words)[:60]!r}") from error
    if max(map(abs, found)) >= 2**62:
        raise InputError(f"expected vertex indices in face {face}, got {' '.join(words)[:60]!r}")
    return found


def mesh_or_points(vertices: Vertices, faces: list[list[int]], max_count: int) -> Mesh | Vertices:
    """Faces cut into triangles; the vertices [V, 3] as points where there is no face of three corners."""
    triangle_count = sum(max(len(face) - 2, 0) for face in faces)
    if triangle_count > max_count:
        raise InputError(f"expected at most {max_count} triangles, got {triangle_count}")
    if triangle_count:
        return Mesh(vertices, triangulated(vertices, faces))
    return vertices
