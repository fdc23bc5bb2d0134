"""Pixels as a file holds them, before they are levels of sRGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image
from PIL.Image import Transpose

from isthmus.data.image.colour import MODES, Samples, ToSrgb, UInt8

BLOCK_PIXELS = 1 << 20
WHITE = (255, 255, 255)

# What brings a picture upright, by the number that EXIF and TIFF give to its orientation.
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a decoder of our own gives.

    Attributes:
        samples: uint8 or uint16 [height, width, channels] over their whole range: 1 is grey, 3 RGB, 4 CMYK (0 no ink).
        alpha: of the same type [height, width], 0 where nothing is seen; None where all is.
        profile: an ICC profile, or None for sRGB.
        orientation: 1 to 8, as EXIF counts; others mean 1.
        is_premultiplied: whether samples are multiplied by alpha already.
        notes: what is to be said of how it was read.
    """

    samples: Samples
    alpha: Samples | None = None
    profile: bytes | None = None
    orientation: int = 1
    is_premultiplied: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is seen: mode RGB of Pillow, upright, in sRGB, over white; and what is to be said of it."""

    image: PIL.Image.Image
    notes: tuple[str, ...] = ()


def over_white(image: PIL.Image.Image, alpha: PIL.Image.Image) -> PIL.Image.Image:
    """An image, RGB or grey, of 8 bits under its alpha, over white: mode RGB."""
    backdrop = PIL.Image.new("RGB", image.size, WHITE)
    backdrop.paste(image, mask=alpha)
    return backdrop


def flattened(picture: Picture) -> Shown:
    """The picture as it is seen. Works on some rows at a time."""
    height, width, channels = picture.samples.shape
    to_srgb = ToSrgb(MODES[channels], picture.profile)
    if picture.alpha is None and to_srgb.is_there(picture.samples):
        return _upright(picture.samples, picture, to_srgb)
    found = np.empty((height, width, 3), np.uint8)
    step = max(1, BLOCK_PIXELS // width)
    for start in range(0, height, step):
        rows = slice(start, start + step)
        samples = picture.samples[rows]
        if picture.alpha is None:
            found[rows] = to_srgb.samples(samples)
            continue
        alpha = picture.alpha[rows]
        if picture.is_premultiplied:
            samples = _divided(samples, alpha)
        found[rows] = _levels_over_white(to_srgb.samples(samples), alpha)
    return _upright(found, picture, to_srgb)


def _upright(levels: Samples, picture: Picture, to_srgb: ToSrgb) -> Shown:
    image = PIL.Image.fromarray(levels)
    turn = TURNS.get(picture.orientation)
    return Shown(image if turn is None else image.transpose(turn), (*picture.notes, *to_srgb.notes))


def _divided(samples: Samples, alpha: Samples) -> Samples:
    """Samples by what they were multiplied with."""
    most = int(np.iinfo(samples.dtype).max)
    parts = np.maximum(alpha, 1).astype(np.uint64)[..., None]
    found: Samples = np.minimum((samples * np.uint64(most) + parts // 2) // parts, most).astype(samples.dtype)
    return found


def _levels_over_white(levels: UInt8, alpha: Samples) -> UInt8:
    """As `over_white`, under an alpha of any depth."""
    most = int(np.iinfo(alpha.dtype).max)
    shown = alpha.astype(np.int64)[..., None]
    return ((levels * shown + 255 * (most - shown) + most // 2) // most).astype(np.uint8)
