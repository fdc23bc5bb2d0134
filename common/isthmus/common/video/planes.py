"""Several tensors of latents at one cut, laid over one grid. Implements BITSTREAM.md §9.6.

A *plane* is one tensor of a cut: latents of its own channels and its own stride, which is the codec's divided by a
power of two. States, residuals and symbols of all planes are held as one array over the coarsest grid: a plane of half
the stride has four latents at each of its places, as four times the channels. So whatever takes latents block by block
(the encoder's choices, checksums, what the networks are given) takes those of all planes at once, and whatever depends
on where latents lie (the transform, tables, motion) takes each plane by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

MAX_PLANES = 8
MAX_HALVINGS = 6
MAX_LAID_CHANNELS = 1 << 16


class CodedGrid(Protocol):
    """What coding latents on a grid needs to know of them."""

    @property
    def latent_channels(self) -> int:
        """M."""

    @property
    def latent_height(self) -> int:
        """Of frames of one size, else 0."""

    @property
    def block_latents(self) -> int:
        """Latents of a motion block along a side."""

    @property
    def symbol_min(self) -> int:
        """Least latent in units."""

    @property
    def symbol_max(self) -> int:
        """Largest latent in units."""

    @property
    def tile_latents(self) -> int:
        """Most latents along a side of a tile."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One tensor of latents, as its codec codes it.

    Attributes:
        latent_channels: M of the plane.
        halvings: k: its stride is the codec's divided by 2^k.
        latent_height, latent_width: of its grid with frames of one size, else 0 and 0.
        block_latents: its latents along a side of a motion block: the codec's times 2^k.
        symbol_min, symbol_max: as the codec's.
        tile_latents: as the codec's.
    """

    latent_channels: int
    halvings: int
    latent_height: int
    latent_width: int
    block_latents: int
    symbol_min: int
    symbol_max: int
    tile_latents: int

    @property
    def laid_channels(self) -> int:
        """Channels that it takes where planes are laid over one another."""
        return self.latent_channels << (2 * self.halvings)

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Its grid where the coarsest is `height` x `width`."""
        if self.latent_height:
            return self.latent_height, self.latent_width
        return height << self.halvings, width << self.halvings

    def taken(self, laid: NDArray[Scalar]) -> NDArray[Scalar]:
        """Its latents `[M, rows, columns]` of what is laid, `[M * 4^k, h, w]`."""
        side, (_, height, width) = 1 << self.halvings, laid.shape
        rows, columns = self.sides(height, width)
        apart = laid.reshape(side, side, self.latent_channels, height, width).transpose(2, 3, 0, 4, 1)
        whole = apart.reshape(self.latent_channels, height * side, width * side)
        return np.ascontiguousarray(whole[:, :rows, :columns])

    def laid(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Latents `[M, rows, columns]` laid over the coarsest grid, `[M * 4^k, h, w]`; 0 where there are none."""
        side = 1 << self.halvings
        channels, rows, columns = values.shape
        height, width = -(-rows // side), -(-columns // side)
        if (rows, columns) != (height * side, width * side):
            values = np.pad(values, ((0, 0), (0, height * side - rows), (0, width * side - columns)))
        apart = values.reshape(channels, height, side, width, side).transpose(2, 4, 0, 1, 3)
        return np.ascontiguousarray(apart.reshape(channels * side * side, height, width))


def planes_taken(planes: tuple[Plane, ...], laid: NDArray[Scalar]) -> list[NDArray[Scalar]]:
    """Latents of each plane, `[M, rows, columns]`, of all that is laid, `[channels, h, w]`."""
    taken, first = [], 0
    for plane in planes:
        taken.append(plane.taken(laid[first : first + plane.laid_channels]))
        first += plane.laid_channels
    return taken


def planes_laid(planes: tuple[Plane, ...], values: list[NDArray[Scalar]]) -> NDArray[Scalar]:
    """Latents of all planes, `[M, rows, columns]` each, over one another: `[channels, h, w]`."""
    return np.concatenate([plane.laid(one) for plane, one in zip(planes, values, strict=True)])
