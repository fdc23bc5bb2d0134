"""What becomes of each block of a predicted frame: it stays as predicted, takes a residual, or is sent anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.video.motion_field import BlockMode, spread
from isthmus.common.video.step import UNIT_STEP
from isthmus.edge.video.policy import VideoPolicy

Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

MIN_ENERGY = 0.1
"""Mean square of latents in steps: where they are nearly all 0, a small error shall not count as a large share."""


def choose_modes(
    y: Int32, predicted: Int32, policy: VideoPolicy, block: int, fine_step: int = UNIT_STEP
) -> tuple[Int32, Int32]:
    """Modes of the blocks and the residual that goes with them, by the latents' true errors and by bits.

    Args:
        y: int32 `[M, h, w]`, the frame's latents in 1/16 of a unit.
        predicted: int32 `[M, h, w]`, what they are predicted as, the same.
        policy: how large an error is sent, and from where on a value is.
        block: side of a block in latents.
        fine_step: of the residual, in 1/16 of a unit.

    Returns:
        Modes int32 `[bh, bw]`, and the residual in steps, int32 `[M, h, w]`: 0 in blocks that are only predicted.
    """
    _, height, width = y.shape
    error = y - predicted
    magnitude = np.abs(error)
    # Smaller than the dead zone is 0; above it the nearest step, or the one below where that is nearly as near.
    residual = (magnitude + round((1 - policy.deadzone) * fine_step)) // fine_step
    anew = (np.abs(y) + fine_step // 2) // fine_step
    sizes = _block_sums(residual.sum(0), block)
    residual_bits, intra_bits = (_block_sums(_rough_bits(values), block) for values in (residual, anew))
    # Means over blocks, the last ones of a row or column being smaller.
    count = _block_sums(np.ones((height, width), np.int32), block) * len(y)
    squares = np.square(error, dtype=np.float32).sum(0)
    energy = max(float(np.square(y, dtype=np.float32).mean()), MIN_ENERGY * fine_step**2)
    is_due = (_block_sums(squares, block) / count > policy.latent_error**2 * energy) & (sizes > 0)
    modes = np.where(is_due, np.where(intra_bits < residual_bits, BlockMode.INTRA, BlockMode.RESIDUAL), 0)
    modes = modes.astype(np.int32)
    if not is_due.any():
        return modes, np.zeros_like(y)
    everywhere = spread(modes, height, width, block)
    np.negative(residual, out=residual, where=error < 0)
    residual *= everywhere == BlockMode.RESIDUAL
    is_intra = everywhere == BlockMode.INTRA
    if is_intra.any():
        residual[:, is_intra] = np.copysign(anew[:, is_intra], y[:, is_intra]).astype(np.int32)
    return modes, residual


def cheapest_modes(
    y: Int32, predicted: Int32, rate_weight: float, block: int, fine_step: int = UNIT_STEP
) -> tuple[Int32, Int32]:
    """Modes of the blocks, and the residual, that cost least: squared error in steps, and `rate_weight` a bit.

    Args, Returns: as of `choose_modes`, `[M, h, w]`. Of a codec with tiles that error is what the answers lose.
    """
    _, height, width = y.shape
    error = y - predicted
    # The first step away from 0 takes about four bits, so nearer to 0 than this a symbol is not worth them.
    deadzone = min(0.5 + _FIRST_STEP_BITS / 2 * rate_weight, 1.0)
    residual, residual_cost = _quantised(error, deadzone, rate_weight, fine_step)
    anew, anew_cost = _quantised(y, deadzone, rate_weight, fine_step)
    unsent_cost = np.square(error * np.float32(1 / fine_step)).sum(0)
    best = np.stack([_block_sums(cost, block) for cost in (unsent_cost, residual_cost, anew_cost)]).argmin(0)
    modes = np.array((BlockMode.PREDICTED, BlockMode.RESIDUAL, BlockMode.INTRA), np.int32)[best]
    everywhere = spread(modes, height, width, block)
    residual[:, everywhere == BlockMode.PREDICTED] = 0
    is_intra = everywhere == BlockMode.INTRA
    residual[:, is_intra] = anew[:, is_intra]
    return modes, residual


def _quantised(values: Int32, deadzone: float, rate_weight: float, fine_step: int) -> tuple[Int32, Float32]:
    """(values `[M, h, w]` in steps; their cost at each place, float32 `[h, w]`)."""
    magnitude = np.abs(values)
    sizes = (magnitude + round((1 - deadzone) * fine_step)) // fine_step
    left = np.square((magnitude - sizes * fine_step) * np.float32(1 / fine_step)).sum(0)
    cost: Float32 = left + np.float32(rate_weight) * _rough_bits(sizes)
    np.negative(sizes, out=sizes, where=values < 0)
    return sizes, cost


_FIRST_STEP_BITS = 4.0
_ROUGH_BITS = np.concatenate(([0.1], 2.1 + 2 * np.log2(1 + np.arange(1, 256)))).astype(np.float32)


def _rough_bits(sizes: Int32) -> Float32:
    """About how many bits latents of so large magnitudes take at each place, `[M, h, w]` to float32 `[h, w]`."""
    bits: Float32 = _ROUGH_BITS.take(sizes, mode="clip").sum(0)
    return bits


def _block_sums(values: npt.NDArray[np.generic], block: int) -> Float32:
    """Sums over blocks of `[h, w]`, float32 `[bh, bw]`."""
    rows, columns = (np.arange(0, side, block) for side in values.shape)
    sums: Float32 = np.add.reduceat(np.add.reduceat(values, rows, 0), columns, 1).astype(np.float32)
    return sums
