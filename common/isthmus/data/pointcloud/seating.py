"""Furniture to sit or lie on: beds, chairs, sofas, built as `furniture` says."""

from __future__ import annotations

import numpy as np

from isthmus.data.pointcloud.joinery import Rng, cushion, legs
from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.pointcloud.solids import Vector, beam, board, box, pole, ring_wall

PI = float(np.pi)


def bed(rng: Rng) -> list[Mesh]:
    width, length = rng.choice([1.0, 1.4, 1.6, 1.9]) * rng.uniform(0.95, 1.05), rng.uniform(2.0, 2.2)
    base, top = rng.uniform(0.18, 0.35), rng.uniform(0.42, 0.62)
    x, y = width / 2, length / 2
    parts = [cushion((-x + 0.02, -y + 0.02, base), (x - 0.02, y, top))]
    if rng.random() < 0.6:  # frame to the floor
        parts.append(board((-x, -y, 0.0 if rng.random() < 0.7 else 0.08), (x, y, base + 0.06)))
    else:
        parts += [board((-x, -y, base - 0.12), (x, y, base + 0.03)), *legs(rng, (width, length, base), 0.09)]
    if rng.random() < 0.92:
        head, lean = top + rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.14)
        parts.append(board((-x - 0.03, y - 0.01, 0.0), (x + 0.03, y + lean, head)))
    if rng.random() < 0.35:
        parts.append(board((-x - 0.02, -y - 0.06, 0.0), (x + 0.02, -y + 0.01, top + rng.uniform(-0.08, 0.2))))
    pillows = 1 if width < 1.2 else 2
    for k in range(pillows):
        middle, half = -x + (k + 0.5) * width / pillows, 0.42 * width / pillows
        parts.append(
            cushion((middle - half, y - 0.5, top - 0.02), (middle + half, y - 0.05, top + rng.uniform(0.08, 0.16)))
        )
    return parts


def chair(rng: Rng) -> list[Mesh]:
    width, depth = rng.uniform(0.42, 0.62), rng.uniform(0.42, 0.56)
    seat, thick, top = rng.uniform(0.4, 0.5), rng.uniform(0.04, 0.1), rng.uniform(0.78, 1.08)
    x, y, lean, kind = width / 2, depth / 2, rng.uniform(0.0, 0.14), rng.random()
    parts = [cushion((-x, -y, seat - thick), (x, y, seat))]
    if kind < 0.65:
        parts += legs(rng, (width, depth, seat - thick / 2), rng.uniform(0.035, 0.06), rng.uniform(0, 0.06))
        if rng.random() < 0.3:
            low = rng.uniform(0.1, 0.25)
            parts += [beam((s * (x - 0.03), -y + 0.03, low), (s * (x - 0.03), y - 0.03, low), 0.03) for s in (-1, 1)]
    else:  # office chair
        parts.append(pole((0, 0, 0.08), (0, 0, seat - thick / 2), 0.035))
        turn, reach = rng.uniform(0, 2 * PI), rng.uniform(0.26, 0.34)
        for k in range(5):
            angle = turn + k * 0.4 * PI
            tip = (reach * np.cos(angle), reach * np.sin(angle), 0.06)
            parts += [beam((0, 0, 0.1), tip, 0.045), box((tip[0], tip[1], 0.035), (0.06, 0.06, 0.07))]
    back, foot = rng.random(), seat + (rng.uniform(0.08, 0.2) if kind >= 0.65 else -0.01)
    head: Vector = (0.0, y + lean, top)
    root: Vector = (0.0, y - 0.02, seat - thick)
    if back < 0.6:  # one board
        share = (foot - seat) / (top - seat)
        parts.append(
            beam((0, y - 0.02 + lean * share, foot), head, width * rng.uniform(0.85, 1.0), rng.uniform(0.03, 0.08))
        )
        if foot > seat:
            parts.append(beam(root, (0, y + lean * share, foot + 0.05), 0.08, 0.03))
    elif back < 0.8:  # posts and rails
        parts += [beam((s * (x - 0.02), root[1], root[2]), (s * (x - 0.02), head[1], head[2]), 0.04) for s in (-1, 1)]
        for share in np.linspace(0.4, 0.95, int(rng.integers(2, 5))):
            middle = (y - 0.02 + share * (lean + 0.02), seat + share * (top - seat))
            parts.append(beam((-x + 0.02, *middle), (x - 0.02, *middle), 0.03, 0.07))
    else:  # a curved sheet
        radii = (x, depth * 0.55)
        parts += ring_wall(
            (0, y - radii[1] + 0.05, 0),
            radii,
            (x - 0.05, radii[1] - 0.05),
            (seat - 0.02, top),
            span=(0.1 * PI, 0.9 * PI),
            sides=10,
        )
    if rng.random() < 0.4:
        arm = seat + rng.uniform(0.16, 0.26)
        for s in (-1, 1):
            parts.append(box((s * x, 0.02, arm), (0.05, depth * 0.9, 0.04)))
            parts.append(beam((s * x, -y * 0.6, seat - thick), (s * x, -y * 0.6, arm), 0.04))
            parts.append(beam((s * x, y * 0.9, seat - thick), (s * x, y * 0.9, arm), 0.04))
    return parts


def sofa(rng: Rng) -> list[Mesh]:
    seats = int(rng.integers(2, 5))
    width, depth, height = 0.55 * seats + rng.uniform(0.3, 0.6), rng.uniform(0.8, 1.05), rng.uniform(0.65, 0.9)
    x, y, seat, back = depth / 2, width / 2, rng.uniform(0.36, 0.46), rng.uniform(0.18, 0.3)
    arm, arm_top, foot = rng.uniform(0.12, 0.26), seat + rng.uniform(0.1, 0.24), rng.choice([0.0, 0.05, 0.1])
    parts = [board((-x + 0.04, -y + 0.02, foot), (x - 0.02, y - 0.02, seat - 0.12))]
    parts.append(beam((x - back / 2 - 0.06, 0, seat - 0.15), (x - back / 2, 0, height), back * 0.9, width - 0.04))
    parts.append(board((x - back, -y + 0.02, foot), (x, y - 0.02, seat)))
    if rng.random() < 0.9:
        for s in (-1, 1):
            y0, y1 = sorted((s * y, s * (y - arm)))
            parts.append(cushion((-x, y0, foot), (x - 0.05, y1, arm_top)))
    else:
        arm = 0.02
    inner = (width - 2 * arm) / seats
    for k in range(seats):
        y0, y1 = -y + arm + k * inner + 0.005, -y + arm + (k + 1) * inner - 0.005
        parts.append(cushion((-x, y0, seat - 0.15), (x - back, y1, seat)))
        if rng.random() < 0.7:
            parts.append(cushion((x - back - 0.14, y0, seat - 0.01), (x - back + 0.06, y1, height - 0.06)))
    if foot:
        parts += legs(rng, (depth - 0.1, width - 0.1, foot + 0.01), 0.06)
    return parts
