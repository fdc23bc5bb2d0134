"""Latents of several planes, each coded by itself in a step that the frame chooses. Implements BITSTREAM.md §9.6."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.varint import decode_varint, encode_varint
from isthmus.common.errors import InputError, PacketError
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.planes import planes_laid, planes_taken
from isthmus.common.video.step import fine_step
from isthmus.common.video.stepped import SteppedCoding

Int32 = NDArray[np.int32]


class PlaneCoding:
    """How a codec with planes codes latents: a section has a part for each, and all arrays are laid (`planes`).

    Attributes:
        names_step: whether packets say which step they are in.
    """

    names_step = True

    def __init__(self, manifest: VideoManifest, tables: PlaneTables) -> None:
        self._planes = manifest.planes
        self._codings = [SteppedCoding(p, t) for p, t in zip(manifest.planes, tables.planes, strict=True)]

    def fine_step(self, step: int) -> int:
        """A step in 1/16 of a unit. InputError for a step that is none."""
        return fine_step(step)

    def symbols(self, fine: Int32, step: int) -> Int32:
        """Symbols int32 `[M, h, w]` of latents `[M, h, w]` in 1/16 of a unit."""
        taken = planes_taken(self._planes, fine)
        return planes_laid(self._planes, [c.symbols(y, step) for c, y in zip(self._codings, taken, strict=True)])

    def encode_key(self, symbols: Int32, step: int) -> tuple[bytes, float]:
        """(section, ideal bits) of symbols ``[M, h, w]``. InputError out of range."""
        taken = self._taken(symbols)
        return _joined([c.encode_key(y, step) for c, y in zip(self._codings, taken, strict=True)])

    def decode_key(self, section: bytes, height: int, width: int, step: int) -> Int32:
        """The symbols int32 ``[M, height, width]``. PacketError if no encoder writes such a section."""
        parts = _parts(section, len(self._planes))
        decoded = [
            coding.decode_key(part, *plane.sides(height, width), step)
            for coding, plane, part in zip(self._codings, self._planes, parts, strict=True)
        ]
        return planes_laid(self._planes, decoded)

    def latents(self, symbols: Int32, step: int) -> Int32:
        """Latents int32 ``[M, h, w]`` in 1/16 of a unit that symbols stand for."""
        taken = planes_taken(self._planes, symbols)
        return planes_laid(self._planes, [c.latents(y, step) for c, y in zip(self._codings, taken, strict=True)])

    def checked_by(self, symbols: Int32, latents: Int32) -> Int32:
        """What a key frame's checksum is over, ``[M, h, w]`` as both."""
        del symbols
        return latents

    def encode_residual(self, residual: Int32, predicted: Int32, field: MotionField, step: int) -> tuple[bytes, float]:
        """(section, ideal bits) of a residual ``[M, h, w]`` in steps. InputError out of range."""
        taken, known = self._taken(residual), planes_taken(self._planes, predicted)
        return _joined(
            [c.encode_residual(r, p, field, step) for c, r, p in zip(self._codings, taken, known, strict=True)]
        )

    def decode_residual(self, section: bytes, predicted: Int32, field: MotionField, step: int) -> Int32:
        """The residual int32 ``[M, h, w]``, given what it is added to. PacketError if no encoder writes the section."""
        parts, known = _parts(section, len(self._planes)), planes_taken(self._planes, predicted)
        decoded = [
            c.decode_residual(part, p, field, step) for c, part, p in zip(self._codings, parts, known, strict=True)
        ]
        return planes_laid(self._planes, decoded)

    def _taken(self, laid: Int32) -> list[Int32]:
        """InputError where something lies at a place that no plane has: it would not be sent."""
        taken = planes_taken(self._planes, laid)
        if sum(map(np.count_nonzero, taken)) != np.count_nonzero(laid):
            raise InputError("expected 0 at places beyond the grid of a plane, got others")
        return taken


def _joined(parts: list[tuple[bytes, float]]) -> tuple[bytes, float]:
    """All but the last behind their size."""
    sections, bits = [part for part, _ in parts], sum(bits for _, bits in parts)
    sized = [encode_varint(len(section)) + section for section in sections[:-1]]
    return b"".join([*sized, sections[-1]]), bits


def _parts(section: bytes, count: int) -> list[bytes]:
    parts, at = [], 0
    for place in range(count - 1):
        size, at = decode_varint(section, at, f"size of plane {place}")
        if size > len(section) - at:
            raise PacketError(f"plane {place}: expected {size} bytes, {len(section) - at} are left")
        parts.append(section[at : at + size])
        at += size
    return [*parts, section[at:]]
