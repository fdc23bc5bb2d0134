"""isthmus.data.pointcloud.triangulate"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from isthmus.common.errors import InputError
from isthmus.data.pointcloud import triangulate
from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.pointcloud.triangulate import triangulated

Float64 = npt.NDArray[np.float64]


def star(corners: int, seed: int) -> Float64:
    """A polygon around the origin, of a random distance at each corner."""
    rng = np.random.default_rng(seed)
    angle = (np.arange(corners) + rng.uniform(0, 0.5, corners)) * 2 * np.pi / corners
    return np.stack((np.cos(angle), np.sin(angle)), 1) * rng.uniform(0.1, 1, (corners, 1))


def comb(teeth: int) -> Float64:
    inside = [(k + x, y) for k in range(teeth) for x, y in ((0.2, 1), (0.8, 1), (0.9, 0.05), (1, 0.05))]
    return np.array([(0, 0), *inside, (teeth, -1), (0, -1)], np.float64)


def spiral(corners: int) -> Float64:
    t = np.linspace(0, 6 * np.pi, corners)
    arms = [np.stack(((t + r) * np.cos(t), (t + r) * np.sin(t)), 1) for r in (3, 2)]
    return np.concatenate((arms[0], arms[1][::-1]))


POLYGONS: dict[str, Float64] = {
    "arrow": np.array([(0, 0), (2, -1), (0, 3), (-2, -1)], np.float64),
    "letter L": np.array([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], np.float64),
    "letter U": np.array([(0, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (0, 2)], np.float64),
    "straight corners": np.array([(0, 0), (1, 0), (2, 0), (2, 2), (1, 0.5), (0, 2)], np.float64),
    "comb": comb(9),
    "spiral": spiral(60),
    **{f"star of {n}, {seed}": star(n, seed) for n in (4, 5, 8, 30) for seed in range(4)},
}


def area(polygon: Float64) -> float:
    """By the shoelace formula, below 0 for a clockwise one."""
    x, y = polygon.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def is_within(polygon: Float64, points: Float64) -> npt.NDArray[Any]:
    """By the parity of the sides to the right of each point, [P]."""
    a, b = polygon[:, None], np.roll(polygon, -1, 0)[:, None]
    crosses = (a[..., 1] > points[:, 1]) != (b[..., 1] > points[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[..., 0] + (points[:, 1] - a[..., 1]) * (b[..., 0] - a[..., 0]) / (b[..., 1] - a[..., 1])
    return np.asarray((crosses & (points[:, 0] < at)).sum(0) % 2 == 1)


@pytest.mark.parametrize("name", POLYGONS)
@pytest.mark.parametrize("backwards", [False, True])
def test_triangles_cover_the_polygon_and_nothing_else(name: str, backwards: bool) -> None:
    polygon = POLYGONS[name]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    vertices = np.pad(polygon, ((0, 0), (0, 1))) @ turn + [50, -7, 3]
    for start in range(0, len(polygon), max(1, len(polygon) // 4)):
        face = np.roll(np.arange(len(polygon)), start).tolist()
        triangles = triangulated(vertices, [face[::-1] if backwards else face])
        assert len(triangles) == len(polygon) - 2
        assert Mesh(vertices, triangles).areas().sum() == pytest.approx(abs(area(polygon)), rel=1e-9)
        middles = polygon[triangles].mean(1)
        flat = np.abs([area(polygon[t]) for t in triangles]) < 1e-12
        assert is_within(polygon, middles)[~flat].all()


def test_convex_faces_stay_the_fans_that_they_were() -> None:
    """So that what was drawn on them, and the bits that came of it, are as before."""
    angle = np.arange(7) * 2 * np.pi / 7
    vertices = np.stack((np.cos(angle), np.sin(angle), 0.2 * np.cos(2 * angle)), 1)
    faces = [[0, 1, 2], [3, 4, 5, 6], list(range(7)), [0, 1], [5], []]
    expected = [(f[0], f[k], f[k + 1]) for f in faces for k in range(1, len(f) - 1)]
    assert triangulated(vertices, faces).tolist() == [list(t) for t in expected]


def test_faces_without_an_inside_are_cut_all_the_same() -> None:
    vertices = np.array([(0, 0, 0), (1, 1, 0), (1, 0, 0), (0, 1, 0), (5, 5, 5)], np.float64)
    for face in (
        [0, 1, 2, 3],
        [0, 0, 0, 0, 0],
        [0, 1, 0, 1, 0, 1],
        [0, 1, 2, 99],
        [0, 1, 2, -5, 4],
        [0, 1, 2, 3, 0, 2, 1],
    ):
        assert triangulated(vertices, [face]).shape == (len(face) - 2, 3)
    for value in (np.nan, np.inf, 1e300):
        assert triangulated(np.full((6, 3), value), [list(range(6))]).shape == (4, 3)


def test_concave_corners_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triangulate, "MAX_CONCAVE_CORNERS", 11)
    vertices = np.pad(POLYGONS["letter L"], ((0, 0), (0, 1)))
    face = list(range(6))
    assert len(triangulated(vertices, [face])) == 4
    with pytest.raises(InputError, match="at most 11 corners of concave faces"):
        triangulated(vertices, [face, face])
