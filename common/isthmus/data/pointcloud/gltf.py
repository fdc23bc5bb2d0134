"""glTF 2.0 and GLB: scenes of meshes, y up. Source: Khronos, glTF 2.0 (ISO/IEC 12113).

Read here: the default scene with the transforms of its nodes, triangles, strips, fans and points, with or without
indices, of all types, quantised, normalised and sparse; buffers in the file, as data URIs, or beside it, in the same
folder and nowhere else. Materials, colours, cameras and animations are passed over; skins and morph targets are taken
as they rest, which is said. Meshes that are compressed (Draco, meshopt) are refused.

trimesh reads glTF too, but takes an array's size at its word, and passes over fans, sparse arrays and the scale of
normalised ones; it is what the tests compare with.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.inputs import read_source
from isthmus.data.pointcloud.gltf_accessors import TOP_LISTS, Accessors, Json, entries, entry, numbers, whole
from isthmus.data.pointcloud.mesh import Int64
from isthmus.data.pointcloud.scene import Matrix, Node, Parts, joined, matrix_of, rotation
from isthmus.data.pointcloud.shape import Shape
from isthmus.data.text import plain_text

MAX_VALUES = 5_000_000  # of JSON, each of which takes some hundred bytes
MAX_BUFFER_BYTES = 256 << 20

_JSON_CHUNK, _BINARY_CHUNK = b"JSON", b"BIN\0"
_HARMLESS = (
    "KHR_mesh_quantization",
    "KHR_materials_",
    "KHR_texture_",
    "KHR_lights_",
    "EXT_texture_",
    "KHR_xmp",
    "KHR_technique",
)
_COMPRESSIONS = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
_INSTANCES = "EXT_mesh_gpu_instancing"
_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6


def parse_gltf(data: bytes, max_count: int, folder: Path | None) -> Shape:
    """A mesh, or points where there is no triangle, in the file's own axes.

    Args:
        data: the whole file, GLB or JSON.
        max_count: the most vertices, and the most triangles, that are accepted.
        folder: where its buffers may lie; None for a stream, which has none beside it.

    Raises:
        InputError: not glTF 2.0, damaged, or compressed.
    """
    text, binary = _chunks(data) if data.startswith(b"glTF") else (plain_text(data), None)
    document = _document(text)
    buffers = _buffers(document, binary, folder)
    reader = _Meshes(document, Accessors(document, buffers, max_count), Parts(max_count))
    nodes = [reader.node(node) for node in entries(document, "nodes")]
    roots, notes = _roots(document, nodes)
    if not nodes:  # meshes, and nothing that places them
        nodes = [Node(np.eye(4), reader.mesh(k)) for k in range(len(entries(document, "meshes")))]
        roots = list(range(len(nodes)))
    return joined(nodes, roots, reader.parts, max_count, (*notes, *reader.notes))


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON of a GLB, and its binary part."""
    if len(data) < 20 or struct.unpack_from("<I", data, 4)[0] != 2:
        version = struct.unpack_from("<I", data, 4)[0] if len(data) >= 8 else "none"
        raise InputError(f"expected a GLB of version 2, got {version}; export it as glTF 2.0")
    (length,) = struct.unpack_from("<I", data, 8)
    if length > len(data):
        raise InputError(f"expected {length} bytes of GLB, as its header says, got {len(data)}: it is cut")
    found: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= length:
        (size,) = struct.unpack_from("<I", data, at)
        if size > length - at - 8:
            raise InputError(f"expected a chunk of {size} bytes in GLB, got {length - at - 8}")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 8 + size + -size % 4
    if not found or found[0][0] != _JSON_CHUNK:
        raise InputError("expected a GLB whose first chunk is JSON, got another")
    binary = next((chunk for kind, chunk in found[1:2] if kind == _BINARY_CHUNK), None)
    return found[0][1], binary


