"""What the tables of pictures are made of: files of known samples, and what must come out."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]
HEIGHT, WIDTH = 7, 21


@dataclass(frozen=True, slots=True)
class Case:
    """One file.

    Attributes:
        name: of the case.
        write: makes the file.
        expected: pixels uint8 [height, width, 3], or words of the refusal.
        tolerance: levels by which they may differ.
    """

    name: str
    write: Callable[[], bytes]
    expected: Callable[[], UInt8] | str
    tolerance: int = 0


def samples_of(bits: int, count: int, seed: int = 0) -> Any:
    """Samples [height, width, count] of all sizes, the least and the largest among them."""
    found = np.random.default_rng(seed).integers(0, 1 << bits, (HEIGHT, WIDTH, count))
    found[0, 0], found[0, 1] = 0, (1 << bits) - 1
    return found


def levels(samples: Any, bits: int) -> UInt8:
    """Samples of some bits as levels of 8, rounded."""
    found: UInt8 = np.floor(samples.astype(np.int64) * 255 / ((1 << bits) - 1) + 0.5).astype(np.uint8)
    return found


def as_rgb(grey: Any) -> UInt8:
    """Grey three times."""
    return np.repeat(np.asarray(grey, np.uint8).reshape(HEIGHT, WIDTH, 1), 3, 2)


def over_white(levels_shown: Any, alpha: Any, bits: int) -> UInt8:
    """Levels [height, width, 3] under an alpha of some bits [height, width], over white."""
    share = alpha[..., None] / ((1 << bits) - 1)
    found: UInt8 = np.floor(levels_shown * share + 255 * (1 - share) + 0.5).astype(np.uint8)
    return found


def from_linear(light: Any) -> UInt8:
    """Light of 0 to 1 as levels of sRGB, by the formula of IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    found: UInt8 = np.floor(255 * curved + 0.5).astype(np.uint8)
    return found


def given(pixels: Any) -> Callable[[], UInt8]:
    """What must come out, where it is at hand."""
    return lambda: np.asarray(pixels, np.uint8)


def saved(image: PIL.Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002
    """Pillow's file of an image."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
