"""What a network's training did to pixels, which the edge half does before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from isthmus.common.errors import InputError
from isthmus.split.quantiser import Float32

PIXEL_TOP = 255.0


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a network's training did to pixels: `(ordered(frame) * range / 255 - mean) / std`.

    Attributes:
        mean, std: of each channel, in the order that the network takes them.
        order: rgb or bgr.
        top: what the brightest pixel is before the mean is taken off: 255 or 1.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    order: Literal["rgb", "bgr"] = "rgb"
    top: Literal[255, 1] = 255

    def __post_init__(self) -> None:
        if not all(np.isfinite(self.mean)) or not all(np.isfinite(s) and s > 0 for s in self.std):
            raise InputError(f"expected finite means and deviations above 0, got {self.mean} and {self.std}")
        if self.order not in ("rgb", "bgr") or self.top not in (255, 1):
            raise InputError(f"expected order rgb or bgr and range 255 or 1, got {self.order} and {self.top}")

    @classmethod
    def said(cls, mean: str, std: str, order: str, top: int) -> Preprocessing:
        """As options say it: three numbers, comma apart; "" and 0 for what changes nothing. InputError if unsound."""
        means, deviations = _three(mean or "0,0,0", "--mean"), _three(std or "1,1,1", "--std")
        return cls(means, deviations, order or "rgb", top or 255)  # type: ignore[arg-type]

    @property
    def gain(self) -> Float32:
        """float32 [3], the factor of each channel."""
        gain: Float32 = (self.top / PIXEL_TOP / np.array(self.std)).astype(np.float32)
        return gain

    @property
    def shift(self) -> Float32:
        """float32 [3], what is added after that."""
        shift: Float32 = (-np.array(self.mean) / np.array(self.std)).astype(np.float32)
        return shift


def _three(text: str, flag: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"{flag}: expected three numbers, comma apart, got {text!r}") from error
    return first, second, third
