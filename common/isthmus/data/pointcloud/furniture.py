"""Generated furniture: the ten classes of ModelNet10, for demos and tests that ship without a data set.

Each class is a short function that puts convex parts together in metres, floor at z = 0, z up, with random
proportions and variants. The pose is that of the aligned ModelNet10: chair, bed and toilet have their back (headboard,
cistern) at +y and face -y; sofa, monitor, desk, dresser and night stand are wide along y, have their back at +x and
face -x; tables and bathtubs are long along y.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.joinery import Rng, cushion, drawer_fronts, legs
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.data.pointcloud.mesh import Float32, Mesh
from isthmus.data.pointcloud.seating import bed, chair, sofa
from isthmus.data.pointcloud.solids import Vector, beam, board, bowl, box, disc, pole, ring_wall, surface_points


def generate(class_name: str, rng: Rng, points: int) -> Float32:
    """One piece of furniture, evenly sampled on its outer surface.

    Args:
        class_name: one of `CLASS_NAMES`.
        rng: draws the proportions, then the points.
        points: at least 1.

    Returns:
        float32 [points, 3] in metres, z up.
    """
    if class_name not in BUILDERS:
        raise InputError(f"furniture: expected one of {', '.join(BUILDERS)}, got {class_name!r}")
    if points < 1:
        raise InputError(f"furniture: expected at least 1 point, got {points}")
    return surface_points(BUILDERS[class_name](rng), points, rng)


def generate_set(clouds_per_class: int, points: int, seed: int) -> LabelledClouds:
    """Ten classes of `clouds_per_class` clouds each, sorted by class; the same for the same arguments."""
    clouds = [
        generate(name, np.random.default_rng((seed, label, index)), points)
        for label, name in enumerate(CLASS_NAMES)
        for index in range(clouds_per_class)
    ]
    labels = np.repeat(np.arange(len(CLASS_NAMES)), clouds_per_class)
    return LabelledClouds.from_clouds(clouds, labels, CLASS_NAMES, "generated furniture")


def _bathtub(rng: Rng) -> list[Mesh]:
    length, width, height = rng.uniform(1.5, 1.85), rng.uniform(0.7, 1.05), rng.uniform(0.45, 0.72)
    rim, floor, kind = rng.uniform(0.05, 0.12), rng.uniform(0.08, 0.18), rng.random()
    squareness = rng.uniform(5, 12) if kind < 0.65 else rng.uniform(2, 3.5)
    foot = 1.0 if kind < 0.5 else rng.uniform(0.7, 0.9)  # straight skirt, or a shell that narrows to the floor
    outer, inner = (width / 2, length / 2), (width / 2 - rim, length / 2 - rim * rng.uniform(1, 2))
    parts = ring_wall((0, 0, 0), outer, inner, (0, height), bottom_scale=foot, sides=32, squareness=squareness)
    base = (inner[0] * foot + 0.01, inner[1] * foot + 0.01)
    parts.append(bowl((0, 0, 0), [(*base, 0.0), (*base, floor)], 32, squareness))
    if kind < 0.3:  # built in: a square apron around the basin
        x, y = width / 2, length / 2
        low, high = rng.uniform(0, 0.05), height
        parts += [board((s * x - 0.03, -y, low), (s * x + 0.03, y, high)) for s in (-1, 1)]
        parts += [board((-x, s * y - 0.03, low), (x, s * y + 0.03, high)) for s in (-1, 1)]
    if rng.random() < 0.3:  # tap
        y = length / 2 - 0.05
        parts += [box((0, y, height + 0.05), (0.05, 0.05, 0.12)), box((0, y - 0.06, height + 0.1), (0.04, 0.15, 0.03))]
    return parts


def _desk(rng: Rng) -> list[Mesh]:
    depth, width, height = rng.uniform(0.6, 0.9), rng.uniform(1.15, 1.8), rng.uniform(0.7, 0.78)
    x, y, slab, under = depth / 2, width / 2, rng.uniform(0.03, 0.06), 0.0
    parts = [board((-x, -y, height - slab), (x, y, height))]
    under = height - slab + 0.005
    for s in (-1, 1):  # each end: a pedestal of drawers, a panel, or legs
        kind, broad = rng.random(), rng.uniform(0.32, 0.45)
        y0, y1 = sorted((s * (y - 0.02), s * (y - 0.02 - broad)))
        if kind < 0.55:
            parts.append(board((-x + 0.03, y0, rng.uniform(0, 0.08)), (x - 0.02, y1, under)))
            parts += drawer_fronts(
                rng, -x + 0.03, (y0, y1), (0.1, under - 0.01), rows=int(rng.integers(2, 5)), columns=1
            )
        elif kind < 0.8:
            parts.append(box((0, s * (y - 0.03), under / 2), (depth * 0.92, 0.05, under)))
        else:
            parts += [
                beam((i * (x - 0.05), s * (y - 0.05), under), (i * (x - 0.05), s * (y - 0.05), 0), 0.055)
                for i in (-1, 1)
            ]
    if rng.random() < 0.65:  # modesty panel
        parts.append(board((x - 0.06, -y + 0.03, rng.choice([0.03, 0.3])), (x - 0.02, y - 0.03, under)))
    if rng.random() < 0.4:
        parts.append(board((-x + 0.05, -y + 0.1, height - slab - 0.12), (x - 0.05, y - 0.1, under)))
    if rng.random() < 0.2:  # shelves on top, at the back
        top, deep = height + rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.3)
        parts += [board((x - deep, -y, z), (x, y, z + 0.04)) for z in (top - 0.04, (height + top) / 2)]
        parts += [
            box((x - deep / 2, j, (height + top) / 2), (deep, 0.04, top - height)) for j in (-y + 0.02, 0, y - 0.02)
        ]
        parts.append(board((x - 0.04, -y, height - 0.01), (x, y, top)))
    if rng.random() < 0.12:  # a return at one side
        s, reach = rng.choice([-1, 1]), rng.uniform(0.4, 0.7)
        y0, y1 = sorted((s * y, s * (y - 0.5)))
        parts += [
            board((-x - reach, y0, height - slab), (-x, y1, height)),
            board((-x - reach, y0, 0), (-x - reach + 0.05, y1, under)),
        ]
    return parts


def _dresser(rng: Rng) -> list[Mesh]:
    height, depth = rng.uniform(0.8, 1.35), rng.uniform(0.45, 0.6)
    width = height * rng.uniform(0.6, 1.4)
    return _cabinet(rng, (depth, width, height), int(rng.integers(3, 6)), 1 if width < 0.9 else int(rng.integers(1, 4)))


def _cabinet(rng: Rng, size: Vector, rows: int, columns: int) -> list[Mesh]:
    """Chest of drawers that faces -x, on the floor, a plinth or short feet."""
    depth, width, height = size
    x, y, kind = depth / 2, width / 2, rng.random()
    foot = 0.0 if kind < 0.4 else rng.uniform(0.04, 0.12)
    overhang = rng.uniform(0.0, 0.03)
    parts = [board((-x, -y, foot), (x, y, height - 0.03))]
    parts.append(board((-x - overhang, -y - overhang, height - 0.035), (x, y + overhang, height)))
    if kind >= 0.7:
        parts += legs(rng, (depth, width, foot + 0.01), 0.07)
    elif foot:
        parts.append(board((-x + 0.04, -y + 0.02, 0), (x, y - 0.02, foot + 0.01)))
    parts += drawer_fronts(rng, -x, (-y + 0.02, y - 0.02), (foot + 0.03, height - 0.05), rows=rows, columns=columns)
    return parts


def _monitor(rng: Rng) -> list[Mesh]:
    width = rng.uniform(0.42, 0.7)
    tall, thick, clear = width * rng.uniform(0.6, 0.8), rng.uniform(0.03, 0.07), rng.uniform(0.05, 0.14)
    y, top = width / 2, clear + tall
    parts = [board((0, -y, clear), (thick, y, top))]
    parts.append(
        cushion(
            (thick - 0.02, -y * 0.7, clear + 0.15 * tall), (thick + rng.uniform(0.01, 0.05), y * 0.7, top - 0.15 * tall)
        )
    )
    neck = rng.uniform(0.03, 0.07)
    back = thick + rng.uniform(0.0, 0.04)
    parts.append(
        beam((back, 0, 0.01), (thick, 0, clear + tall * rng.uniform(0.2, 0.5)), rng.uniform(0.03, 0.05), neck * 2)
    )
    reach, spread, plate = rng.uniform(0.09, 0.14), width * rng.uniform(0.2, 0.36), rng.uniform(0.015, 0.035)
    middle = thick / 2 + rng.uniform(-0.01, 0.04)
    if rng.random() < 0.6:
        parts.append(disc((middle, 0, 0), (reach, spread), plate))
    else:
        parts.append(board((middle - reach, -spread, 0), (middle + reach, spread, plate)))
    if rng.random() < 0.15:  # speakers
        parts += [box((thick / 2, s * (y + 0.03), clear + tall / 2), (thick, 0.07, tall * 0.9)) for s in (-1, 1)]
    return parts


def _night_stand(rng: Rng) -> list[Mesh]:
    height = rng.uniform(0.45, 0.68)
    depth, width = height * rng.uniform(0.72, 1.0), height * rng.uniform(0.8, 1.1)
    if rng.random() < 0.45:
        return _cabinet(rng, (depth, width, height), int(rng.integers(1, 4)), 1)
    x, y, case = depth / 2, width / 2, height * rng.uniform(0.35, 0.6)
    parts = [board((-x, -y, height - case), (x, y, height)), *legs(rng, (depth, width, height - case + 0.01), 0.05)]
    parts += drawer_fronts(
        rng, -x, (-y + 0.02, y - 0.02), (height - case + 0.02, height - 0.04), rows=int(rng.integers(1, 3)), columns=1
    )
    if rng.random() < 0.5:
        low = rng.uniform(0.06, 0.18)
        parts.append(board((-x + 0.01, -y + 0.01, low), (x - 0.01, y - 0.01, low + 0.03)))
    return parts


def _table(rng: Rng) -> list[Mesh]:
    low = rng.random() < 0.3  # a coffee table
    height = rng.uniform(0.38, 0.5) if low else rng.uniform(0.68, 0.78)
    depth = rng.uniform(0.55, 0.8) if low else rng.uniform(0.7, 1.15)
    width, slab, kind = depth * rng.uniform(1.0, 2.1), rng.uniform(0.03, 0.06), rng.random()
    x, y, under = depth / 2, width / 2, height - slab + 0.005
    if rng.random() < 0.22:  # round or oval, on a column or on legs under it
        parts = [disc((0, 0, height - slab), (x, y), slab)]
        if kind < 0.6:
            parts += [pole((0, 0, 0), (0, 0, under), 0.06), disc((0, 0, 0), (x * 0.5, x * 0.5), 0.04)]
            return parts
        return parts + legs(rng, (depth * 0.72, width * 0.72, under), 0.06)
    parts = [board((-x, -y, height - slab), (x, y, height))]
    if kind < 0.7:
        inset = rng.choice([0.0, 0.04, 0.1])
        parts += legs(rng, (depth - inset, width - inset, under), rng.uniform(0.05, 0.09))
        if rng.random() < 0.5:  # apron
            a, b, drop = x - inset / 2 - 0.03, y - inset / 2 - 0.03, under - rng.uniform(0.06, 0.12)
            parts += [board((s * a - 0.015, -b, drop), (s * a + 0.015, b, under)) for s in (-1, 1)]
            parts += [board((-a, s * b - 0.015, drop), (a, s * b + 0.015, under)) for s in (-1, 1)]
        if low and rng.random() < 0.5:
            parts.append(board((-x + 0.05, -y + 0.05, 0.12), (x - 0.05, y - 0.05, 0.15)))
    elif kind < 0.85:  # two panels and a stretcher
        b = y * rng.uniform(0.6, 0.95)
        parts += [box((0, s * b, under / 2), (depth * rng.uniform(0.6, 0.9), 0.06, under)) for s in (-1, 1)]
        parts.append(box((0, 0, under * 0.4), (0.05, 2 * b, 0.08)))
    else:  # two columns on feet
        b = y * rng.uniform(0.45, 0.7)
        for s in (-1, 1):
            parts += [box((0, s * b, under / 2), (0.12, 0.12, under)), box((0, s * b, 0.03), (depth * 0.8, 0.1, 0.06))]
    return parts


def _toilet(rng: Rng) -> list[Mesh]:
    seat, a, b = rng.uniform(0.36, 0.44), rng.uniform(0.17, 0.21), rng.uniform(0.22, 0.29)
    foot_a, foot_b = a * rng.uniform(0.5, 0.75), b * rng.uniform(0.5, 0.75)
    shift = rng.uniform(0.05, 0.12)  # the foot stands behind the middle of the bowl
    parts = [
        bowl((0, shift, 0), [(foot_a * 1.15, foot_b * 1.3, 0), (foot_a, foot_b * 1.1, 0.05)]),
        bowl((0, shift, 0), [(foot_a, foot_b * 1.1, 0.04), (foot_a, foot_b * 1.1, seat * 0.6)]),
    ]
    parts.append(
        bowl((0, 0, 0), [(a * 0.5, b * 0.5, seat * 0.35), (a * 0.85, b * 0.85, seat * 0.6), (a, b, seat - 0.06)])
    )
    parts.append(board((-a * 0.85, b * 0.3, seat * 0.25), (a * 0.85, b + shift + 0.12, seat - 0.02)))
    lid, high = rng.random(), seat + rng.uniform(0.3, 0.45)
    parts += ring_wall((0, 0, 0), (a, b), (a * 0.62, b * 0.66), (seat - 0.07, seat + 0.015), sides=20)
    if lid < 0.55:  # closed
        parts.append(disc((0, 0, seat + 0.01), (a * 1.02, b * 1.02), 0.03))
    else:
        parts.append(bowl((0, 0, 0), [(a * 0.6, b * 0.62, seat * 0.6), (a * 0.64, b * 0.68, seat * 0.7)], 20))
        if lid < 0.8:  # raised against the cistern
            parts.append(beam((0, b * 0.98, seat), (0, b * 1.05, seat + 2 * b * 0.9), 2 * a * 0.9, 0.03))
    wide, deep = rng.uniform(0.19, 0.25), rng.uniform(0.17, 0.22)
    back = b + shift + 0.14
    low = seat - 0.04 if rng.random() < 0.8 else 0.0
    parts.append(cushion((-wide, back - deep, low), (wide, back, high)))
    parts.append(board((-wide - 0.01, back - deep - 0.01, high - 0.01), (wide + 0.01, back + 0.01, high + 0.03)))
    return parts


BUILDERS: dict[str, Callable[[Rng], list[Mesh]]] = {
    "bathtub": _bathtub,
    "bed": bed,
    "chair": chair,
    "desk": _desk,
    "dresser": _dresser,
    "monitor": _monitor,
    "night_stand": _night_stand,
    "sofa": sofa,
    "table": _table,
    "toilet": _toilet,
}
CLASS_NAMES = tuple(BUILDERS)
