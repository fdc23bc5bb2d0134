"""3MF: what is printed, a ZIP of XML. Sources: 3MF Consortium, Core Specification 1.3; Production Extension 1.1.

Read here: what the build places, each object with its components and their transforms, in this and in other model
parts of the package. Materials, colours, metadata and print tickets are passed over; supports are left out, which is
said; lattices, slices alone and encrypted parts are refused where the file says that it needs them.

trimesh reads 3MF too, but joins all objects of a part that a component points into; it is what the tests compare with.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.markup import PIECE_BYTES, read_xml
from isthmus.data.pointcloud.scene import Matrix, Node, Parts, joined, matrix_of
from isthmus.data.pointcloud.shape import Shape

MAX_ENTRIES = 20_000
MAX_UNPACKED_BYTES = 1 << 30  # of all the parts that are read
MAX_OBJECTS = 1_000_000  # with components and items

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02 "
_PATH = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06 path"
_HARMLESS = ("/material/", "/production/", "/slice/", "/trianglesets/")
_SUPPORTS = ("support", "solidsupport")
_CENTRAL = b"PK\1\2"

Key = tuple[str, str]
"""A part of the package, and the number of an object in it."""


@dataclass(slots=True, eq=False)
class _Object:
    """A mesh, or others and where they are."""

    kind: str
    vertices: array[float] = field(default_factory=lambda: array("d"))
    corners: array[int] = field(default_factory=lambda: array("q"))
    components: list[tuple[Key, Matrix]] = field(default_factory=list)


def parse_3mf(data: bytes, max_count: int) -> Shape:
    """A mesh.

    Args:
        data: the whole file.
        max_count: the most vertices, and the most triangles, that are accepted.

    Raises:
        InputError: not 3MF, damaged, or with what is not read here.
    """
    package = _Package(data)
    reader = _Models(max_count)
    root = package.root()
    waiting, known = [root], {root}
    while waiting:
        name = waiting.pop()
        for wanted in reader.read(name, package.pieces(name), is_root=name == root):
            if wanted not in known:
                known.add(wanted)
                waiting.append(wanted)
    return reader.shape()


class _Package:
    """The parts of a ZIP, unpacked within bounds."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(b"PK") or data.count(_CENTRAL) > MAX_ENTRIES:
            raise InputError(f"expected 3MF, a ZIP of at most {MAX_ENTRIES} entries, got {data[:4]!r}")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise InputError(f"expected 3MF, a whole ZIP, got a damaged one: {error}") from error
        self._entries = {info.filename.strip("/").lower(): info for info in self._zip.infolist()}
        self._left = MAX_UNPACKED_BYTES

    def root(self) -> str:
        """The part that the package says is its model."""
        found: list[str] = []

        def start(name: str, attributes: dict[str, str]) -> None:
            if name.endswith("Relationship") and attributes.get("Type", "").endswith("/3dmodel"):
                found.append(attributes.get("Target", ""))

        if "_rels/.rels" in self._entries:
            read_xml(self.pieces("_rels/.rels"), start)
        name = plain(found[0] if found else "3D/3dmodel.model")
        if name not in self._entries:
            raise InputError(f"expected 3MF with a model, got a ZIP without {name[:80]!r}")
        return name

    def pieces(self, name: str) -> Iterator[bytes]:
        """A part, a piece at a time; no more than the package says it has."""
        info = self._entries.get(name)
        if info is None:
            raise InputError(f"3MF: expected the part {name[:80]!r}, got none of that name")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"3MF: expected parts as they are or deflated, got {name[:80]!r} encrypted or otherwise")
        self._left -= info.file_size
        if self._left < 0:
            raise InputError(f"3MF: expected at most {MAX_UNPACKED_BYTES} bytes unpacked, got more")
        try:
            with self._zip.open(info) as part:
                while piece := part.read(PIECE_BYTES):
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
            raise InputError(f"3MF: expected the part {name[:80]!r} whole, got it damaged: {error}") from error


