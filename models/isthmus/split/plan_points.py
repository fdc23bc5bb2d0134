"""What a cut costs at several qualities: the points of its curve, and of a quantiser of bits how they are found.

With a quantiser of so many bits (`--bits`), each channel has its own steps and one table; the contexts that such a
codec gets take 5 to 30 % less, most at few bits. `plan_stepped` has the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.split.calibrate import static_tables
from isthmus.split.components import Components, Float32
from isthmus.split.quantiser import LEAST_BITS, MOST_BITS, calibrate_steps

TINY = 1e-12
Planes = list[Float32]
"""Of a frame: of each tensor of a cut its latents, float32 [M, h, w]."""


@dataclass(frozen=True, slots=True)
class PlanPoint:
    """One quality of a cut.

    Attributes:
        quality: as `--quality` says it; of a quantiser of bits, their number.
        bits: of a frame's latents.
        moved, moved_median: by how far answers move, over the images: nats, or a share of their variance.
        agreement_percent: with the whole network, see `isthmus.split.plan`.
    """

    quality: int
    bits: float
    moved: float
    moved_median: float
    agreement_percent: float


@dataclass(frozen=True, slots=True)
class Judge:
    """What is seen of a network whose latents were changed.

    Attributes:
        cloud: from a tensor each, float32 [1, M, h, w], to answers.
        distance: from the whole network's answers to others.
        agrees: whether, or how far, they agree, 0 to 1.
        target: the distance that a codec's own step is chosen for.
    """

    cloud: Callable[..., list[Float32]]
    distance: Callable[[Sequence[Float32], Sequence[Float32]], float]
    agrees: Callable[[Sequence[Float32], Sequence[Float32]], float]
    target: float


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Of one cut.

    Attributes:
        points: coarsest first.
        components: of each tensor, in units; () of a quantiser of bits.
        coding_ms: of a frame's latents to bits, one thread of this machine; back takes about as long.
    """

    points: tuple[PlanPoint, ...]
    components: tuple[Components, ...]
    coding_ms: float


def levelled_points(judge: Judge, bits: int, calibration: Sequence[Planes], test: Iterator[Planes]) -> Points:
    """Of a cut with a quantiser of bits: of so many, of two fewer and of two more."""
    depths = sorted({min(max(bits + off, LEAST_BITS), MOST_BITS) for off in (-2, 0, 2)})
    planes_of = [[y[k] for y in calibration] for k in range(len(calibration[0]))]
    made = {depth: [calibrate_steps(ys, depth) for ys in planes_of] for depth in depths}
    tables = {
        depth: [static_tables([q.quantise(y) for y in ys]) for q, ys in zip(made[depth], planes_of, strict=True)]
        for depth in depths
    }
    tally = Tally(judge, depths)
    for planes in test:
        whole = judge.cloud(*(y[None] for y in planes))
        for depth in depths:
            began = time.thread_time()
            symbols = [q.quantise(y) for q, y in zip(made[depth], planes, strict=True)]
            size = 8 * sum(len(t.encode(s)) for t, s in zip(tables[depth], symbols, strict=True))
            if depth == bits:
                tally.coding_s.append(time.thread_time() - began)
            back = [q.dequantise(s)[None] for q, s in zip(made[depth], symbols, strict=True)]
            tally.add(depth, size, whole, judge.cloud(*back))
    return Points(tally.points(), (), tally.coding_ms)


def bits_at(points: Sequence[PlanPoint], target: float) -> float:
    """Bits at which answers move so far, between the points on a scale of logarithms; the first's where all move less,
    nan where all move more."""
    curve = sorted((max(p.moved, TINY), p.bits) for p in points)
    if curve[0][0] > target:
        return float("nan")
    x, y = np.log([c[0] for c in curve]), np.log([max(c[1], 1.0) for c in curve])
    return float(np.exp(np.interp(np.log(target), x, y)))


class Tally:
    """What was found of each image at each quality."""

    def __init__(self, judge: Judge, qualities: Sequence[int]) -> None:
        self._judge = judge
        self._rows: dict[int, list[tuple[float, float, float]]] = {q: [] for q in qualities}
        self.coding_s: list[float] = []

    def add(self, quality: int, bits: float, whole: Sequence[Float32], other: Sequence[Float32]) -> None:
        """An image: its bits, and the answers ``[1, …]`` before and after."""
        moved, agrees = self._judge.distance(whole, other), self._judge.agrees(whole, other)
        self._rows[quality].append((bits, moved, agrees))

    def points(self) -> tuple[PlanPoint, ...]:
        """Of all images that were added, coarsest first."""
        made = []
        for quality, rows in self._rows.items():
            bits, moved, agrees = np.array(rows).T
            middle = float(np.median(moved))
            made.append(PlanPoint(quality, float(bits.mean()), float(moved.mean()), middle, 100 * float(agrees.mean())))
        return tuple(made)

    @property
    def coding_ms(self) -> float:
        """Median milliseconds of what was timed."""
        return 1e3 * float(np.median(self.coding_s))
