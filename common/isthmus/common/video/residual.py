"""What both sides know of a residual before it is coded, which its tables are chosen by. Part of BITSTREAM.md §9."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.video.motion_field import BlockMode, MotionField, spread
from isthmus.common.video.warp import FINE_BITS

Int32 = NDArray[np.int32]

GIVEN_MODES = np.array([0, 15, 8], np.int32)
"""What the contexts of a residual are given for each `BlockMode`."""


def residual_context(predicted: Int32, field: MotionField, block: int) -> tuple[Int32, NDArray[np.bool_]]:
    """What is known of a residual before it is coded, for its contexts.

    Args:
        predicted: the fine prediction, int32 `[M, h, w]`.
        field: modes and vectors.
        block: B.

    Returns:
        The given channels, int32 `[1 + M, h, w]`: the blocks' modes as `GIVEN_MODES` says, and the prediction in whole
        steps; and which latents have a residual, bool `[h, w]`.
    """
    modes = spread(field.modes, predicted.shape[1], predicted.shape[2], block)
    whole = (predicted + (1 << (FINE_BITS - 1))) >> FINE_BITS
    return np.concatenate([GIVEN_MODES[modes][None], whole]), modes != BlockMode.PREDICTED
