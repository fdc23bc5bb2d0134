"""Small scenes and scans: glTF, 3MF, DAE, LAZ and E57."""

from __future__ import annotations

import base64
import io
import json
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.measure.inputs.clouds import POINTS

CORNERS: Any = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 3, 1]], np.float32)
FACES: Any = np.array([0, 1, 2, 0, 2, 3], np.uint16)
TURN = (0.0, 0.0, 0.7071068, 0.7071068)
# Twelve points of format 3, by laspy 2.7; deflated.
LAZ = (
    "eNrzcQx2Y8ACGJn8Qzxcgxhwg5zE4oJKBSM9cz0DrPK+jK/YHwNJoFlAXrMSAw8DPvDAHkJfgNIHwHRDi5wjiC6YGeKIrHoaVBxNfkE+TJ2Dng"
    "OKU6syCxRS85LzU1JTGBj2hJkwZJSUFFjp60Ok9PKL0tHcwwTCTBB2wGEGhv9ogJmBjUEEqIqdgQNIcgB5TAzrGBmIBfzfOQNYbvyZfWTCnqSt"
    "5+Y3sEmuecUQt76dgalk7ynmsK8TyxniLv1h4N8bxsJk8z6FIbDsIyxmgNh6IZAAADvgTb0="
)
CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
KIND_OF_MODEL = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"


def gltf_files() -> tuple[bytes, ...]:
    """As GLB and as text, a mesh on two nodes, and points."""
    binary = CORNERS.tobytes() + FACES.tobytes()
    views = [
        {"buffer": 0, "byteLength": CORNERS.nbytes},
        {"buffer": 0, "byteOffset": CORNERS.nbytes, "byteLength": FACES.nbytes},
    ]
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": len(CORNERS), "type": "VEC3"},
        {"bufferView": 1, "componentType": 5123, "count": len(FACES), "type": "SCALAR"},
    ]
    mesh = {"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}
    points = {"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "accessors": accessors,
        "bufferViews": views,
        "nodes": [{"mesh": 0, "rotation": TURN, "children": [1]}, {"mesh": 0, "translation": [4, 0, 0]}],
        "scenes": [{"nodes": [0]}],
    }
    uri = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    inside = [{"byteLength": len(binary), "uri": uri}]
    text = json.dumps(document | {"meshes": [mesh], "buffers": inside}).encode()
    alone = json.dumps(document | {"meshes": [points], "buffers": inside}).encode()
    return glb(document | {"meshes": [mesh], "buffers": [{"byteLength": len(binary)}]}, binary), text, alone


def glb(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB file of a document and its buffer."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def threemf_files() -> tuple[bytes, ...]:
    """An object, and another of two of it; stored, and packed."""
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in CORNERS.tolist())
    triangles = '<triangle v1="0" v2="1" v3="2"/><triangle v1="0" v2="2" v3="3"/>'
    model = (
        f'<?xml version="1.0"?><model unit="millimeter" xmlns="{CORE}"><resources>'
        f'<object id="1"><mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh></object>'
        '<object id="2"><components><component objectid="1"/>'
        '<component objectid="1" transform="0 2 0 -1 0 0 0 0 1 5 6 7"/></components></object>'
        '</resources><build><item objectid="2"/></build></model>'
    )
    relation = f'<Relationship Id="r" Target="/3D/a.model" Type="{KIND_OF_MODEL}"/>'
    parts = {"_rels/.rels": f'<Relationships xmlns="{RELATIONS}">{relation}</Relationships>', "3D/a.model": model}
    found = []
    for way in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", way) as package:
            for name, content in parts.items():
                package.writestr(zipfile.ZipInfo(name), content, way)
        found.append(file.getvalue())
    return tuple(found)


def dae_files() -> tuple[bytes, ...]:
    """Triangles on a node, and a polygon on two."""
    numbers = " ".join(str(v) for v in CORNERS.ravel().tolist())
    vertex = '<input semantic="VERTEX" source="#v" offset="0"/>'
    triangles = f'<triangles count="2">{vertex}<p>0 1 2 0 2 3</p></triangles>'
    polygon = f'<polylist count="1">{vertex}<vcount>4</vcount><p>0 1 2 3</p></polylist>'
    node = '<node><rotate>0 0 1 90</rotate><instance_geometry url="#g"/></node>'
    moved = '<node><translate>4 0 0</translate><instance_geometry url="#g"/></node>'
    return tuple(
        (
            '<?xml version="1.0"?><COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">'
            "<asset><up_axis>Z_UP</up_axis></asset>"
            f'<library_geometries><geometry id="g"><mesh><source id="s"><float_array id="a" count="{CORNERS.size}">'
            f'{numbers}</float_array><technique_common><accessor source="#a" count="{len(CORNERS)}" stride="3">'
            '<param name="X" type="float"/><param name="Y" type="float"/><param name="Z" type="float"/></accessor>'
            '</technique_common></source><vertices id="v"><input semantic="POSITION" source="#s"/></vertices>'
            f"{primitives}</mesh></geometry></library_geometries>"
            f'<library_visual_scenes><visual_scene id="w">{nodes}</visual_scene></library_visual_scenes>'
            '<scene><instance_visual_scene url="#w"/></scene></COLLADA>'
        ).encode()
        for primitives, nodes in ((triangles, node), (polygon, node + moved))
    )


def laz_files() -> tuple[bytes, ...]:
    """As laspy writes it."""
    import lazrs  # noqa: F401  without it nothing but a word about it comes out

    return (zlib.decompress(base64.b64decode(LAZ)),)


def e57_files() -> tuple[bytes, ...]:
    """As pye57 writes it."""
    import pye57

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.e57"
        file = pye57.E57(str(path), mode="w")
        columns = {f"cartesian{axis}": POINTS[:, place].copy() for place, axis in enumerate("XYZ")}
        file.write_scan_raw(columns)
        file.close()
        return (path.read_bytes(),)
