"""Small scenes as glTF, 3MF and DAE hold them, written by struct, json and strings alone."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.measure.inputs.scenes import glb

Array = npt.NDArray[Any]

# A square of two triangles, of area 1 and 3, and no symmetry: what is turned or mirrored shows.
CORNERS = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 3, 1]], np.float64)
FACES = np.array([[0, 1, 2], [0, 2, 3]])
_CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"


def soup(vertices: Array, faces: Array) -> Array:
    """Triangles [T, 9] by their corners, whatever the order of either."""
    corners = np.round(np.asarray(vertices, np.float64)[faces], 5) + 0.0
    ordered = np.array([sorted(map(tuple, triangle)) for triangle in corners.tolist()]).reshape(-1, 9)
    return ordered[np.lexsort(ordered.T[::-1])]


def moved(matrix: Sequence[Sequence[float]] | Array, points: Array = CORNERS) -> Array:
    """Points where a matrix [4, 4] puts them."""
    placed: Array = (np.c_[points, np.ones(len(points))] @ np.asarray(matrix, np.float64).T)[:, :3]
    return placed


class Gltf:
    """A document that is built up; its arrays lie in one buffer."""

    def __init__(self, **document: Any) -> None:
        self.document: dict[str, Any] = {"asset": {"version": "2.0"}, "accessors": [], "bufferViews": []} | document
        self.buffer = b""

    def view(self, data: bytes, stride: int | None = None) -> int:
        self.buffer += bytes(-len(self.buffer) % 4)
        view = {"buffer": 0, "byteOffset": len(self.buffer), "byteLength": len(data)}
        self.document["bufferViews"].append(view | ({"byteStride": stride} if stride else {}))
        self.buffer += data
        return len(self.document["bufferViews"]) - 1

    def array(self, array: Array, kind: str = "f4", **more: Any) -> int:
        stored = np.ascontiguousarray(array).astype("<" + kind)
        accessor = {
            "bufferView": self.view(stored.tobytes()),
            "componentType": _CODES[kind],
            "count": len(stored),
            "type": "SCALAR" if stored.ndim == 1 else f"VEC{stored.shape[1]}",
        } | more
        self.document["accessors"].append({k: v for k, v in accessor.items() if v is not None})
        return len(self.document["accessors"]) - 1

    def square(self, **more: Any) -> dict[str, Any]:
        """A primitive of the square."""
        return {"attributes": {"POSITION": self.array(CORNERS)}, "indices": self.array(FACES.ravel(), "u2")} | more

    def shown(self, *primitives: dict[str, Any], **node: Any) -> Gltf:
        """One mesh of these on one node."""
        self.document |= {
            "meshes": [{"primitives": list(primitives)}],
            "nodes": [{"mesh": 0} | node],
            "scenes": [{"nodes": [0]}],
        }
        return self

    def squared(self, corners: npt.ArrayLike = CORNERS) -> Gltf:
        """The square, or another of four corners, on one node."""
        return self.shown(self.square(attributes={"POSITION": self.array(np.asarray(corners))}))

    def pointed(self, points: Array) -> Gltf:
        """Points on one node."""
        return self.shown({"attributes": {"POSITION": self.array(points)}, "mode": 0})

    def glb(self) -> bytes:
        return glb(self.document | {"buffers": [{"byteLength": len(self.buffer)}]}, self.buffer)

    def gltf(self, uri: str | None = None) -> bytes:
        """With its buffer in the text, or under a name."""
        given = uri or "data:application/octet-stream;base64," + base64.b64encode(self.buffer).decode()
        return json.dumps(self.document | {"buffers": [{"byteLength": len(self.buffer), "uri": given}]}).encode()


def mesh_3mf(vertices: Array = CORNERS, faces: Array = FACES) -> str:
    points = "".join(f'<vertex x="{x!r}" y="{y!r}" z="{z!r}"/>' for x, y, z in vertices.tolist())
    corners = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in faces.tolist())
    return f"<mesh><vertices>{points}</vertices><triangles>{corners}</triangles></mesh>"


def model_3mf(resources: str, build: str, head: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{head}<model unit="millimeter" xmlns="{CORE}" xmlns:p="{PRODUCTION}">'
        f"<resources>{resources}</resources><build>{build}</build></model>"
    )


def package_3mf(
    parts: dict[str, str | bytes], compression: int = zipfile.ZIP_STORED, root: str = "/3D/a.model"
) -> bytes:
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
        f'Target="{root}" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as package:
        for name, content in ({"_rels/.rels": rels} | parts).items():
            package.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def square_3mf(transform: str = "", compression: int = zipfile.ZIP_STORED, vertices: Array = CORNERS) -> bytes:
    item = f'<item objectid="1"{f" transform={transform!r}" if transform else ""}/>'
    model = model_3mf(f'<object id="1">{mesh_3mf(vertices)}</object>', item)
    return package_3mf({"3D/a.model": model}, compression)


def numbers_dae(points: Array = CORNERS) -> str:
    return " ".join(repr(v) for v in points.ravel().tolist())


def source_dae(points: Array = CORNERS, name: str = "s") -> str:
    numbers = numbers_dae(points)
    return (
        f'<source id="{name}"><float_array id="{name}a" count="{points.size}">{numbers}</float_array><technique_common>'
        f'<accessor source="#{name}a" count="{len(points)}" stride="3"><param name="X" type="float"/>'
        '<param name="Y" type="float"/><param name="Z" type="float"/></accessor></technique_common></source>'
        f'<vertices id="{name}v"><input semantic="POSITION" source="#{name}"/></vertices>'
    )


TRIANGLES_DAE = '<triangles count="2"><input semantic="VERTEX" source="#sv" offset="0"/><p>0 1 2 0 2 3</p></triangles>'


def dae(
    primitives: str = TRIANGLES_DAE,
    nodes: str = '<node><instance_geometry url="#g"/></node>',
    up: str = "Z_UP",
    more: str = "",
    *,
    points: Array = CORNERS,
    head: str = "",
) -> bytes:
    return (
        f'<?xml version="1.0"?>{head}<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">'
        f"{f'<asset><up_axis>{up}</up_axis></asset>' if up else ''}"
        f'<library_geometries><geometry id="g"><mesh>{source_dae(points)}{primitives}</mesh></geometry>'
        f"</library_geometries>{more}"
        f'<library_visual_scenes><visual_scene id="v">{nodes}</visual_scene></library_visual_scenes>'
        '<scene><instance_visual_scene url="#v"/></scene></COLLADA>'
    ).encode()