def _document(text: bytes) -> Json:
    if sum(map(text.count, (b",", b"{", b"["))) > MAX_VALUES:
        raise InputError(f"glTF: expected at most {MAX_VALUES} values of JSON, got more")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected glTF, a GLB or JSON, got {text[:20]!r}: {error}") from error
    asset = document.get("asset") if isinstance(document, dict) else None
    version = asset.get("version") if isinstance(asset, dict) else None
    if not isinstance(version, str) or version.partition(".")[0] != "2":
        raise InputError(f"expected glTF of version 2, got {version!r:.20}; export it as glTF 2.0")
    required = document.get("extensionsRequired", [])
    for name in required if isinstance(required, list) else []:
        if not isinstance(name, str) or not name.startswith(_HARMLESS):
            step = "without compression" if name in _COMPRESSIONS else "without it"
            raise InputError(f"glTF: expected no extension that changes shapes, got {name!r:.60}; export it {step}")
    found: Json = document
    for name in TOP_LISTS:
        entries(found, name)
    return found


def _buffers(document: Json, binary: bytes | None, folder: Path | None) -> list[bytes]:
    found: list[bytes] = []
    known: dict[str, bytes] = {}  # many may name one file
    total = 0
    for number, buffer in enumerate(entries(document, "buffers")):
        size = whole(buffer.get("byteLength"), "a buffer's length", MAX_BUFFER_BYTES, 1)
        uri = buffer.get("uri")
        if uri is None:
            if number or binary is None:
                raise InputError("glTF: expected a buffer in the file, got none; export it without compression")
            data = binary
        elif not isinstance(uri, str):
            raise InputError(f"glTF: expected a buffer's URI as text, got {uri!r:.60}")
        else:
            if uri not in known:
                known[uri] = _embedded(uri) if uri.startswith("data:") else _beside(uri, folder)
                total += len(known[uri])
                if total > MAX_BUFFER_BYTES:
                    raise InputError(f"glTF: expected at most {MAX_BUFFER_BYTES} bytes of buffers, got more")
            data = known[uri]
        if len(data) < size:
            raise InputError(f"glTF: expected a buffer of {size} bytes, got {len(data)}")
        found.append(data)
    return found


def _embedded(uri: str) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InputError(f"glTF: expected a data URI in base64, got {uri[:40]!r}")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"glTF: expected a data URI in base64, got {uri[:40]!r}: {error}") from error


def _beside(uri: str, folder: Path | None) -> bytes:
    """A file in the same folder: no other folder, no link out of it, no network."""
    name = unquote(uri)
    if any(sign in name for sign in "/\\:\0") or name in ("", ".", ".."):
        raise InputError(f"glTF: expected a buffer in the same folder, got {uri[:80]!r}; put it there, or export a GLB")
    if folder is None:
        raise InputError(f"glTF: expected a whole file in a stream, got one that needs {name[:80]!r}; export a GLB")
    path = folder / name
    try:
        is_there = path.is_file() and path.resolve().parent == folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"glTF: expected the buffer {name[:80]!r} beside the file: {error}") from error
    if not is_there:
        raise InputError(f"glTF: expected the buffer {name[:80]!r} beside the file, got none there; or export a GLB")
    return read_source(path, "a buffer", MAX_BUFFER_BYTES)


def _roots(document: Json, nodes: list[Node]) -> tuple[list[int], tuple[str, ...]]:
    """Nodes of the default scene; without scenes those that no other holds."""
    scenes = entries(document, "scenes")
    if not scenes:
        held = {child for node in nodes for child in node.children}
        return [k for k in range(len(nodes)) if k not in held], ()
    scene = entry(document, "scenes", document.get("scene", 0))
    roots = [whole(k, "a node's number", len(nodes) - 1) for k in _list(scene, "nodes")]
    return roots, (f"the default one of {len(scenes)} scenes taken",) if len(scenes) > 1 else ()


def _list(document: Json, name: str) -> list[Any]:
    found = document.get(name, [])
    if not isinstance(found, list):
        raise InputError(f"glTF: expected {name} as a list, got {found!r:.60}")
    return found


