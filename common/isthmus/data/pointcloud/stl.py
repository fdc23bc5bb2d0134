"""STL: triangles from CAD and printing, text and binary.

Source: https://www.fabbers.com/tech/STL_Format. A binary file is told by its size, since its first bytes may read
`solid` as well. Normals and attributes are passed over: the corners say the same.
"""

from __future__ import annotations

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.text import plain_text

_FACE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEAD_BYTES = 84


def parse_stl(data: bytes, max_count: int) -> Mesh:
    """A mesh of triangles that share no vertices, in file order.

    Args:
        data: the whole file.
        max_count: the most faces that are accepted.

    Raises:
        InputError: not STL, or damaged; the message says where.
    """
    claimed = int.from_bytes(data[80:84], "little") if len(data) >= _HEAD_BYTES else -1
    if claimed >= 0 and len(data) == _HEAD_BYTES + _FACE.itemsize * claimed:
        _check_faces(claimed, max_count)
        faces = np.frombuffer(data, _FACE, claimed, _HEAD_BYTES)
        vertices = faces["corners"].reshape(-1, 3).astype(np.float64)
    else:
        vertices = _from_text(plain_text(data), max_count)
    return Mesh(vertices, np.arange(len(vertices), dtype=np.int64).reshape(-1, 3))


def _from_text(data: bytes, max_count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Corners [3 x faces, 3] of `facet normal ... vertex x y z ... endfacet`, in any case and layout of lines."""
    if data.lstrip()[:5].lower() != b"solid":
        raise InputError(f"expected an STL: 'solid ...', or 84 bytes and 50 for each face, got {len(data)} bytes")
    if b"\0" in data:
        raise InputError("expected an STL in text, got a zero byte; a binary STL has 84 bytes and 50 for each face")
    text = data.decode("latin-1").lower()
    face_count = text.count("endfacet")
    _check_faces(face_count, max_count)
    pieces = text.split("endfacet")
    corners: list[str] = []
    for number, piece in enumerate(pieces[:-1]):
        _, loop, inside = piece.partition("outer")
        words = inside.split()
        if not loop or len(words) != 14 or words[1:13:4] != ["vertex"] * 3 or words[0] != "loop":
            raise InputError(f"expected 'outer loop', three times 'vertex x y z' and 'endloop' in facet {number}")
        corners += words[2:5] + words[6:9] + words[10:13]
    if "vertex" in pieces[-1]:
        raise InputError(f"expected {face_count} whole facets, got another that is cut")
    try:
        return np.array(corners, np.float64).reshape(-1, 3)
    except ValueError as error:
        raise InputError(f"expected numbers behind each 'vertex': {error}") from error


def _check_faces(count: int, max_count: int) -> None:
    if not 0 < count <= max_count:
        raise InputError(f"expected 1 to {max_count} faces, got {count}")
