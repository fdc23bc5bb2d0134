"""Scenes of several meshes: each part as often as nodes place it, and where, all joined into one shape.

Nodes may share children, as components of 3MF and COLLADA do, so that a short file can name a part more often than
there are atoms. What a node comes to is therefore counted before anything is placed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.mesh import Float64, Int64, Mesh
from isthmus.data.pointcloud.shape import Shape, Up

MAX_PLACES = 1_000_000  # nodes, each as often as it is reached

Matrix = npt.NDArray[np.float64]
"""[4, 4], of columns: a point is moved by ``matrix @ (x, y, z, 1)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Vertices float64 [V, 3] and triangles int64 [T, 3]; points where there are none."""

    vertices: Float64
    triangles: Int64


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Some parts and other nodes, by their numbers, and where they are in what holds them."""

    matrix: Matrix
    parts: tuple[int, ...] = ()
    children: tuple[int, ...] = ()


class Parts:
    """The parts of a file, whose numbers of triangles and of points are bounded."""

    def __init__(self, max_count: int) -> None:
        self.found: list[Part] = []
        self._max_count = max_count
        self._total = 0

    def add(self, vertices: npt.NDArray[Any], triangles: Int64) -> int:
        """The number of another part; vertices that no triangle has are dropped, where there are triangles.

        Args:
            vertices: [V, 3], of any real type.
            triangles: int64 [T, 3].

        Raises:
            InputError: a corner that is no vertex, or too many.
        """
        if len(triangles):
            low, high = int(triangles.min()), int(triangles.max())
            if low < 0 or high >= len(vertices):
                bad = low if low < 0 else high
                raise InputError(f"mesh: expected vertex indices 0 to {len(vertices) - 1}, got {bad} in a face")
        self._total += len(triangles) or len(vertices)
        if self._total > self._max_count:
            raise InputError(f"expected at most {self._max_count} triangles or points, got more")
        if len(triangles) and len(vertices) > 3 * len(triangles):  # many parts may share one table of vertices
            used, places = np.unique(triangles, return_inverse=True)
            vertices, triangles = vertices[used], places.reshape(-1, 3).astype(np.int64)
        self.found.append(Part(vertices.astype(np.float64), triangles))
        return len(self.found) - 1


def joined(
    nodes: Sequence[Node],
    roots: Iterable[int],
    parts: Parts,
    max_count: int,
    notes: Sequence[str] = (),
    up: Up | None = None,
) -> Shape:
    """All that the roots place. A mesh where there are triangles; points without any are left out then, which is said.

    Raises:
        InputError: nodes in a circle, more than `max_count` triangles, vertices or points, or nothing.
    """
    roots = list(roots)
    _check_size(nodes, roots, parts, max_count)
    faces = any(len(part.triangles) for part in parts.found)
    vertices: list[Float64] = []
    triangles: list[Int64] = []
    points: list[Float64] = []
    count = 0
    waiting = [(root, np.eye(4)) for root in reversed(roots)]
    while waiting:
        number, outer = waiting.pop()
        node = nodes[number]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused as such
            matrix = outer @ node.matrix
            for part in (parts.found[k] for k in node.parts):
                moved = part.vertices @ matrix[:3, :3].T + matrix[:3, 3]
                if len(part.triangles):
                    vertices.append(moved)
                    triangles.append(part.triangles + count)
                    count += len(moved)
                else:
                    points.append(moved)
        waiting += [(child, matrix) for child in reversed(node.children)]
    if triangles:
        beside = sum(map(len, points))
        said = (f"{beside} points beside the faces left out",) if beside else ()
        return Shape(Mesh(np.concatenate(vertices), np.concatenate(triangles)), (*notes, *said), up)
    if not points:
        there = "faces that no node places" if faces else "none"
        beside_them = f" ({', '.join(notes)})" if notes else ""
        raise InputError(f"expected triangles or points in the scene, got {there}{beside_them}")
    return Shape(np.concatenate(points), tuple(notes), up)


def matrix_of(numbers: Sequence[float]) -> Matrix:
    """Of 16 numbers, row by row.

    Raises:
        InputError: not finite, or a perspective.
    """
    matrix = np.array(numbers, np.float64).reshape(4, 4)
    if not np.isfinite(matrix).all() or np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-6:
        raise InputError(f"expected a finite matrix that ends in 0 0 0 1, got {matrix[3].tolist()}")
    return matrix


def rotation(x: float, y: float, z: float, w: float) -> Float64:
    """The rotation [3, 3] of a unit quaternion.

    Raises:
        InputError: its length is far from 1.
    """
    length = float(np.sqrt(x * x + y * y + z * z + w * w))
    if not 0.5 < length < 2:
        raise InputError(f"expected a rotation as a unit quaternion, got {[x, y, z, w]}")
    x, y, z, w = x / length, y / length, z / length, w / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _check_size(nodes: Sequence[Node], roots: Sequence[int], parts: Parts, max_count: int) -> None:
    """Places, vertices and triangles under the roots, counted from the leaves on, each node once."""
    sizes: dict[int, tuple[int, int, int]] = {}
    open_nodes: set[int] = set()
    waiting = list(roots)
    while waiting:
        number = waiting[-1]
        if number in sizes:
            waiting.pop()
            continue
        node = nodes[number]
        missing = [child for child in node.children if child not in sizes]
        if missing:
            if number in open_nodes or number in missing:
                raise InputError("expected nodes that hold others, got some that hold themselves")
            open_nodes.add(number)
            waiting += missing
            continue
        open_nodes.discard(number)
        waiting.pop()
        own = [parts.found[k] for k in node.parts]
        under = [sizes[child] for child in node.children]
        sizes[number] = (
            1 + sum(u[0] for u in under),
            sum(len(p.vertices) for p in own) + sum(u[1] for u in under),
            sum(len(p.triangles) for p in own) + sum(u[2] for u in under),
        )
    places, vertices, triangles = (sum(sizes[root][k] for root in roots) for k in range(3))
    if places > MAX_PLACES:
        raise InputError(f"expected at most {MAX_PLACES} nodes, each as often as it is placed, got more")
    if max(vertices, triangles) > max_count:
        raise InputError(f"expected at most {max_count} vertices and triangles as they are placed, got more")
