"""Rate against accuracy or quality: curves, fronts, Bjøntegaard deltas, and curves that others have published.

Theory of operation. A *curve* is an array ``[points, 2]`` of (rate in bits a signal, accuracy in percent). Every
comparison is made on its Pareto front, where rate and accuracy grow together, so that points that share a rate or an
accuracy, or that a cheaper point beats, do no harm. Between the points of a front a monotone cubic (PCHIP) runs on
``log10(rate)``; both deltas are differences of its exact integral over the overlap of two fronts.

A cubic through few points is mostly guessed, and one side's guess against the other's measured points is no figure of
either. So curves whose points have names (qualities) are compared over the names that both have, and `bd_points` says
what a delta rests on, for whoever shows one.

Sources: Bjøntegaard, VCEG-M33 (2001); PCHIP slopes: Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

Float64 = npt.NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

ENOUGH_POINTS = 4
"""Points on a side that a BD-rate is commonly taken over (VCEG-M33); one over fewer says so."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Points by growing rate, float64 ``[points, 2]`` of (rate, accuracy or quality), and what they are called."""

    name: str
    points: Float64


def as_curve(points: npt.ArrayLike, name: str = "curve") -> Float64:
    """Points as a checked ``[points, 2]`` array of (bits > 0, accuracy)."""
    curve = np.asarray(points, dtype=np.float64)
    if curve.ndim != 2 or curve.shape[1] != 2 or len(curve) == 0:
        raise InputError(f"{name}: expected points [n, 2] of (bits, accuracy) with n >= 1, got shape {curve.shape}")
    if not np.isfinite(curve).all() or (curve[:, 0] <= 0).any():
        raise InputError(f"{name}: expected finite points with bits above 0 (rates are compared on a log scale)")
    return curve


def pareto_front(points: npt.ArrayLike, name: str = "curve") -> Float64:
    """Points ``[n, 2]`` that no other point beats at the same rate or less, rate and accuracy strictly growing."""
    curve = as_curve(points, name)
    ordered = curve[np.lexsort((-curve[:, 1], curve[:, 0]))]
    best_before = np.concatenate(([-np.inf], np.maximum.accumulate(ordered[:, 1])[:-1]))
    return ordered[ordered[:, 1] > best_before]


@dataclass(frozen=True, slots=True)
class MonotoneCubic:
    """PCHIP through points of strictly growing `x`: a cubic Hermite spline that never overshoots."""

    x: Float64  # [points]
    y: Float64  # [points]
    slopes: Float64  # [points]

    @classmethod
    def through(cls, x: npt.ArrayLike, y: npt.ArrayLike) -> MonotoneCubic:
        """The curve through two or more points, x and y ``[points]``. InputError if x does not grow."""
        xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if xs.ndim != 1 or xs.shape != ys.shape or len(xs) < 2 or (np.diff(xs) <= 0).any():
            raise InputError(f"expected two or more points of strictly growing x, got x {xs.tolist()}")
        return cls(xs, ys, _pchip_slopes(np.diff(xs), np.diff(ys) / np.diff(xs)))

    def __call__(self, x: npt.ArrayLike) -> Float64:
        """Values at `x`, which must lie within the points."""
        at = np.asarray(x, dtype=np.float64)
        interval = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        a, b, c, d = self._coefficients()
        t = at - self.x[interval]
        result: Float64 = ((a[interval] * t + b[interval]) * t + c[interval]) * t + d[interval]
        return result

    def integrate(self, low: float, high: float) -> float:
        """Integral from `low` to `high`, exact, both within the points."""
        left, right = np.clip(self.x[:-1], low, high), np.clip(self.x[1:], low, high)
        a, b, c, d = self._coefficients()

        def antiderivative(x: Float64) -> Float64:
            t = x - self.x[:-1]
            value: Float64 = (((a / 4 * t + b / 3) * t + c / 2) * t + d) * t
            return value

        return float((antiderivative(right) - antiderivative(left)).sum())

    def _coefficients(self) -> tuple[Float64, Float64, Float64, Float64]:
        step = np.diff(self.x)
        secant = np.diff(self.y) / step
        s0, s1 = self.slopes[:-1], self.slopes[1:]
        return (s0 + s1 - 2 * secant) / step**2, (3 * secant - 2 * s0 - s1) / step, s0, self.y[:-1]


def _pchip_slopes(step: Float64, secant: Float64) -> Float64:
    """Slope at each point: a weighted harmonic mean of its two secants inside, a three-point formula at the ends."""
    if len(secant) == 1:
        return np.repeat(secant, 2)
    slopes = np.zeros(len(secant) + 1)
    same_sign = secant[:-1] * secant[1:] > 0
    w0, w1 = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    m0, m1 = np.where(same_sign, secant[:-1], 1.0), np.where(same_sign, secant[1:], 1.0)
    slopes[1:-1] = np.where(same_sign, (w0 + w1) / (w0 / m0 + w1 / m1), 0.0)
    slopes[0] = _end_slope(step[0], step[1], secant[0], secant[1])
    slopes[-1] = _end_slope(step[-1], step[-2], secant[-1], secant[-2])
    return slopes


def _end_slope(step: float, next_step: float, secant: float, next_secant: float) -> float:
    slope = ((2 * step + next_step) * secant - step * next_secant) / (step + next_step)
    if slope * secant <= 0:
        return 0.0
    if secant * next_secant <= 0 and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return float(slope)


