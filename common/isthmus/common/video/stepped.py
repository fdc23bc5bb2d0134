"""Latents coded in steps that each frame chooses: codecs with tiles. Implements BITSTREAM.md §9.5.

Key frames code the cosine transform of the latents over tiles (`tiles`), residuals code latents as they are. Tables are
chosen by what is expected of each symbol (`isthmus.common.bits.expectation`): a *scale* is the mean magnitude of a
coefficient, or of a residual's channel, in 1/8 octaves; less the step, it is looked up in a list of expectations. So a
frame of any step is coded with the tables of all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError, PacketError
from isthmus.common.video.motion_field import BlockMode, MotionField, spread
from isthmus.common.video.planes import CodedGrid
from isthmus.common.video.step import fine_step
from isthmus.common.video.stepped_tables import SteppedTables
from isthmus.common.video.tiles import MAX_COEFFICIENT, frequencies, inverse
from isthmus.common.video.tiles import forward as transformed
from isthmus.common.video.warp import FINE_BITS

Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]


class SteppedCoding:
    """How a codec with tiles codes latents.

    Attributes:
        names_step: whether packets say which step they are in.
    """

    names_step = True

    def __init__(self, grid: CodedGrid, tables: SteppedTables) -> None:
        self._grid, self._tables = grid, tables
        self._low, self._high = grid.symbol_min << FINE_BITS, grid.symbol_max << FINE_BITS

    def fine_step(self, step: int) -> int:
        """A step in 1/16 of a unit. InputError for a step that is none."""
        return fine_step(step)

    def symbols(self, fine: Int32, step: int) -> Int32:
        """Symbols int32 `[M, h, w]` of latents in 1/16 of a unit: their transform in steps, rounded."""
        coefficients = transformed(fine.astype(np.float32), self._grid.tile_latents)
        rounded: Int32 = np.rint(coefficients / np.float32(fine_step(step))).astype(np.int32)
        return rounded

    def encode_key(self, symbols: Int32, step: int) -> tuple[bytes, float]:
        """(section, ideal bits) of symbols ``[M, h, w]``. InputError out of range."""
        self._check(symbols, step, InputError)
        height, width = symbols.shape[1:]
        return self._tables.intra.encode_measured(symbols, self._expected_key(height, width, step))

    def decode_key(self, section: bytes, height: int, width: int, step: int) -> Int32:
        """The symbols int32 ``[M, height, width]``. PacketError if no encoder writes such a section."""
        symbols = self._tables.intra.decode(section, self._expected_key(height, width, step))
        self._check(symbols, step, PacketError)
        return symbols

    def latents(self, symbols: Int32, step: int) -> Int32:
        """Latents int32 ``[M, h, w]`` in 1/16 of a unit that symbols stand for."""
        values = inverse(symbols.astype(np.int64) * fine_step(step), self._grid.tile_latents)
        latents: Int32 = np.clip(values, self._low, self._high).astype(np.int32)
        return latents

    def checked_by(self, symbols: Int32, latents: Int32) -> Int32:
        """What a key frame's checksum is over, ``[M, h, w]`` as both."""
        del symbols
        return latents

    def encode_residual(self, residual: Int32, predicted: Int32, field: MotionField, step: int) -> tuple[bytes, float]:
        """(section, ideal bits) of a residual ``[M, h, w]`` in steps. InputError out of range."""
        self._check(residual, step, InputError)
        return self._tables.residual.encode_measured(residual, *self._expected_residual(predicted.shape, field, step))

    def decode_residual(self, section: bytes, predicted: Int32, field: MotionField, step: int) -> Int32:
        """The residual int32 ``[M, h, w]``, given what it is added to. PacketError if no encoder writes the section."""
        residual = self._tables.residual.decode(section, *self._expected_residual(predicted.shape, field, step))
        self._check(residual, step, PacketError)
        return residual

    def _expected_key(self, height: int, width: int, step: int) -> Int32:
        """Expected magnitudes of a key frame's symbols, int32 `[M, h, w]`."""
        scales, tile = self._tables.intra_scales, self._grid.tile_latents
        rows, columns = (frequencies(side, tile, scales.shape[1]) for side in (height, width))
        return self._tables.expected_of(scales[:, rows[:, None], columns] - step)

    def _expected_residual(self, shape: tuple[int, ...], field: MotionField, step: int) -> tuple[Int32, Mask]:
        """(expected magnitudes of a residual, int32 `[M, h, w]`; which places have one, bool `[h, w]`)."""
        modes = spread(field.modes, shape[1], shape[2], self._grid.block_latents)
        is_coded = modes != BlockMode.PREDICTED
        # Rows of the scales: with a prediction, without one.
        scales = self._tables.residual_scales[(modes == BlockMode.INTRA).astype(np.int32)]
        return self._tables.expected_of(scales.transpose(2, 0, 1) - step), is_coded

    def _check(self, symbols: Int32, step: int, error: type[InputError | PacketError]) -> None:
        most = MAX_COEFFICIENT // fine_step(step)
        if symbols.size and (symbols.min() < -most or symbols.max() > most):
            raise error(f"expected symbols within {most} at step {step}, got {symbols.min()} to {symbols.max()}")
