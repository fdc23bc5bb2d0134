"""What several pieces of furniture share: legs, cushions, drawers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.pointcloud.solids import Vector, beam, board, bowl, pole

Rng = np.random.Generator
Span = tuple[float, float]

CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def legs(rng: Rng, size: Vector, thickness: float, splay: float = 0.0) -> list[Mesh]:
    """Four legs at the corners of a top of `size` (width x, depth y, height of its lower face), round or square.

    They lean out by `splay` metres.
    """
    inset = thickness if splay else thickness / 2
    x, y, round_legs, taper = size[0] / 2 - inset, size[1] / 2 - inset, rng.random() < 0.4, rng.uniform(0.3, 0.5)
    parts = []
    for i, j in CORNERS:
        top: Vector = (i * x, j * y, size[2])
        foot: Vector = (i * (x + splay), j * (y + splay), 0.0)
        if round_legs:
            parts.append(pole(top, foot, thickness / 2, taper * thickness, sides=8))
        else:
            parts.append(beam(top, foot, thickness))
    return parts


def cushion(low: Vector, high: Vector) -> Mesh:
    """Box with soft edges."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    a, b, h = (x1 - x0) / 2, (y1 - y0) / 2, z1 - z0
    edge = min(0.3 * h, 0.2 * a, 0.2 * b)
    rings = [(a - edge, b - edge, 0.0), (a, b, edge), (a, b, h - edge), (a - edge, b - edge, h)]
    return bowl(((x0 + x1) / 2, (y0 + y1) / 2, z0), rings, squareness=7)


def drawer_fronts(rng: Rng, x: float, y: Span, z: Span, *, rows: int, columns: int) -> Iterator[Mesh]:
    """Drawers that stand out by a finger's width from a face at `x` that looks to -x, with knobs or bars."""
    gap, bar = 0.025, rng.random() < 0.4
    step_y, step_z = (y[1] - y[0]) / columns, (z[1] - z[0]) / rows
    for row in range(rows):
        for column in range(columns):
            y0, z0 = y[0] + column * step_y, z[0] + row * step_z
            yield board(
                (x - 0.02, y0 + gap / 2, z0 + gap / 2), (x + 0.01, y0 + step_y - gap / 2, z0 + step_z - gap / 2)
            )
            middle_y, middle_z, half = y0 + step_y / 2, z0 + step_z / 2, 0.15 * step_y if bar else 0.015
            yield board((x - 0.045, middle_y - half, middle_z - 0.012), (x - 0.015, middle_y + half, middle_z + 0.012))
