"""Geometries of COLLADA: sources, and the primitives that index them. Source: Khronos, COLLADA 1.4.1 and 1.5."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.markup import Element
from isthmus.data.pointcloud.mesh import Float64, Int64
from isthmus.data.pointcloud.polygons import MAX_CORNERS
from isthmus.data.pointcloud.scene import Parts
from isthmus.data.pointcloud.triangulate import triangulated

MAX_NUMBERS = 60_000_000  # of one element

_TEXT_PIECE = 1 << 20  # characters that become words at a time
Named = Callable[[str | None, Element], Element]
"""What a URL names, which stands in an element; InputError where that is nothing."""

_BLANK = re.compile(r"\s")
_FACES = ("triangles", "polylist", "polygons", "tristrips", "trifans")
_LINES = ("lines", "linestrips")
_NONE = np.empty((0, 3), np.int64)


def numbers(element: Element, dtype: type[np.float64] | type[np.int64]) -> npt.NDArray[np.float64 | np.int64]:
    """The numbers of an element's text, [count], decimal commas among them. InputError where they are none."""
    text = element.text
    if "," in text and "." not in text:  # of a tool that wrote numbers as its country does
        text = text.replace(",", ".")
    found: list[npt.NDArray[np.float64 | np.int64]] = []
    count = 0
    try:
        for piece in _pieces(text):
            found.append(np.array(piece.split(), dtype))
            count += len(found[-1])
            if count > MAX_NUMBERS:
                raise InputError(f"DAE: expected at most {MAX_NUMBERS} numbers in {element.name}, got more")
    except (ValueError, OverflowError) as error:
        raise InputError(f"DAE: expected numbers in {element.name}: {error}") from error
    return np.concatenate(found) if found else np.empty(0, dtype)


def whole(words: str | None, what: str, most: int, default: int | None = None) -> int:
    """A whole number of an attribute, from 0 to `most`. InputError where it is none."""
    if words is None and default is not None:
        return default
    if words is None or not words.strip().isdecimal() or len(words.strip()) > 18 or int(words) > most:
        raise InputError(f"DAE: expected {what} as a whole number of at most {most}, got {words!r:.40}")
    return int(words)


def by_id(top: Element) -> dict[str, Element]:
    """The elements in another, and it, that have an id; the first of those that share one."""
    found: dict[str, Element] = {}
    waiting = [top]
    while waiting:
        element = waiting.pop()
        if "id" in element.attributes:
            found.setdefault(element.attributes["id"], element)
        waiting += reversed(element.children)
    return found


