"""How far latents moved when the picture moved by v: the gain g whose v' = g v / n^k leaves the least error.

The thesis's rule says g = 1. No rule is taken for granted here: the reference's latents are moved by every gain of a
grid, and the least of the mean square errors, between grid points by a parabola, is what they moved by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.measure.motion.error import compare, rows_of
from isthmus.measure.motion.maps import MAX_SHIFT_PX, AffineMap, Picture, UInt8
from isthmus.measure.motion.taps import TappedNetwork
from isthmus.measure.motion.warp import KERNELS, moved_places, warp_matrix

Float64 = npt.NDArray[np.float64]

KERNEL = "bicubic"
GAINS = (0.0, 0.4, *(round(0.5 + 0.1 * i, 1) for i in range(11)), 1.6)
"""0 is no motion at all; the others are around 1."""
STILL, RULE = GAINS.index(0.0), GAINS.index(1.0)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was found of one tensor.

    Attributes:
        gain: that of least error; nan where no latent has its source within the tensor.
        squares: mean square of the relative error at each of `GAINS`.
    """

    gain: float
    squares: tuple[float, ...]

    @property
    def left_percent(self) -> float:
        """Of the mean square error of latents that stay where they were, what the rule leaves."""
        return 100 * self.squares[RULE] / self.squares[STILL]


def random_shifts(count: int, seed: int) -> list[tuple[float, float]]:
    """Translations in pixels, uniform up to the thesis's 32 both ways."""
    drawn = np.random.default_rng(seed).uniform(-MAX_SHIFT_PX, MAX_SHIFT_PX, (count, 2))
    return [(float(x), float(y)) for x, y in drawn]


def moved(
    network: TappedNetwork,
    pictures: Sequence[UInt8],
    shifts: Sequence[tuple[float, float]],
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Moved, ...]:
    """Of each tensor of a network, on pictures uint8 ``[height, width, 3]`` in turn.

    Args:
        network: which.
        pictures: one a translation, from the first again.
        shifts: in pixels.
        advance: told of each.
    """
    squares: list[list[list[float]]] = [[] for _ in network.taps]
    for number, shift in enumerate(shifts):
        picture = Picture(pictures[number % len(pictures)])
        before = [rows_of(tensor) for tensor in network.run(picture.frame(AffineMap()))]
        after = network.run(picture.frame(AffineMap.of(shift=shift)))
        for found, tap, rows, actual in zip(squares, network.taps, before, after, strict=True):
            side = (actual.shape[1], actual.shape[2])
            errors = []
            for gain in GAINS:
                places = moved_places(tap, side, AffineMap.of(shift=(gain * shift[0], gain * shift[1])))
                predicted = warp_matrix(places.x, places.y, side, KERNELS[KERNEL]) @ rows
                errors.append(compare(actual, predicted, places).relative ** 2)
            found.append(errors)
        advance(1)
    return tuple(_least(np.array(found, np.float64)) for found in squares)


def _least(squares: Float64) -> Moved:
    """Of squares ``[shifts, gains]``: those shifts count of which every gain has places inside."""
    known = squares[np.isfinite(squares).all(1)]
    if not len(known):
        return Moved(float("nan"), (float("nan"),) * len(GAINS))
    mean = known.mean(0)
    return Moved(least_gain(mean), tuple(mean.tolist()))


def least_gain(squares: Float64) -> float:
    """The gain of the least of squares ``[gains]``, by the parabola through it and its neighbours.

    Only among gains as far apart as their neighbours: 0 and the ends are there to be seen, not to be chosen between.
    """
    best = int(np.argmin(squares))
    left, right = GAINS[max(best - 1, 0)], GAINS[min(best + 1, len(GAINS) - 1)]
    step = GAINS[best] - left
    if not 0 < best < len(GAINS) - 1 or not np.isclose(step, right - GAINS[best]):
        return GAINS[best]
    low, middle, high = squares[best - 1 : best + 2]
    bend = low - 2 * middle + high
    return float(GAINS[best] + step * (low - high) / (2 * bend)) if bend > 0 else GAINS[best]
