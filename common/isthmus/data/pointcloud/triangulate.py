"""Polygons cut into triangles that cover them and nothing else.

Theory of operation. A convex polygon is cut into a fan from its first corner, as nearly all are: those are told apart
by arrays, all of one size at once. A concave one of four corners is a fan from the corner that points inwards. A larger
one loses its ears one by one (G. H. Meisters, 1975): an ear is a corner that points outwards and whose triangle holds
no other corner. Only the ears beside a lost one change, so that n corners take n steps of arrays of n at most.

A polygon need not be flat: it is judged in the plane across its mean normal. One that crosses itself has no inside;
it is cut into the fan that it was.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

# Of concave faces of more than four corners, each of which takes some tens of microseconds.
MAX_CONCAVE_CORNERS = 1_000_000
_FLAT = 1e-9  # a turn of less, as a part of the lengths of its sides, is a straight line

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def triangulated(vertices: Float64, faces: Sequence[Sequence[int]]) -> Int64:
    """Triangles [T, 3] of faces of any number of corners, in their order; those of less than three give none.

    Args:
        vertices: float64 [V, 3].
        faces: indices of vertices, some of which may not be there: such faces are cut into fans.

    Raises:
        InputError: more corners of concave faces than `MAX_CONCAVE_CORNERS`.
    """
    cuts: dict[int, list[tuple[int, int, int]]] = {}
    concave_corners = 0
    by_size: dict[int, list[int]] = {}
    for place, face in enumerate(faces):
        if len(face) > 3:
            by_size.setdefault(len(face), []).append(place)
    for size, places in by_size.items():
        corners = np.array([faces[place] for place in places], np.int64)
        whole = (corners.min(1) >= 0) & (corners.max(1) < len(vertices))
        with np.errstate(all="ignore"):  # what is not finite is no corner that points inwards
            plane = _in_their_planes(vertices[np.where(whole[:, None], corners, 0)])
            turns = _turns(plane)
        concave = whole & (turns.min(1) < -_FLAT)
        for index in np.flatnonzero(concave):
            face = faces[places[index]]
            if size == 4:
                inwards = int(turns[index].argmin())
                turned = [face[(inwards + k) % 4] for k in range(4)]
                cuts[places[index]] = _fan(turned)
                continue
            concave_corners += size
            if concave_corners > MAX_CONCAVE_CORNERS:
                raise InputError(f"expected at most {MAX_CONCAVE_CORNERS} corners of concave faces, got more")
            ears = _ears(plane[index])
            cuts[places[index]] = [(face[a], face[b], face[c]) for a, b, c in ears] if ears else _fan(face)
    triangles: list[tuple[int, int, int]] = []
    for place, face in enumerate(faces):
        triangles += cuts[place] if place in cuts else _fan(face)
    return np.array(triangles, np.int64).reshape(-1, 3)


def _fan(face: Sequence[int]) -> list[tuple[int, int, int]]:
    return [(face[0], face[k], face[k + 1]) for k in range(1, len(face) - 1)]


def _in_their_planes(corners: Float64) -> Float64:
    """Polygons [F, n, 3] seen along their normals, [F, n, 2], in a size of about one, and counter-clockwise."""
    centred = corners - corners.mean(1, keepdims=True)
    size = np.abs(centred).max((1, 2), keepdims=True)
    centred = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    normal = np.cross(centred, np.roll(centred, -1, 1)).sum(1)  # Newell's
    length = np.sqrt((normal**2).sum(1, keepdims=True))
    normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    aside = np.where(np.abs(normal[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    u = np.cross(aside, normal)
    u /= np.maximum(np.sqrt((u**2).sum(1, keepdims=True)), 1e-30)
    v = np.cross(normal, u)
    return np.stack(((centred * u[:, None]).sum(2), (centred * v[:, None]).sum(2)), 2)


def _turns(plane: Float64) -> Float64:
    """At each corner [F, n]: above 0 where it points outwards, as a part of the longest side squared."""
    before, after = plane - np.roll(plane, 1, 1), np.roll(plane, -1, 1) - plane
    longest = np.maximum((after**2).sum(2).max(1, keepdims=True), 1e-300)
    return np.asarray(_cross(before, after) / longest, np.float64)


def _cross(a: Float64, b: Float64) -> Float64:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], np.float64)


def _ears(plane: Float64) -> list[tuple[int, int, int]]:
    """Triangles of one polygon [n, 2]; none where it has no inside."""
    count = len(plane)
    after, before = np.roll(np.arange(count), -1), np.roll(np.arange(count), 1)
    there = np.ones(count, bool)
    ear = np.array([_is_ear(plane, before[k], k, after[k], there) for k in range(count)])
    found: list[tuple[int, int, int]] = []
    for _ in range(count - 3):
        candidates = np.flatnonzero(ear & there)
        if not len(candidates):
            return []
        k = int(candidates[0])
        a, b = int(before[k]), int(after[k])
        found.append((a, k, b))
        there[k] = False
        after[a], before[b] = b, a
        ear[a] = _is_ear(plane, before[a], a, after[a], there)
        ear[b] = _is_ear(plane, before[b], b, after[b], there)
    last = int(np.flatnonzero(there)[0])
    return [*found, (int(before[last]), last, int(after[last]))]


def _is_ear(plane: Float64, a: int, k: int, b: int, there: npt.NDArray[np.bool_]) -> bool:
    """Whether corner k points outwards (or straight on), and its triangle with a and b holds none that is there."""
    corners = plane[[a, k, b]]
    turn = float(_cross(corners[1] - corners[0], corners[2] - corners[1]))
    if turn < 0:
        return False
    sides = [_cross(corners[(i + 1) % 3] - corners[i], plane - corners[i]) for i in range(3)]
    inside = (sides[0] >= 0) & (sides[1] >= 0) & (sides[2] >= 0) & there
    for corner in corners:  # one of the triangle's own, or another at the same place
        inside &= (plane != corner).any(1)
    if turn == 0 and inside.any():
        return False
    return not inside.any()
