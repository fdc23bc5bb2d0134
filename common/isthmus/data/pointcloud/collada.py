"""COLLADA (DAE): scenes of modelling tools and robots. Source: Khronos, COLLADA 1.4.1 and 1.5.

Read here: the scene that the document shows, its nodes with their transforms, nodes of libraries as often as they are
placed, triangles, polygons, strips and fans; the axis that the document says is up. Materials, lights, cameras, physics
and animations are passed over; skins and morph targets are taken as they rest, which is said.

trimesh with pycollada reads DAE too, but leaves out strips, skins, the axis, and whatever it cannot resolve, without a
word; it is what the tests compare with.
"""

from __future__ import annotations

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.collada_mesh import Geometries, by_id, numbers
from isthmus.data.pointcloud.markup import Element, tree_of
from isthmus.data.pointcloud.mesh import Float64
from isthmus.data.pointcloud.scene import Matrix, Node, Parts, joined, matrix_of
from isthmus.data.pointcloud.shape import Shape, Up

_FROM_X_UP = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # to y up
_TRANSFORMS = {"matrix": 16, "bind_shape_matrix": 16, "translate": 3, "rotate": 4, "scale": 3, "lookat": 9, "skew": 7}


def parse_dae(data: bytes, max_count: int) -> Shape:
    """A mesh, or points where there is no face, and the axis that is up.

    Args:
        data: the whole file.
        max_count: the most vertices, and the most triangles, that are accepted.

    Raises:
        InputError: not COLLADA, damaged, or with parts in other files.
    """
    top = tree_of(data)
    if top.name != "COLLADA":
        raise InputError(f"expected DAE, XML with COLLADA as its first tag, got {top.name[:40]!r}")
    reader = _Scene(top, max_count)
    up: Up = "y"
    said = top.first("asset", "up_axis")
    axis = said.text.strip() if said is not None else "Y_UP"
    if axis == "Z_UP":
        up = "z"
    elif axis not in ("X_UP", "Y_UP"):
        raise InputError(f"DAE: expected X_UP, Y_UP or Z_UP, got {axis[:40]!r}")
    return reader.shape(_FROM_X_UP if axis == "X_UP" else np.eye(4), up)


class _Scene:
    """The nodes that are shown, by number, and what they place."""

    def __init__(self, top: Element, max_count: int) -> None:
        self._top = top
        self._max_count = max_count
        self._ids = by_id(top)
        self._parts = Parts(max_count)
        self._geometries = Geometries(self._named, self._parts, max_count)
        self._numbers: dict[int, int] = {}
        self._found: list[Element | Node] = []

    def shape(self, turned: Matrix, up: Up) -> Shape:
        """All that the scene shows, turned."""
        shown = self._top.first("scene", "instance_visual_scene")
        if shown is not None:
            scene: Element | None = self._named(shown.attributes.get("url"), shown)
        else:
            scene = self._top.first("library_visual_scenes", "visual_scene")
        nodes: list[Node] = []
        if scene is None:  # geometries, and nothing that places them
            library = self._top.first("library_geometries")
            nodes = [Node(turned, self._geometries.read(g)) for g in (library.all("geometry") if library else [])]
            return joined(nodes, range(len(nodes)), self._parts, self._max_count, self._geometries.notes, up)
        roots = [self._number(each) for each in scene.all("node")]
        while len(nodes) < len(self._found):
            each = self._found[len(nodes)]
            nodes.append(each if isinstance(each, Node) else self._node(each))
        nodes.append(Node(turned, (), tuple(roots)))
        return joined(nodes, [len(nodes) - 1], self._parts, self._max_count, self._geometries.notes, up)

    def _number(self, node: Element) -> int:
        if id(node) not in self._numbers:
            self._numbers[id(node)] = len(self._found)
            self._found.append(node)
        return self._numbers[id(node)]

    def _node(self, node: Element) -> Node:
        matrix: Float64 = np.eye(4)
        children: list[int] = []
        parts: list[int] = []
        for each in node.children:
            match each.name:
                case "node":
                    children.append(self._number(each))
                case "instance_node":
                    children.append(self._number(self._named(each.attributes.get("url"), each)))
                case "instance_geometry":
                    parts += self._geometries.read(self._named(each.attributes.get("url"), each))
                case "instance_controller":
                    children.append(self._controlled(self._named(each.attributes.get("url"), each)))
                case name if name in _TRANSFORMS:
                    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused as such
                        matrix = matrix @ _transform(each)
        return Node(matrix, tuple(parts), tuple(children))

    def _controlled(self, controller: Element) -> int:
        """The node of what a skin or a morph holds, which may be another of them."""
        matrix: Float64 = np.eye(4)
        for _ in range(8):
            skin, morph = controller.first("skin"), controller.first("morph")
            held = skin or morph
            if held is None:
                self._found.append(Node(matrix, self._geometries.read(controller)))
                return len(self._found) - 1
            self._geometries.note("skins and morph targets taken as they rest")
            bound = held.first("bind_shape_matrix")
            if bound is not None:
                matrix = matrix @ _transform(bound)
            controller = self._named(held.attributes.get("source"), held)
        raise InputError("DAE: expected controllers of a geometry, got some that hold each other")

    def _named(self, url: str | None, where: Element) -> Element:
        """What `#id` names."""
        if url is None or not url.startswith("#"):
            step = "; join the files into one" if url else ""
            raise InputError(f"DAE: expected {where.name} to name a part of this file, got {url!r:.80}{step}")
        found = self._ids.get(url[1:])
        if found is None:
            raise InputError(f"DAE: expected {url[:80]!r}, which {where.name} names, got nothing of that id")
        return found


def _transform(element: Element) -> Matrix:
    """One step of where a node is."""
    given = numbers(element, np.float64).astype(np.float64)
    if len(given) != _TRANSFORMS[element.name]:
        raise InputError(f"DAE: expected {_TRANSFORMS[element.name]} numbers in {element.name}, got {len(given)}")
    matrix: Float64 = np.eye(4)
    match element.name:
        case "matrix" | "bind_shape_matrix":
            matrix = given.reshape(4, 4)
        case "translate":
            matrix[:3, 3] = given
        case "scale":
            matrix[:3, :3] = np.diag(given)
        case "rotate":
            matrix[:3, :3] = _about(given[:3], np.radians(given[3]))
        case "lookat":
            matrix[:3, :3], matrix[:3, 3] = _looking(*given.reshape(3, 3)), given[:3]
        case _:
            raise InputError(
                "DAE: expected nodes that are moved, turned and scaled, got skew; bake transforms into meshes"
            )
    return matrix_of(matrix.ravel().tolist())


def _about(axis: Float64, angle: float) -> Float64:
    """A turn [3, 3] about an axis, by Rodrigues."""
    x, y, z = _unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned: Float64 = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned


def _looking(eye: Float64, at: Float64, above: Float64) -> Float64:
    """The axes [3, 3] of what looks along its -z from one place at another."""
    back = _unit(eye - at)
    side = _unit(np.cross(above, back))
    return np.stack((side, np.cross(back, side), back), 1)


def _unit(vector: Float64) -> Float64:
    with np.errstate(over="ignore", invalid="ignore"):
        length = float(np.sqrt((vector**2).sum()))
    return vector / length if 0 < length < np.inf else np.zeros(3)
