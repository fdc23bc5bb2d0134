"""Triangle meshes, and points drawn evenly over their surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Vertices float64 [V, 3] and triangles int64 [T, 3], rows of vertex indices.

    Raises:
        InputError: shapes are wrong, a vertex is not finite, or an index points past the vertices.
    """

    vertices: Float64
    triangles: Int64

    def __post_init__(self) -> None:
        for name, array in (("vertices", self.vertices), ("triangles", self.triangles)):
            if array.ndim != 2 or array.shape[1] != 3:
                raise InputError(f"mesh: expected {name} [count, 3], got shape {list(array.shape)}")
        if not np.isfinite(self.vertices).all():
            row = int(np.argwhere(~np.isfinite(self.vertices))[0, 0])
            raise InputError(f"mesh: expected finite vertices, got {self.vertices[row].tolist()} as vertex {row}")
        if len(self.triangles):
            low, high = int(self.triangles.min()), int(self.triangles.max())
            if low < 0 or high >= len(self.vertices):
                raise InputError(
                    f"mesh: expected vertex indices 0 to {len(self.vertices) - 1}, "
                    f"got {low if low < 0 else high} in a face"
                )

    def areas(self) -> Float64:
        """Area of each triangle, [T]."""
        a, b, c = (self.vertices[self.triangles[:, corner]] for corner in range(3))
        normals = np.cross(b - a, c - a)
        return np.asarray(0.5 * np.sqrt((normals * normals).sum(1)), np.float64)


def sample_surface(mesh: Mesh, count: int, rng: np.random.Generator) -> Float64:
    """`count` points drawn independently and uniformly by area, float64 [count, 3].

    Raises:
        InputError: the triangles have no area, or so large a one that it overflows.
    """
    return draw_on_triangles(mesh, count, rng)[0]


def draw_on_triangles(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[Float64, Int64]:
    """As `sample_surface`: points [count, 3], and the triangle each one lies on, [count]."""
    with np.errstate(over="ignore", invalid="ignore"):
        cumulative = np.cumsum(mesh.areas())
    total = float(cumulative[-1]) if len(cumulative) else 0.0
    if not 0 < total < np.inf:
        raise InputError(f"mesh: expected faces with an area, got {len(cumulative)} faces of total area {total:g}")
    chosen = np.searchsorted(cumulative, rng.random(count) * total, side="right")
    chosen = np.minimum(chosen, len(cumulative) - 1)  # a product that rounds up to the total
    corners = mesh.vertices[mesh.triangles[chosen]]  # [count, corner, xyz]
    u, v = rng.random((2, count, 1))
    outside = u + v > 1  # the far half of the parallelogram, folded back
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return a + u * (b - a) + v * (c - a), chosen.astype(np.int64)
