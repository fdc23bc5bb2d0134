"""The small picture that motion is searched in: how its cells lie over pixels, latents and blocks.

A frame's luma is averaged down to a *canvas* of whole cells of pixels, a whole number of them along each side of a
motion block, at most `MAX_CELLS` in all, and at most `MOST_CELLS_A_LATENT` along a latent: finer ones found no better
motion of latents 16 pixels wide, in three times the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.data.video.libraries import import_cv2

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

MAX_CELLS = 15_000
"""Of a canvas: the search costs about 0.08 ms for a thousand cells."""

MOST_CELLS_A_LATENT = 4
"""Along a side."""


@dataclass(frozen=True, slots=True)
class CanvasShape:
    """How pixels, cells, latents and blocks lie over each other.

    Attributes:
        block_rows, block_columns: of the motion field.
        block_pixels: side of a block in pixels.
        block_cells: side of a block in cells.
    """

    block_rows: int
    block_columns: int
    block_pixels: int
    block_cells: int

    @property
    def rows(self) -> int:
        """Of cells."""
        return self.block_rows * self.block_cells

    @property
    def columns(self) -> int:
        """Of cells."""
        return self.block_columns * self.block_cells

    @classmethod
    def of(cls, block_rows: int, block_columns: int, block_pixels: int, block_latents: int) -> CanvasShape:
        """The finest canvas whose cells are not too many."""
        most = min((MAX_CELLS / (block_rows * block_columns)) ** 0.5, MOST_CELLS_A_LATENT * block_latents)
        cells = block_pixels // 2 if block_pixels % 2 == 0 else block_pixels  # two pixels a cell lose nothing
        while cells > max(most, 1):
            # Whole pixels a cell are averaged fastest, and keep cells alike.
            cells = cells // 2 if cells % 2 == 0 else max(1, int(most))
        return cls(block_rows, block_columns, block_pixels, cells)


def block_means(values: UInt8 | Float32, rows: int, columns: int) -> Float32:
    """Mean of a canvas [height, width] over each of its blocks, float32 [rows, columns]."""
    cv2 = import_cv2()
    return np.asarray(cv2.resize(values.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
