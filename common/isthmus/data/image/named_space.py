"""Colour spaces that a file tells of by numbers, as the ICC profile that says the same.

Three ways of saying it: PNG's gAMA and cHRM, and the code points of ITU-T H.273 that PNG keeps in cICP, AVIF and HEIC
in a box `colr` of kind `nclx`.

A gamma within 5 % of 1/2.2 is sRGB's, as libpng takes it. High dynamic range (PQ, HLG) is refused: its white is not
that of a screen, and each viewer chooses another.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

Float64 = npt.NDArray[np.float64]
Primaries = tuple[float, float, float, float, float, float, float, float]

# x and y of white, red, green and blue, in the order of cHRM.
SRGB: Primaries = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # DCI-P3
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
HIGH_DYNAMIC_RANGE = {16: "PQ", 18: "HLG"}
SRGB_GAMMA = 1 / 2.2
NEAR_SRGB = 0.05
SENSIBLE_GAMMAS = (0.05, 20.0)

D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True, slots=True)
class NamedSpace:
    """A space of the kind that numbers tell of.

    Attributes:
        gamma: light is a sample to this power; 0 for the curve of sRGB.
        primaries: x and y of white, red, green and blue.
    """

    gamma: float = 0.0
    primaries: Primaries = SRGB

    def profile(self, *, is_grey: bool) -> bytes | None:
        """The ICC profile; None for sRGB itself, and for primaries that span nothing."""
        if is_grey:
            return _profile(b"GRAY", {b"kTRC": _curve(self.gamma)}) if self.gamma else None
        if not self.gamma and self.primaries == SRGB:
            return None
        colorants = _colorants(self.primaries)
        if colorants is None:
            return None
        curves = {name: _curve(self.gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}
        return _profile(b"RGB ", {b"rXYZ": colorants[0], b"gXYZ": colorants[1], b"bXYZ": colorants[2], **curves})


def space_of_gamma(gamma: float | None, chromaticity: tuple[float, ...] | None) -> NamedSpace:
    """Of PNG's gAMA (0.45455 for most files) and cHRM, each None where it is missing."""
    exponent = 0.0
    if gamma is not None and abs(gamma / SRGB_GAMMA - 1) > NEAR_SRGB:
        low, high = SENSIBLE_GAMMAS
        exponent = 1 / gamma if low <= gamma <= high else 0.0
    primaries = SRGB
    if chromaticity is not None and len(chromaticity) == 8 and not np.allclose(chromaticity, SRGB, atol=0.002):
        primaries = (*chromaticity,)
    return NamedSpace(exponent, primaries)


def space_of_codes(primaries: int, transfer: int) -> NamedSpace:
    """Of the code points of H.273; those that are unspecified or unknown are taken for sRGB's.

    Raises:
        InputError: a transfer of high dynamic range.
    """
    if transfer in HIGH_DYNAMIC_RANGE:
        raise InputError(
            f"expected a picture of standard dynamic range, got {HIGH_DYNAMIC_RANGE[transfer]}; save it as sRGB"
        )
    return NamedSpace(GAMMAS.get(transfer, 0.0), PRIMARIES.get(primaries, SRGB))


def _colorants(primaries: Primaries) -> list[bytes] | None:
    """XYZ of red, green and blue under D50, as an ICC profile has them."""
    points = np.array(primaries).reshape(4, 2)
    if (points[:, 1] <= 0).any():
        return None
    xyz = np.stack([points[:, 0], points[:, 1], 1 - points.sum(1)], 1) / points[:, 1:]
    white, colours = xyz[0], xyz[1:].T
    if abs(np.linalg.det(colours)) < 1e-6:
        return None
    scaled = colours * np.linalg.solve(colours, white)
    cones = BRADFORD @ np.stack([white, np.array(D50)], 1)
    if (cones <= 0).any():
        return None
    adapted = np.linalg.inv(BRADFORD) @ np.diag(cones[:, 1] / cones[:, 0]) @ BRADFORD @ scaled
    if np.abs(adapted).max() > 30000:
        return None
    return [_xyz(column) for column in adapted.T]


def _xyz(values: Float64 | tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    """A parametric curve: a power, or that of sRGB."""
    if gamma:
        return b"para\0\0\0\0" + struct.pack(">HHi", 0, 0, round(gamma * 65536))
    values = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(round(value * 65536) for value in values))


def _text(words: str) -> bytes:
    text = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 4 for a screen."""
    tags = {b"desc": _text("as the file says"), b"cprt": _text("none"), b"wtpt": _xyz(D50), **tags}
    at = 132 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        padded = body + bytes(-len(body) % 4)
        table += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += padded
    head = struct.pack(
        ">I4sI4s4s4s12s4s", at + len(bodies), bytes(4), 0x04300000, b"mntr", space, b"XYZ ", bytes(12), b"acsp"
    )
    head += bytes(28) + _xyz(D50)[8:] + bytes(48)
    return head + table + bodies
