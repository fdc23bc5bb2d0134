"""Motion vectors that a compressed video carries: its encoder has searched already, so they cost nothing.

FFmpeg gives them as side data of a decoded frame. The vectors that matter here are those from the frame just before:
where frames are decoded in another order than they are shown (B-frames), there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame as AvFrame

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

CELL_PIXELS = 4
"""Side of the smallest block that a vector of H.264 speaks of."""


@dataclass(frozen=True, slots=True, eq=False)
class CodecVectors:
    """Vectors of the blocks of one frame; blocks that the codec has not predicted have none.

    Attributes:
        corners: int32 [n, 2], first row and first column of each block, in pixels of the frame.
        sizes: int32 [n, 2], rows and columns of each block.
        vectors: float32 [n, 2], (down, right) in pixels: a pixel at p is predicted from the frame before at p + v.
        height, width: of the frame in pixels.
    """

    corners: Int32
    sizes: Int32
    vectors: Float32
    height: int
    width: int

    def grid(self) -> tuple[Float32, npt.NDArray[np.bool_]]:
        """The vectors laid out, float32 [H/4, W/4, 2] (rounded up), and where there is one, bool [H/4, W/4]."""
        rows, columns = -(-self.height // CELL_PIXELS), -(-self.width // CELL_PIXELS)
        grid = np.zeros((rows, columns, 2), np.float32)
        is_known = np.zeros((rows, columns), np.bool_)
        starts, spans = self.corners // CELL_PIXELS, np.maximum(self.sizes // CELL_PIXELS, 1)
        for down in range(int(spans[:, 0].max(initial=0))):
            for right in range(int(spans[:, 1].max(initial=0))):
                at = starts + np.array((down, right))
                chosen = (spans[:, 0] > down) & (spans[:, 1] > right) & (at >= 0).all(1) & (at < (rows, columns)).all(1)
                grid[at[chosen, 0], at[chosen, 1]] = self.vectors[chosen]
                is_known[at[chosen, 0], at[chosen, 1]] = True
        return grid, is_known


def vectors_of(frame: AvFrame) -> CodecVectors | None:
    """The vectors from the frame before, None where the frame has none or some from a later one."""
    from av.sidedata.motionvectors import MotionVectors

    data = frame.side_data.get("MOTION_VECTORS")
    if not isinstance(data, MotionVectors):
        return None
    table = data.to_ndarray()
    if not len(table) or (table["source"] >= 0).any():
        return None
    sizes = np.stack((table["h"], table["w"]), 1).astype(np.int32)
    centres = np.stack((table["dst_y"], table["dst_x"]), 1).astype(np.int32)
    moved = np.stack((table["motion_y"], table["motion_x"]), 1).astype(np.float32)
    vectors: Float32 = moved / np.maximum(table["motion_scale"], 1).astype(np.float32)[:, None]
    return CodecVectors(centres - sizes // 2, sizes, vectors, frame.height, frame.width)
