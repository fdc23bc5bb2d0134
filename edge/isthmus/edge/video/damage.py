"""How far what the cloud holds is from what the camera sees, guessed from pixels without the network.

The proxy: the encoder keeps beside each reference a *canvas*, the luma that the cloud's latents stand for, moved by the
very vectors that were sent. The damage of a block is the mean absolute difference of the two canvases, both averaged
over half a latent (finer detail does not reach the latents), over the frame's contrast (its mean absolute deviation;
at least `MIN_CONTRAST`). 0: nothing is missing; about 1: the two have nothing to do with each other. Errors of earlier
frames are still in the canvas, so they add up in the damage as they do in the latents.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.data.video.libraries import import_cv2
from isthmus.edge.video.canvas import CanvasShape, block_means

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

MIN_CONTRAST = 8.0
"""Grey levels: in a flat frame noise shall not count as damage."""

CELLS_PER_LATENT = 2


def block_damage(current: UInt8, held: UInt8, shape: CanvasShape, block_latents: int) -> Float32:
    """Damage of each block, float32 [block rows, block columns].

    Args:
        current: uint8 [rows, columns], canvas of the frame.
        held: uint8 [rows, columns], canvas of what the cloud has.
        shape: of both.
        block_latents: side of a block.
    """
    cv2 = import_cv2()
    difference = cv2.subtract(current, held, dtype=cv2.CV_32F)
    side = block_latents * CELLS_PER_LATENT
    if shape.block_cells > side:
        size = (shape.block_columns * side, shape.block_rows * side)
        difference = cv2.resize(difference, size, interpolation=cv2.INTER_AREA)
    means = block_means(np.abs(difference), shape.block_rows, shape.block_columns)
    damage: Float32 = means / np.float32(contrast(current))
    return damage


def contrast(canvas: UInt8) -> float:
    """Mean absolute deviation of a canvas ``[height, width]`` in grey levels, at least `MIN_CONTRAST`."""
    cv2 = import_cv2()
    mean = cv2.mean(canvas)[0]
    deviation = cv2.norm(canvas, np.full_like(canvas, round(mean)), cv2.NORM_L1) / canvas.size
    return max(float(deviation), MIN_CONTRAST)