class _Meshes:
    """Nodes and their meshes, each mesh read once, when a node has it."""

    def __init__(self, document: Json, accessors: Accessors, parts: Parts) -> None:
        self.parts = parts
        self.notes: tuple[str, ...] = ()
        self._document = document
        self._accessors = accessors
        self._known: dict[int, tuple[int, ...]] = {}

    def node(self, node: Json) -> Node:
        if _INSTANCES in _extensions(node):
            raise InputError(f"glTF: expected no extension that changes shapes, got {_INSTANCES!r}; export it without")
        if "skin" in node:
            self._note("skins taken as they rest, without their bones")
        last = len(self._document["nodes"]) - 1
        children = tuple(whole(k, "a node's number", last) for k in _list(node, "children"))
        return Node(_matrix(node), self.mesh(node["mesh"]) if "mesh" in node else (), children)

    def mesh(self, number: Any) -> tuple[int, ...]:
        mesh = entry(self._document, "meshes", number)
        if number not in self._known:
            found = [self._part(primitive) for primitive in entries(mesh, "primitives")]
            self._known[number] = tuple(k for k in found if k is not None)
        return self._known[number]

    def _part(self, primitive: Json) -> int | None:
        mode = whole(primitive.get("mode", _TRIANGLES), "a primitive's mode", _FAN)
        if mode not in (_POINTS, _TRIANGLES, _STRIP, _FAN):
            self._note("lines left out")
            return None
        if "targets" in primitive:
            self._note("morph targets left out")
        attributes = primitive.get("attributes")
        if not isinstance(attributes, dict) or "POSITION" not in attributes:
            self._note("primitives without positions left out")
            return None
        try:
            vertices = self._accessors.read(attributes["POSITION"], ("VEC3",), "positions")
        except InputError:
            if any(name in _extensions(primitive) for name in _COMPRESSIONS):
                said = "glTF: expected plain meshes, got compressed ones; export it without compression"
                raise InputError(said) from None
            raise
        order: Int64
        if "indices" in primitive:
            read = self._accessors.read(primitive["indices"], ("SCALAR",), "indices")
            if read.dtype.kind != "u":
                raise InputError(f"glTF: expected whole indices from 0 on, got {read.dtype}")
            order = read[:, 0].astype(np.int64)
        else:
            order = np.arange(len(vertices))
        if mode == _POINTS:
            if order.max() >= len(vertices):
                raise InputError(f"glTF: expected indices below {len(vertices)}, got {order.max()}")
            return self.parts.add(vertices[order], np.empty((0, 3), np.int64))
        triangles = _triangles(order, mode)
        return self.parts.add(vertices, triangles) if len(triangles) else None

    def _note(self, said: str) -> None:
        if said not in self.notes:
            self.notes = (*self.notes, said)


def _triangles(order: Int64, mode: int) -> Int64:
    if mode == _TRIANGLES:
        if len(order) % 3:
            raise InputError(f"glTF: expected three indices a triangle, got {len(order)}")
        return order.reshape(-1, 3)
    if mode == _FAN:
        first = np.full(max(len(order) - 2, 0), order[0])
        return np.stack((first, order[1:-1], order[2:]), 1) if len(order) > 2 else order[:0].reshape(0, 3)
    return np.stack((order[:-2], order[1:-1], order[2:]), 1) if len(order) > 2 else order[:0].reshape(0, 3)


def _matrix(node: Json) -> Matrix:
    """Where a node is: its matrix, column by column, or a scale, then a rotation, then a translation."""
    if "matrix" in node:
        given = np.array(numbers(node["matrix"], "a node's matrix", 16))
        return matrix_of(given.reshape(4, 4).T.ravel().tolist())
    scale = numbers(node.get("scale", [1, 1, 1]), "a node's scale", 3)
    turned = rotation(*numbers(node.get("rotation", [0, 0, 0, 1]), "a node's rotation", 4))
    moved = numbers(node.get("translation", [0, 0, 0]), "a node's translation", 3)
    return matrix_of(np.vstack((np.c_[turned * scale, moved], [0, 0, 0, 1])).ravel().tolist())


def _extensions(thing: Json) -> Json:
    found = thing.get("extensions", {})
    return found if isinstance(found, dict) else {}
