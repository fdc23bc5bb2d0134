"""Tiles: a large image through a convolutional network in pieces, with the result of one run over the whole.

Theory of operation. The plane is counted in cells: one cell is one latent of an image codec, `stride` x `stride`
pixels. A tile is computed from a window around it that is wider by the network's reach (the halo), so that every value
kept has seen all it would have seen in a whole run; at the edges of the image the window ends where the image ends,
and the network pads there as it would in a whole run. Windows begin at whole cells, so strided layers stay in step.
What differs is the rounding of floats, because a runtime may order its sums by the size of its input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

# Cells that run at once, 0.5 megapixels at a stride of 16; up to this an image is one tile.
MAX_WHOLE_CELLS = 2048
# Side of a tile where an image has more: 512 pixels at a stride of 16.
TILE_CELLS = 32


@dataclass(frozen=True, slots=True)
class Span:
    """Cells of one axis: what is kept, `[start, stop)`, and what the network sees, `[seen_start, seen_stop)`."""

    start: int
    stop: int
    seen_start: int
    seen_stop: int

    def kept(self, stride: int = 1) -> slice:
        """The kept part of the whole plane, in units of a `stride`-th of a cell."""
        return slice(self.start * stride, self.stop * stride)

    def seen(self, stride: int = 1) -> slice:
        """The window in the whole plane."""
        return slice(self.seen_start * stride, self.seen_stop * stride)

    def kept_of_seen(self, stride: int = 1) -> slice:
        """The kept part within the window."""
        return slice((self.start - self.seen_start) * stride, (self.stop - self.seen_start) * stride)


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece of a plane: rows and columns."""

    rows: Span
    columns: Span


def tiles(rows: int, columns: int, halo: int) -> Iterator[Tile]:
    """Tiles that cover a plane of cells once, row by row.

    Args:
        rows, columns: cells of the plane, at least 1 each.
        halo: cells that a kept one depends on in each direction.
    """
    side = max(rows, columns) if rows * columns <= MAX_WHOLE_CELLS else TILE_CELLS
    across = _spans(columns, side, halo)
    for span in _spans(rows, side, halo):
        for other in across:
            yield Tile(span, other)


def _spans(count: int, side: int, halo: int) -> list[Span]:
    """Pieces of at most `side` cells, as even as can be: slivers would be nearly all halo."""
    pieces = -(-count // side)
    cuts = [count * piece // pieces for piece in range(pieces + 1)]
    return [Span(start, stop, max(0, start - halo), min(count, stop + halo)) for start, stop in pairwise(cuts)]
