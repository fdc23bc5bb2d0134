"""Which rate points stand for a family, and the curve through them: chosen on validation, drawn by what test says.

Theory of operation. The test split must not choose what is then quoted of it: the best of ten noisy figures is too
good. So a family's *front* is the points that no other beats on validation (as few bits, as many clouds right); the
last of them *stands for the family*, for every figure of one point. Validation has seen nothing of test, so on test
some of them lie under a cheaper one. To drop those would be to choose on test after all; instead neighbours that do
not grow are pooled into their mean (of the logarithm of bits, and of accuracy) until both grow along the curve:
isotonic regression by pool-adjacent-violators. Deltas are taken over that curve.

Input codecs have no validation (their bits are recorded of test clouds alone): their front is chosen on test. That is
in their favour.

Source: Barlow, Bartholomew, Bremner and Brunk, Statistical Inference under Order Restrictions (1972).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from isthmus.measure.curve import Curve, Float64, as_curve, pareto_front
from isthmus.measure.pointcloud.point import CodecPoint

Split = Literal["validation", "test"]
P = TypeVar("P")


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """Rate points that were chosen from those measured, by what test says of them.

    Attributes:
        name: of the family or the input codec.
        about: what it is, and by which settings, in a table's cell.
        chosen_on: the split that chose them.
        measured: rate points that they were chosen from.
        members: those chosen, by growing bits, float64 ``[members, 2]`` of (bits, top-1 percent).
        curve: through them, both growing; fewer points where members were pooled.
    """

    name: str
    about: str
    chosen_on: Split
    measured: int
    members: Float64
    curve: Curve


@dataclass(frozen=True, slots=True)
class Family:
    """All rate points of one configuration and variant.

    Attributes:
        name: of the family.
        points: all that were measured, in the order of their steps.
        front: those that were chosen, by growing bits on what chose them.
        chosen_on: validation, if the training record of every point tells of it, else test.
    """

    name: str
    points: tuple[CodecPoint, ...]
    front: tuple[CodecPoint, ...]
    chosen_on: Split

    @property
    def chosen(self) -> CodecPoint:
        """The point that stands for the family: the most clouds right, by what chose it; of equals the cheapest."""
        return self.front[-1]

    def best_on_test(self, accuracy: str = "top1_percent") -> CodecPoint:
        """What would stand for it if test chose, by one of the accuracies of `CodecPoint`."""
        return max(self.points, key=lambda p: (getattr(p, accuracy), -p.rate.coded_bits))

    def to_front(self, accuracy: str = "top1_percent") -> Front:
        """On real coded bits of one cloud a packet, and one of the accuracies of `CodecPoint`."""
        found = [(p.rate.coded_bits, getattr(p, accuracy)) for p in self.front]
        members = as_curve(sorted(found), self.name)
        curve = Curve(self.name, growing(members))
        return Front(self.name, self._about, self.chosen_on, len(self.points), members, curve)

    @property
    def _about(self) -> str:
        return f"the thesis's recipe, trained here ({self.name})" if "-thesis-" in self.name else self.name


def families(points: Iterable[CodecPoint]) -> dict[str, Family]:
    """By name, each with its front."""
    found: dict[str, list[CodecPoint]] = defaultdict(list)
    for point in points:
        found[point.family].append(point)
    return {name: _family(name, members) for name, members in sorted(found.items())}


def unbeaten(points: Iterable[P], judged: Iterable[tuple[float, float]]) -> tuple[P, ...]:
    """Those that no other beats, by growing bits.

    Args:
        points: any that are compared.
        judged: (bits, percent) of each, by what chooses.
    """
    front: list[P] = []
    best = -np.inf
    for (_, percent), point in sorted(zip(judged, points, strict=True), key=lambda one: (one[0][0], -one[0][1])):
        if percent > best:
            front.append(point)
            best = percent
    return tuple(front)


def front_on_test(name: str, about: str, points: Sequence[tuple[float, float]]) -> Front:
    """Of an input codec's operating points (bits, top-1 percent)."""
    front = pareto_front(points, name)
    return Front(name, about, "test", len(points), front, Curve(name, front))


def growing(points: npt.ArrayLike) -> Float64:
    """Points ``[n, 2]`` of (bits, percent) pooled until both grow, ``[m, 2]``."""
    curve = as_curve(points)
    pooled: list[tuple[float, float, int]] = []  # mean log10 bits, mean percent, of how many
    for bits, percent in curve[np.lexsort((curve[:, 1], curve[:, 0]))]:
        block = float(np.log10(bits)), float(percent), 1
        while pooled and (block[0] <= pooled[-1][0] or block[1] <= pooled[-1][1]):
            block = _mean(pooled.pop(), block)
        pooled.append(block)
    return np.array([(10**log_bits, percent) for log_bits, percent, _ in pooled])


def _mean(a: tuple[float, float, int], b: tuple[float, float, int]) -> tuple[float, float, int]:
    count = a[2] + b[2]
    return (a[0] * a[2] + b[0] * b[2]) / count, (a[1] * a[2] + b[1] * b[2]) / count, count


def _family(name: str, points: Sequence[CodecPoint]) -> Family:
    judged = [(p.validation.bits, p.validation.top1_percent) for p in points if p.validation is not None]
    chosen_on: Split = "validation"
    if len(judged) < len(points):
        judged, chosen_on = [(p.rate.coded_bits, p.top1_percent) for p in points], "test"
    return Family(name, tuple(points), unbeaten(points, judged), chosen_on)
