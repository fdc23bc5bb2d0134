"""What motion leaves wrong in the latents, guessed from pixels, in the unit that the answers are moved by.

The components of a codec with tiles weigh the same (BITSTREAM.md §7.9): the answers of the network lose about as much,
in nats, as the latents' squared error is large, whatever component it is in. So the guess is of that error, and not of
pixels: the root mean square difference of a block's canvases, in grey levels, times a *gain*. That the error grows with
the difference, and not with its square, and that no contrast divides it, was seen on the clips that thresholds are
tuned on (`isthmus measure video-thresholds` writes it down).

The gain differs from picture to picture, some ten times, as smooth ones move latents with few grey levels. So it is
learned: whenever the network runs, what was guessed is compared with what is so, and half of the way is gone, on a
scale of logarithms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.video.step import UNIT_STEP
from isthmus.edge.video.canvas import CanvasShape, block_means

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]

START_GAIN = 0.2
"""Squared units a grey level, before the network has been seen to run."""
GAINS = 0.04, 1.0
"""What is believed at most."""
MOST_CHANGE = 2.0
"""By which one frame changes it, before half of the way is gone."""
LEAST_ERROR = 0.05
"""Squared units: less says nothing of the gain."""


class AnswerError:
    """The guess of one stream.

    Attributes:
        gain: squared units a grey level.
    """

    def __init__(self) -> None:
        self.gain = START_GAIN
        self._left = 0.0

    def forget(self) -> None:
        """Another picture comes."""
        self.gain = START_GAIN

    def expected(self, difference: float) -> float:
        """Mean squared error of the latents, in squared units, that a `difference` stands for."""
        return self.gain * difference

    def held(self, y: Int32, state: Int32) -> None:
        """What the cloud holds of latents that the network was seen to make, `[M, h, w]` each in 1/16 of a unit."""
        self._left = mean_square(y, state)

    def seen(self, difference: float, y: Int32, predicted: Int32) -> None:
        """What a `difference` has come to: latents and what they were predicted as, `[M, h, w]` each, as of `held`."""
        if difference <= 0:
            return
        added = max(mean_square(y, predicted) - self._left, LEAST_ERROR)
        change = min(max(added / self.expected(difference), 1 / MOST_CHANGE), MOST_CHANGE)
        self.gain = min(max(self.gain * change**0.5, GAINS[0]), GAINS[1])


def grey_difference(current: UInt8, held: UInt8, shape: CanvasShape) -> float:
    """Mean over the blocks of the root mean square difference of two canvases, uint8 `[rows, columns]` each."""
    squares = np.square(np.subtract(current, held, dtype=np.float32))
    return float(np.sqrt(block_means(squares, shape.block_rows, shape.block_columns)).mean())


def mean_square(one: Int32, other: Int32) -> float:
    """Mean squared difference of latents `[M, h, w]` in 1/16 of a unit, in squared units."""
    return float(np.square(np.subtract(one, other, dtype=np.float32)).mean()) / UNIT_STEP**2
