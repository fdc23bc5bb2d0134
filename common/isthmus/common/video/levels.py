"""Latents coded as whole steps of one size, in context: codecs without tiles. Implements BITSTREAM.md §6.3, §9.4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError, PacketError
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.residual import residual_context
from isthmus.common.video.step import UNIT_STEP
from isthmus.common.video.tables import VideoTables
from isthmus.common.video.warp import FINE_BITS

Int32 = NDArray[np.int32]


class LevelCoding:
    """How a codec without tiles codes latents: symbols are the latents themselves.

    Attributes:
        names_step: whether packets say which step they are in.
    """

    names_step = False

    def __init__(self, manifest: VideoManifest, tables: VideoTables) -> None:
        self._manifest, self._tables = manifest, tables
        self._most_residual = manifest.symbol_max - manifest.symbol_min

    def fine_step(self, step: int) -> int:
        """One step in 1/16 of a unit. InputError for another than 0."""
        if step:
            raise InputError(f"step: expected 0, {self._manifest.name} has one step only, got {step}")
        return UNIT_STEP

    def symbols(self, fine: Int32, step: int) -> Int32:
        """Symbols int32 `[M, h, w]` of latents in 1/16 of a unit: whole units."""
        del step
        return fine >> FINE_BITS

    def encode_key(self, symbols: Int32, step: int) -> tuple[bytes, float]:
        """(section, ideal bits) of symbols ``[M, h, w]``. InputError out of range."""
        del step
        manifest = self._manifest
        if symbols.min() < manifest.symbol_min or symbols.max() > manifest.symbol_max:
            raise InputError(
                f"y: expected {manifest.symbol_min} to {manifest.symbol_max}, got {symbols.min()} to {symbols.max()}"
            )
        return self._tables.intra.encode_measured(symbols)

    def decode_key(self, section: bytes, height: int, width: int, step: int) -> Int32:
        """The symbols int32 ``[M, height, width]``. PacketError if no encoder writes such a section."""
        del step
        manifest = self._manifest
        y = self._tables.intra.decode(section, height, width)
        if y.min() < manifest.symbol_min or y.max() > manifest.symbol_max:
            raise PacketError(
                f"expected symbols from {manifest.symbol_min} to {manifest.symbol_max}, got {y.min()} to {y.max()}"
            )
        return y

    def latents(self, symbols: Int32, step: int) -> Int32:
        """Latents int32 ``[M, h, w]`` in 1/16 of a unit that symbols stand for."""
        del step
        return symbols << FINE_BITS

    def checked_by(self, symbols: Int32, latents: Int32) -> Int32:
        """What a key frame's checksum is over, ``[M, h, w]`` as both."""
        del latents
        return symbols

    def encode_residual(self, residual: Int32, predicted: Int32, field: MotionField, step: int) -> tuple[bytes, float]:
        """(section, ideal bits) of a residual ``[M, h, w]`` in steps. InputError out of range."""
        del step
        most = self._most_residual
        if residual.min() < -most or residual.max() > most:
            raise InputError(f"residual: expected values within {most}, got {residual.min()} to {residual.max()}")
        known = residual_context(predicted, field, self._manifest.block_latents)
        return self._tables.residual.encode_measured(residual, *known)

    def decode_residual(self, section: bytes, predicted: Int32, field: MotionField, step: int) -> Int32:
        """The residual int32 ``[M, h, w]``, given what it is added to. PacketError if no encoder writes the section."""
        del step
        given, mask = residual_context(predicted, field, self._manifest.block_latents)
        height, width = predicted.shape[1:]
        residual = self._tables.residual.decode(section, height, width, given, mask)
        most = self._most_residual
        if residual.min() < -most or residual.max() > most:
            raise PacketError(f"expected values within {most}, got {residual.min()} to {residual.max()}")
        return residual