class _Models:
    """Objects of all parts, and what the root's build places."""

    def __init__(self, max_count: int) -> None:
        self._max_count = max_count
        self._objects: dict[Key, _Object] = {}
        self._items: list[tuple[Key, Matrix]] = []
        self._things = 0
        self._numbers = 0

    def read(self, part: str, pieces: Iterator[bytes], *, is_root: bool) -> list[str]:
        """Take in a part; answers which others it points to."""
        here = _Object("")
        wanted: list[str] = []
        spaces: dict[str, str] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            if not name.startswith(_CORE):
                return
            try:
                take(name[len(_CORE) :], attributes)
            except KeyError as error:
                raise InputError(f"3MF: expected tags with all they need, got one without {error}") from error

        def take(name: str, attributes: dict[str, str]) -> None:
            nonlocal here
            match name:
                case "vertex":
                    here.vertices.extend(float(attributes[axis]) for axis in "xyz")
                    self._count(3)
                case "triangle":
                    here.corners.extend(int(attributes[corner]) for corner in ("v1", "v2", "v3"))
                    self._count(3)
                case "object":
                    here = _Object(attributes.get("type", "model"))
                    self._objects[part, attributes["id"]] = here
                    self._count_thing()
                case "component":
                    here.components.append(self._placed(part, attributes, wanted))
                case "item" if is_root:
                    self._items.append(self._placed(part, attributes, wanted))
                case "model":
                    _check_needs(attributes.get("requiredextensions", ""), spaces)

        def declared(prefix: str | None, space: str) -> None:
            spaces[prefix or ""] = space

        read_xml(pieces, start, space=declared)
        return wanted

    def shape(self) -> Shape:
        """What the build places."""
        parts = Parts(self._max_count)
        nodes: list[Node] = []
        numbers = {key: number for number, key in enumerate(self._objects)}
        places: list[Node] = []  # of components and items, behind the objects

        def place(key: Key, matrix: Matrix) -> int:
            if key not in numbers:
                raise InputError(f"3MF: expected object {key[1][:40]!r} in {key[0][:80]!r}, got none of that number")
            places.append(Node(matrix, (), (numbers[key],)))
            return len(numbers) + len(places) - 1

        for thing in self._objects.values():
            held = tuple(place(key, matrix) for key, matrix in thing.components)
            vertices = np.frombuffer(thing.vertices, np.float64).reshape(-1, 3)
            corners = np.frombuffer(thing.corners, np.int64).reshape(-1, 3)
            own = (parts.add(vertices, corners),) if len(corners) else ()
            nodes.append(Node(np.eye(4), own, held))
        supports = {key for key, thing in self._objects.items() if thing.kind in _SUPPORTS}
        roots = [place(key, matrix) for key, matrix in self._items if key not in supports]
        if not self._items:
            raise InputError("3MF: expected a build with items, got none: nothing of it is placed; export it anew")
        left_out = len(self._items) - len(roots)
        notes = (f"{left_out} supports left out",) if left_out else ()
        return joined([*nodes, *places], roots, parts, self._max_count, notes)

    def _placed(self, part: str, attributes: dict[str, str], wanted: list[str]) -> tuple[Key, Matrix]:
        self._count_thing()
        path = attributes.get(_PATH)
        if path is not None:
            wanted.append(plain(path))
        return (part if path is None else plain(path), attributes["objectid"]), _matrix(attributes.get("transform"))

    def _count(self, numbers: int) -> None:
        self._numbers += numbers
        if self._numbers > 6 * self._max_count:
            raise InputError(f"3MF: expected at most {self._max_count} vertices and triangles, got more")

    def _count_thing(self) -> None:
        self._things += 1
        if self._things > MAX_OBJECTS:
            raise InputError(f"3MF: expected at most {MAX_OBJECTS} objects and components, got more")


def plain(path: str) -> str:
    """A part's name as it is looked for: without its first slash, in any case."""
    return path.strip("/").lower()


def _matrix(given: str | None) -> Matrix:
    """Twelve numbers, which a row (x, y, z, 1) is multiplied by."""
    if given is None:
        return np.eye(4)
    words = given.split()
    if len(words) != 12:
        raise InputError(f"3MF: expected a transform of 12 numbers, got {given[:80]!r}")
    try:
        rows = np.array([float(word) for word in words]).reshape(4, 3)
    except ValueError as error:
        raise InputError(f"3MF: expected a transform of 12 numbers, got {given[:80]!r}") from error
    return matrix_of(np.vstack((rows.T, [0.0, 0.0, 0.0, 1.0])).ravel().tolist())


def _check_needs(words: str, spaces: dict[str, str]) -> None:
    for prefix in words.split():
        space = spaces.get(prefix, prefix)
        if not any(known in space for known in _HARMLESS):
            raise InputError(f"3MF: expected meshes alone, got one that needs {space[:80]!r}; export it as meshes")