def bd_rate(anchor: npt.ArrayLike, test: npt.ArrayLike) -> float:
    """Mean change of rate from `anchor` to `test` at equal accuracy, in percent; negative: `test` needs fewer bits.

    Both are points ``[n, 2]`` of (bits, percent).
    Integrates over the accuracies that both fronts reach. Raises `InputError` where there are none.
    """
    a, t = _fronts(anchor, test)
    low, high = _overlap(a[:, 1], t[:, 1], "accuracies", "%")
    integrals = [MonotoneCubic.through(c[:, 1], np.log10(c[:, 0])).integrate(low, high) for c in (a, t)]
    return float(10 ** ((integrals[1] - integrals[0]) / (high - low)) - 1) * 100


@dataclass(frozen=True, slots=True)
class BdPoints:
    """What a BD-rate rests on: points of both fronts within the accuracies that it integrates over.

    Attributes:
        test, anchor: points that count.
        test_of, anchor_of: points that were measured.
    """

    test: int
    test_of: int
    anchor: int
    anchor_of: int

    @property
    def are_few(self) -> bool:
        """Whether either side has too few for its curve to be taken at its word."""
        return min(self.test, self.anchor) < ENOUGH_POINTS

    @property
    def cell(self) -> str:
        """For a table: ``7 of 7 / 9 of 10``, the test before the anchor, and that they are few where they are."""
        counts = f"{self.test} of {self.test_of} / {self.anchor} of {self.anchor_of}"
        return f"{counts}: few" if self.are_few else counts


def bd_points(anchor: npt.ArrayLike, test: npt.ArrayLike) -> BdPoints:
    """What `bd_rate` of the same points ``[n, 2]`` of (bits, percent) rests on; no points where nothing is shared."""
    measured = as_curve(test, "test"), as_curve(anchor, "anchor")
    fronts = [pareto_front(points)[:, 1] for points in measured]
    low, high = max(front[0] for front in fronts), min(front[-1] for front in fronts)
    counts = [int(((front >= low) & (front <= high)).sum()) for front in fronts]
    return BdPoints(counts[0], len(measured[0]), counts[1], len(measured[1]))


def bd_accuracy(anchor: npt.ArrayLike, test: npt.ArrayLike, *, saturated: bool = False) -> float:
    """Mean change of accuracy from `anchor` to `test` at equal rate (log scale), in percentage points.

    Both are points ``[n, 2]`` of (bits, percent).
    Integrates over the rates that both fronts have. With `saturated`, a front goes on at its best accuracy past its
    last point (more bits can always be left unused): so the thesis compares codecs that saturate at 100 bits with
    input codecs that need thousands.
    """
    a, t = _fronts(anchor, test)
    rates = [np.log10(c[:, 0]) for c in (a, t)]
    if saturated:
        last = max(r[-1] for r in rates)
        low, high = _overlap(np.append(rates[0], last), np.append(rates[1], last), "rates", " log10 bits")
    else:
        low, high = _overlap(rates[0], rates[1], "rates", " log10 bits")
    integrals = []
    for r, c in zip(rates, (a, t), strict=True):
        cubic = MonotoneCubic.through(r, c[:, 1])
        within = min(high, r[-1])
        flat = float(c[-1, 1]) * (high - max(low, r[-1])) if high > r[-1] else 0.0
        integrals.append((cubic.integrate(low, within) if within > low else 0.0) + flat)
    return float((integrals[1] - integrals[0]) / (high - low))


def rate_at_accuracy(points: npt.ArrayLike, accuracy_percent: float) -> float:
    """Bits at which the front of points ``[n, 2]`` reaches an accuracy, interpolated; nan outside its accuracies."""
    front = pareto_front(points)
    if len(front) < 2 or not front[0, 1] <= accuracy_percent <= front[-1, 1]:
        return float("nan")
    return float(10 ** MonotoneCubic.through(front[:, 1], np.log10(front[:, 0]))(accuracy_percent))


def or_unknown(delta: Callable[[Float64, Float64], float], anchor: Float64, test: Float64) -> float:
    """A delta of two curves ``[points, 2]``; nan where they share nothing, or one has a single point."""
    try:
        return delta(anchor, test)
    except InputError:
        return float("nan")


def read_published(
    path: Path, columns: Sequence[str], read: Callable[[Mapping[str, str]], tuple[Key, float, float] | None]
) -> dict[Key, list[tuple[float, float]]]:
    """Points (rate, accuracy) of each curve that a csv quotes, in the order of its rows.

    Args:
        path: of the csv; a line that begins with # is a remark, such as where its figures are from.
        columns: that it must have.
        read: of a row, which curve it is of and its point; None leaves it out.

    Raises:
        InputError: no such file, or not as said.
    """
    found: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(line for line in file if not line.startswith("#"))
            if not set(columns) <= set(rows.fieldnames or ()):
                raise ValueError(f"columns {rows.fieldnames}")
            for row in rows:
                if (point := read(row)) is not None:
                    found[point[0]].append(point[1:])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected a csv of {', '.join(columns)}, got {error!r}") from error
    return dict(found)


def _fronts(anchor: npt.ArrayLike, test: npt.ArrayLike) -> tuple[Float64, Float64]:
    fronts = pareto_front(anchor, "anchor"), pareto_front(test, "test")
    for name, front in zip(("anchor", "test"), fronts, strict=True):
        if len(front) < 2:
            raise InputError(f"{name}: expected a front of two or more points, got {front.tolist()}: measure more")
    return fronts


def _overlap(anchor: Float64, test: Float64, what: str, unit: str) -> tuple[float, float]:
    low, high = max(anchor.min(), test.min()), min(anchor.max(), test.max())
    if not low < high:
        raise InputError(
            f"expected curves that share {what}, got anchor {anchor.min():.3f} to {anchor.max():.3f}{unit} and test "
            f"{test.min():.3f} to {test.max():.3f}{unit}; measure points in between"
        )
    return float(low), float(high)
