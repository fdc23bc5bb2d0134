"""The quantiser of a cut: uniform steps, one a channel, chosen on the latents of calibration images.

    y = round(x / step - centre / step)          clipped to symbol_min .. symbol_max
    x_hat = y * step + centre

Latents that are never negative (after a ReLU) take 0 .. 2^bits - 1 and no centre; others take +-(2^(bits-1) - 1) about
their channel's mean. A step is what makes the squared error least, among clips at shares of the channel's range: at
few bits it pays to clip rare large latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

LEAST_BITS, MOST_BITS = 2, 8
MAX_VALUES = 256
SHARES = np.geomspace(1.0, 0.05, 25)
"""Clips that are tried, as shares of a channel's range."""
SAMPLES = 20_000
"""Latents of a channel that clips are tried on."""
MARGIN = 2
"""Steps beyond what calibration images need that a network trained for its quantiser keeps."""

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Quantiser:
    """Steps and bounds.

    Attributes:
        steps: float32 [M], above 0.
        centres: float32 [M], what symbol 0 stands for.
        symbol_min, symbol_max: bounds of all symbols; 0 is between them.
    """

    steps: Float32
    centres: Float32
    symbol_min: int
    symbol_max: int

    def __post_init__(self) -> None:
        if self.steps.ndim != 1 or self.steps.shape != self.centres.shape or not len(self.steps):
            raise InputError(
                f"expected a step and a centre a channel, got {list(self.steps.shape)} and {list(self.centres.shape)}"
            )
        if not (np.isfinite(self.steps).all() and (self.steps > 0).all() and np.isfinite(self.centres).all()):
            raise InputError("expected finite steps above 0 and finite centres")
        if not self.symbol_min <= 0 <= self.symbol_max or self.symbol_max - self.symbol_min >= MAX_VALUES:
            raise InputError(
                f"expected at most {MAX_VALUES} symbols, 0 among them, got {self.symbol_min} to {self.symbol_max}"
            )

    @property
    def gains(self) -> Float32:
        """What latents are multiplied by, float32 [M]: 1 / step."""
        return (1 / self.steps.astype(np.float64)).astype(np.float32)

    @property
    def shifts(self) -> Float32:
        """What is added after that, float32 [M]."""
        return (-self.centres * self.gains).astype(np.float32)

    def quantise(self, latents: Float32) -> Int32:
        """Symbols of latents `[..., M, h, w]`, rounded half to even, clipped."""
        y = latents * self.gains[:, None, None] + self.shifts[:, None, None]
        symbols: Int32 = np.clip(np.rint(y), self.symbol_min, self.symbol_max).astype(np.int32)
        return symbols

    def dequantise(self, symbols: Int32) -> Float32:
        """Latents float32 `[..., M, h, w]` that symbols stand for."""
        values: Float32 = symbols.astype(np.float32) * self.steps[:, None, None] + self.centres[:, None, None]
        return values


def calibrate_steps(latents: Sequence[Float32], bits: int, seed: int = 0) -> Quantiser:
    """The quantiser of 2 to 8 bits for latents `[M, h, w]` of calibration images. InputError for other bits."""
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise InputError(f"expected a quantiser of {LEAST_BITS} to {MOST_BITS} bits, got {bits}")
    rows = _rows(latents)
    channels = len(rows)
    if float(rows.min()) >= 0:
        low, high, centres = 0, 2**bits - 1, np.zeros(channels, np.float32)
    else:
        high = 2 ** (bits - 1) - 1
        low, centres = -high, rows.mean(1, dtype=np.float64).astype(np.float32)
    ranges = np.abs(rows - centres[:, None]).max(1)
    generator = np.random.default_rng(seed)
    picked = generator.choice(rows.shape[1], min(SAMPLES, rows.shape[1]), replace=False)
    sample = rows[:, np.sort(picked)] - centres[:, None]
    best, steps = np.full(channels, np.inf), np.ones(channels, np.float32)
    for share in SHARES:
        tried = (ranges * np.float32(share) / np.float32(high)).astype(np.float32)
        tried[tried < np.finfo(np.float32).tiny] = 1  # a channel that never moves
        error = np.empty(channels)
        for c in range(channels):
            coded = np.clip(np.rint(sample[c] / tried[c]), low, high) * tried[c]
            error[c] = np.square(coded - sample[c], dtype=np.float64).mean()
        better = error < best
        best[better], steps[better] = error[better], tried[better]
    return Quantiser(steps, centres, low, high)


def scaled_steps(latents: Sequence[Float32], scale: float = 1.0) -> Quantiser:
    """One step for all channels of latents `[M, h, w]`, of a network trained for a step of 1.

    The bounds are what calibration images need, and `MARGIN` more.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(f"expected a step above 0, got {scale}")
    rows = _rows(latents)
    largest = MAX_VALUES // 2 - 1
    low = max(-largest, int(np.floor(float(rows.min()) / scale)) - MARGIN)
    high = min(largest, int(np.ceil(float(rows.max()) / scale)) + MARGIN)
    channels = len(rows)
    return Quantiser(np.full(channels, scale, np.float32), np.zeros(channels, np.float32), min(low, 0), max(high, 0))


def _rows(latents: Sequence[Float32]) -> Float32:
    """[M, all positions of all images]."""
    if not latents:
        raise InputError("expected latents of calibration images, got none")
    rows = np.concatenate([x.reshape(len(x), -1) for x in latents], axis=1)
    if not np.isfinite(rows).all():
        raise InputError("expected finite latents of the calibration images, got some that are not")
    return rows
