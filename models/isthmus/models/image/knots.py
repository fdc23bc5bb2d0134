"""Where a channel's distribution may be bent: knots along its bins, dense at zero, sparse in the tails.

A change of logits is given at the knots and linear between them; beyond the outermost it stays as it is there. Knots
lie at 0 and at both signs of the Fibonacci numbers, up to the channel's reach: a latent of 3 and one of 4 are told
apart, one of 100 and one of 110 are not. Channels of one reach form a class, so that few small matrices serve all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.image.histogram import largest_counted

MAGNITUDES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610)
BEYOND_SHARE = 1e-3
"""Of a channel's latents may lie beyond its outermost knots."""
HAT_BITS = 6
"""Weights between knots are whole numbers of 2^-6, on both sides of the wire and in training."""

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class KnotClass:
    """Channels of one reach.

    Attributes:
        channels: int64 ``[C]``, their numbers.
        knots: int64 ``[K]``, the values at which they have knots, rising; symmetric, 0 among them.
    """

    channels: Int64
    knots: Int64

    @property
    def reach(self) -> int:
        """Largest value with a knot."""
        return int(self.knots[-1])

    @property
    def size(self) -> int:
        """Numbers that bend all of its channels."""
        return len(self.channels) * len(self.knots)

    def hats(self) -> Int32:
        """Share of each knot in each value from -reach to reach: int32 ``[K, 2 reach + 1]``; columns sum to 64."""
        values = np.arange(-self.reach, self.reach + 1)
        right = np.clip(np.searchsorted(self.knots, values), 1, len(self.knots) - 1)
        low, high = self.knots[right - 1], self.knots[right]
        of_high = np.rint((values - low) / (high - low) * (1 << HAT_BITS)).astype(np.int32)
        hats = np.zeros((len(self.knots), len(values)), np.int32)
        columns = np.arange(len(values))
        hats[right, columns] = of_high
        hats[right - 1, columns] += (1 << HAT_BITS) - of_high
        return hats


def knot_classes(static: Float64) -> tuple[KnotClass, ...]:
    """Classes, of rising reach, of channels with static distributions ``[M_y, B]``; bin i is the value ``i - B/2``."""
    bins = static.shape[1]
    most = largest_counted(bins)
    allowed = [m for m in MAGNITUDES if m <= most] or [1]
    beyond = np.abs(np.arange(bins) - bins // 2)
    shares = np.stack([(static * (beyond > m)).sum(1) for m in allowed])
    enough = shares <= BEYOND_SHARE
    reach = np.where(enough.any(0), enough.argmax(0), len(allowed) - 1)
    classes = []
    for index in np.unique(reach):
        rising = np.array(allowed[: index + 1])
        knots = np.concatenate([-rising[::-1], [0], rising])
        classes.append(KnotClass(np.flatnonzero(reach == index), knots))
    return tuple(classes)
