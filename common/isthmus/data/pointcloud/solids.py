"""Parts that furniture is built of, and the outer surface of what they make together.

Every part is a mesh of a convex solid. Points are drawn over all parts by area, and those are dropped from which a
small step outwards ends inside another part: buried points, and the faces on which two parts touch. What is left is
the surface of the union, as a scanner, or ModelNet's voxel grids, would see it.
A curved sheet is a row of thin convex slabs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isthmus.data.pointcloud.mesh import Float32, Float64, Mesh, draw_on_triangles

Vector = tuple[float, float, float]
OUTWARD_STEP = 1e-4  # metres

_BOX_CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_BOX_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))  # wound outwards


def box(centre: Vector, size: Vector) -> Mesh:
    """Upright box with its faces along the axes."""
    return _polyhedron(_BOX_CORNERS * np.array(size) + np.array(centre), _BOX_FACES)


def board(low: Vector, high: Vector) -> Mesh:
    """The same by two opposite corners: how most of furniture is thought of."""
    a, b = np.array(low), np.array(high)
    return _polyhedron(_BOX_CORNERS * (b - a) + (a + b) / 2, _BOX_FACES)


def beam(start: Vector, end: Vector, width: float, depth: float | None = None) -> Mesh:
    """Square (or, with `depth`, oblong) bar between two points, upright or slanted: legs, rails, arms."""
    a, b = np.array(start), np.array(end)
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    side = np.cross(along, (0.0, 1.0, 0.0) if abs(along[1]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    frame = np.stack((side * width, np.cross(along, side) * (depth or width), b - a))
    return _polyhedron(_BOX_CORNERS @ frame + (a + b) / 2, _BOX_FACES)


def pole(start: Vector, end: Vector, radius: float, end_radius: float | None = None, sides: int = 12) -> Mesh:
    """Round bar between two points, tapered where `end_radius` differs."""
    a, b = np.array(start), np.array(end)
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    side = np.cross(along, (0.0, 1.0, 0.0) if abs(along[1]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    angle = np.arange(sides) * (2 * np.pi / sides)
    ring = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * np.cross(along, side)
    return _stack([a + ring * radius, b + ring * (radius if end_radius is None else end_radius)])


def disc(centre: Vector, radii: tuple[float, float], thickness: float, sides: int = 24) -> Mesh:
    """Flat elliptic slab with its lower face at `centre`."""
    return bowl(centre, [(radii[0], radii[1], 0.0), (radii[0], radii[1], thickness)], sides)


def bowl(centre: Vector, rings: Sequence[Vector], sides: int = 24, squareness: float = 2.0) -> Mesh:
    """Solid of upright axis through ellipses (half width x, half width y, height above `centre`), bottom to top.

    `squareness` 2 gives ellipses, more gives rounded rectangles (superellipses). Convex only if the rings are.
    """
    angle = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = (np.sign(v) * np.abs(v) ** (2 / squareness) for v in (cos, sin))
    return _stack([np.stack((x * a, y * b, np.full(sides, h)), 1) + np.array(centre) for a, b, h in rings])


def ring_wall(
    centre: Vector,
    outer: tuple[float, float],
    inner: tuple[float, float],
    heights: tuple[float, float],
    *,
    bottom_scale: float = 1.0,
    span: tuple[float, float] = (0.0, 2 * np.pi),
    sides: int = 24,
    squareness: float = 2.0,
) -> list[Mesh]:
    """Upright elliptic (or rounded rectangular) wall as convex wedges.

    `bottom_scale` narrows its foot; a `span` of angles (radians, from x towards y) short of a turn gives a curved
    sheet: the back of a tub chair, of a round sofa.
    """
    angle = np.linspace(*span, sides + 1)
    x, y = (np.sign(v) * np.abs(v) ** (2 / squareness) for v in (np.cos(angle), np.sin(angle)))

    def arc(radii: tuple[float, float], scale: float, height: float) -> Float64:
        points: Float64 = np.stack(
            (x * radii[0] * scale, y * radii[1] * scale, np.full(sides + 1, height)), 1
        ) + np.array(centre)
        return points

    arcs = [arc(r, s, h) for r in (inner, outer) for h, s in zip(heights, (bottom_scale, 1.0), strict=True)]
    wedges = []
    for k in range(sides):  # corners in the order of `_BOX_CORNERS`: inner or outer, this or next, low or high
        corners = [arcs[2 * side + high][k + step] for side in (0, 1) for step in (0, 1) for high in (0, 1)]
        wedges.append(_polyhedron(np.array(corners), _BOX_FACES))
    return wedges


def surface_points(parts: Sequence[Mesh], count: int, rng: np.random.Generator) -> Float32:
    """`count` points drawn evenly over the outer surface of the union of convex `parts`, float32 [count, 3]."""
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    whole = Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)]),
    )
    planes = [_planes(part) for part in parts]
    outward = np.concatenate([normals for normals, _ in planes])
    found: list[Float32] = []
    kept = 0
    while kept < count:  # ends: the union has a surface, so every round keeps some
        drawn, triangle = draw_on_triangles(whole, 2 * count, rng)
        just_outside = drawn + OUTWARD_STEP * outward[triangle]
        hidden = np.zeros(len(drawn), bool)
        for part, (normals, offsets) in zip(parts, planes, strict=True):
            low, high = part.vertices.min(0), part.vertices.max(0)
            near = np.flatnonzero(((just_outside > low) & (just_outside < high)).all(1))
            hidden[near] |= (just_outside[near] @ normals.T < offsets).all(1)
        found.append(drawn[~hidden].astype(np.float32))
        kept += len(found[-1])
    return np.concatenate(found)[:count]


def _planes(part: Mesh) -> tuple[Float64, Float64]:
    """Outward unit normals [T, 3] and offsets [T] of the faces of a convex part; a sliver gets no say (0 < 1)."""
    a, b, c = (part.vertices[part.triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    lengths = np.sqrt((normals**2).sum(1))
    sliver = lengths < 1e-9
    normals = np.where(sliver[:, None], 0.0, normals / np.maximum(lengths, 1e-9)[:, None])
    offsets = np.where(sliver, 1.0, (normals * a).sum(1))
    # Whichever way a face was wound, the middle of a convex part is inside.
    flip = np.where(normals @ part.vertices.mean(0) > offsets, -1.0, 1.0)
    return normals * flip[:, None], offsets * flip


def _polyhedron(corners: Float64, faces: Sequence[Sequence[int]]) -> Mesh:
    fans = [(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)]
    return Mesh(corners, np.array(fans, np.int64))


def _stack(rings: Sequence[npt.NDArray[np.float64]]) -> Mesh:
    """Rings of equal size joined by quads, closed at both ends."""
    sides = len(rings[0])
    faces: list[Sequence[int]] = [list(range(sides)), list(range((len(rings) - 1) * sides, len(rings) * sides))]
    for level in range(len(rings) - 1):
        low, high = level * sides, (level + 1) * sides
        for k in range(sides):
            n = (k + 1) % sides
            faces.append((low + k, low + n, high + n, high + k))
    return _polyhedron(np.concatenate(rings), faces)