class Geometries:
    """Geometries as parts, each read once, when a node has it."""

    def __init__(self, named: Named, parts: Parts, max_count: int) -> None:
        self.notes: list[str] = []
        self._anywhere = named
        self._here: dict[str, Element] = {}
        self._parts = parts
        self._max_count = max_count
        self._known: dict[int, tuple[int, ...]] = {}
        self._sources: dict[int, Float64] = {}
        self._arrays: dict[int, Float64] = {}
        self._vertex_count = 0

    def read(self, geometry: Element) -> tuple[int, ...]:
        """The numbers of a geometry's parts."""
        if id(geometry) not in self._known:
            mesh = geometry.first("mesh")
            if mesh is None:
                self.note("geometries that are no meshes left out")
                self._known[id(geometry)] = ()
            else:
                self._known[id(geometry)] = tuple(self._read_mesh(mesh))
        return self._known[id(geometry)]

    def _read_mesh(self, mesh: Element) -> Iterator[int]:
        self._here = by_id(mesh)
        primitives = [child for child in mesh.children if child.name in _FACES or child.name in _LINES]
        for primitive in primitives:
            if primitive.name in _LINES:
                self.note("lines left out")
                continue
            vertices, at, width = self._inputs(primitive)
            triangles = self._cut(primitive, [_corners(p, at, width) for p in primitive.all("p")], vertices)
            if len(triangles):
                yield self._parts.add(vertices, triangles)
        places = mesh.first("vertices")
        if not primitives and places is not None:
            yield self._parts.add(self._positions(places), np.empty((0, 3), np.int64))

    def _named(self, url: str | None, where: Element) -> Element:
        """What `#id` names: of this mesh first, as some writers give the sources of all meshes the same names."""
        found = self._here.get(url[1:]) if url and url.startswith("#") else None
        return found if found is not None else self._anywhere(url, where)

    def _inputs(self, primitive: Element) -> tuple[Float64, int, int]:
        """The vertices of a primitive; at which of the numbers of a corner its vertex is, and how many those are."""
        inputs = primitive.all("input")
        offsets = [whole(each.attributes.get("offset"), "an offset", 255, 0) for each in inputs]
        for each, at in zip(inputs, offsets, strict=True):
            if each.attributes.get("semantic") == "VERTEX":
                return self._positions(self._named(each.attributes.get("source"), each)), at, max(offsets) + 1
        raise InputError(f"DAE: expected {primitive.name} with an input VERTEX, got none")

    def _positions(self, vertices: Element) -> Float64:
        """Points [V, 3]."""
        for each in vertices.all("input"):
            if each.attributes.get("semantic") == "POSITION":
                source = self._named(each.attributes.get("source"), each)
                if id(source) not in self._sources:
                    self._sources[id(source)] = self._source(source)
                return self._sources[id(source)]
        raise InputError("DAE: expected vertices with an input POSITION, got none")

    def _source(self, source: Element) -> Float64:
        accessor = source.first("technique_common", "accessor")
        if accessor is None:
            raise InputError("DAE: expected a source with an accessor, got none")
        array = self._named(accessor.attributes.get("source"), accessor)
        names = [each.attributes.get("name", "").upper() for each in accessor.all("param")]
        if {"X", "Y", "Z"} <= set(names):
            places = [names.index(axis) for axis in "XYZ"]
        elif len(names) >= 3 and not any(names):
            places = [0, 1, 2]
        else:
            raise InputError(f"DAE: expected positions with X, Y and Z, got {', '.join(names)[:60]}")
        if id(array) not in self._arrays:
            self._arrays[id(array)] = numbers(array, np.float64).astype(np.float64, copy=False)
        values = self._arrays[id(array)]
        count = whole(accessor.attributes.get("count"), "a count of vertices", self._max_count)
        stride = whole(accessor.attributes.get("stride"), "a stride", 256, 1)
        start = whole(accessor.attributes.get("offset"), "an offset", len(values), 0)
        if not count or stride < len(names) or start + (count - 1) * stride + len(names) > len(values):
            raise InputError(f"DAE: expected {count} vertices {stride} numbers apart, got {len(values)} numbers")
        self._vertex_count += count
        if self._vertex_count > self._max_count:
            raise InputError(f"DAE: expected at most {self._max_count} vertices, got more")
        rows = np.arange(count)[:, None] * stride + start + np.array(places)
        found: Float64 = values[rows]
        return found

    def _cut(self, primitive: Element, rows: list[Int64], vertices: Float64) -> Int64:
        """Triangles [T, 3] of the corners of a primitive, an array for each of its `p`."""
        if primitive.all("ph"):
            raise InputError("DAE: expected polygons without holes, got some with; triangulate them when exporting")
        flat = np.concatenate(rows) if rows else np.empty(0, np.int64)
        match primitive.name:
            case "triangles":
                _check_count(primitive, len(flat) / 3)
                return flat.reshape(-1, 3)
            case "tristrips":
                _check_count(primitive, len(rows))
                return np.concatenate([np.stack((r[:-2], r[1:-1], r[2:]), 1) for r in rows if len(r) > 2] or [_NONE])
            case "trifans":
                _check_count(primitive, len(rows))
                fans = [np.stack((np.full(len(r) - 2, r[0]), r[1:-1], r[2:]), 1) for r in rows if len(r) > 2]
                return np.concatenate(fans or [_NONE])
            case "polygons":
                sizes = np.array([len(row) for row in rows], np.int64)
            case _:
                listed = primitive.first("vcount")
                sizes = numbers(listed, np.int64).astype(np.int64) if listed is not None else _NONE[:, 0]
        _check_count(primitive, len(sizes))
        if len(sizes) and (sizes.min() < 1 or sizes.max() > MAX_CORNERS or sizes.sum() != len(flat)):
            raise InputError(f"DAE: expected polygons of 1 to {MAX_CORNERS} corners, {len(flat)} in all, got others")
        if int(np.maximum(sizes - 2, 0).sum()) > self._max_count:
            raise InputError(f"expected at most {self._max_count} triangles, got more")
        if (sizes == 3).all():
            return flat.reshape(-1, 3)
        ends = np.cumsum(sizes).tolist()
        corners = flat.tolist()
        return triangulated(
            vertices, [corners[end - size : end] for size, end in zip(sizes.tolist(), ends, strict=True)]
        )

    def note(self, said: str) -> None:
        """Something to be said of how it was read, once."""
        if said not in self.notes:
            self.notes.append(said)


def _corners(p: Element, at: int, width: int) -> Int64:
    """The vertex of each corner, of the so many numbers that it has."""
    found = numbers(p, np.int64)
    if len(found) % width:
        raise InputError(f"DAE: expected {width} numbers a corner, got {len(found)}")
    return found.reshape(-1, width)[:, at].astype(np.int64)


def _check_count(primitive: Element, found: float) -> None:
    said = whole(primitive.attributes.get("count"), f"the count of {primitive.name}", 10**12, -1)
    if found != int(found) or said not in (-1, found):
        raise InputError(f"DAE: expected {said if said >= 0 else 'whole'} {primitive.name}, got {found:g}")


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that end between words."""
    at = 0
    while at < len(text):
        blank = _BLANK.search(text, at + _TEXT_PIECE)
        end = blank.start() if blank else len(text)
        yield text[at:end]
        at = end
