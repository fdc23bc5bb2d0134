"""How close a picture is to its original: PSNR over RGB, and MS-SSIM.

MS-SSIM as it is usually reported (Wang, Simoncelli and Bovik 2003): five scales, a Gaussian window of 11 taps with
sigma 1.5, no padding, a 2 x 2 mean between scales, each colour channel by itself and then their mean. Where a side is
odd, the mean takes in one row of zeros before and after it, in both pictures alike, as the field's PyTorch library
does: so numbers of pictures of any size can be compared with others' numbers.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

PEAK = 255.0
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_TAPS, WINDOW_SIGMA = 11, 1.5
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
MIN_MS_SSIM_SIDE = (WINDOW_TAPS - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""Shorter sides leave no window at the last scale: 161 pixels."""
ROWS_AT_A_TIME = 256

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


def psnr_rgb_db(original: UInt8, reconstruction: UInt8) -> float:
    """PSNR in dB of uint8 ``[height, width, 3]``, one mean squared error over the three channels; inf where equal.

    Raises:
        InputError: the arrays are not two such pictures of one size.
    """
    _check(original, reconstruction)
    squared = 0
    for row in range(0, len(original), ROWS_AT_A_TIME):  # large pictures: no difference of all of it in memory
        rows = slice(row, row + ROWS_AT_A_TIME)
        difference = original[rows].astype(np.int32) - reconstruction[rows]
        squared += int((difference * difference).sum(dtype=np.int64))
    return math.inf if squared == 0 else 10 * math.log10(PEAK**2 * original.size / squared)


def ms_ssim(original: UInt8, reconstruction: UInt8) -> float:
    """MS-SSIM of uint8 ``[height, width, 3]``, 0 to 1.

    Raises:
        InputError: the arrays are not two such pictures of one size, or a side is under `MIN_MS_SSIM_SIDE`.
    """
    _check(original, reconstruction)
    if min(original.shape[:2]) < MIN_MS_SSIM_SIDE:
        raise InputError(
            f"MS-SSIM: expected sides of {MIN_MS_SSIM_SIDE} pixels or more for its {len(SCALE_WEIGHTS)} scales, got "
            f"{original.shape[1]}x{original.shape[0]}"
        )
    return float(np.mean([_channel_ms_ssim(original[..., c], reconstruction[..., c]) for c in range(3)]))


def _channel_ms_ssim(x8: UInt8, y8: UInt8) -> float:
    x, y = x8.astype(np.float32), y8.astype(np.float32)
    result, last = 1.0, len(SCALE_WEIGHTS) - 1
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            x, y = _halved(x), _halved(y)
        similarity, contrast = _ssim(x, y)
        result *= max(similarity if scale == last else contrast, 0.0) ** weight
    return result


def _ssim(x: Float32, y: Float32) -> tuple[float, float]:
    """Mean SSIM, and mean of its contrast and structure part, of two pictures [h, w]."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    both, product = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    variances = _blurred(x * x + y * y) - both  # the two variances only ever occur as their sum
    covariance = _blurred(x * y) - product
    contrast = (2 * covariance + np.float32(C2)) / (variances + np.float32(C2))
    similarity = contrast * (2 * product + np.float32(C1)) / (both + np.float32(C1))
    return float(similarity.mean(dtype=np.float64)), float(contrast.mean(dtype=np.float64))


def _blurred(x: Float32) -> Float32:
    """Both passes of the window over [h, w], without padding: [h - 10, w - 10]."""
    half = _along_rows(x)
    return np.ascontiguousarray(_along_rows(np.ascontiguousarray(half.T)).T)


def _along_rows(x: Float32) -> Float32:
    """All rows as one string through NumPy's fast path for short kernels; what runs over a row's end is cut off."""
    height, width = x.shape
    filtered: Float32 = np.zeros(height * width, np.float32)
    filtered[: height * width - WINDOW_TAPS + 1] = np.correlate(x.ravel(), _WINDOW, "valid")
    rows: Float32 = filtered.reshape(height, width)[:, : width - WINDOW_TAPS + 1]
    return rows


def _halved(x: Float32) -> Float32:
    """Means of 2 x 2 blocks; along an odd side after a row of zeros on either end."""
    odd_rows, odd_columns = x.shape[0] % 2, x.shape[1] % 2
    if odd_rows or odd_columns:
        x = np.pad(x, ((odd_rows, odd_rows), (odd_columns, odd_columns)))
        x = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
    mean: Float32 = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) * np.float32(0.25)
    return mean


def _window() -> Float32:
    at = np.arange(WINDOW_TAPS) - WINDOW_TAPS // 2
    weights = np.exp(-(at**2) / (2 * WINDOW_SIGMA**2))
    normalised: Float32 = (weights / weights.sum()).astype(np.float32)
    return normalised


_WINDOW = _window()


def _check(original: UInt8, reconstruction: UInt8) -> None:
    for name, picture in (("original", original), ("reconstruction", reconstruction)):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            raise InputError(f"{name}: expected pixels uint8 [height, width, 3], got {picture.dtype} {picture.shape}")
    if original.shape != reconstruction.shape:
        raise InputError(f"expected two pictures of one size, got {original.shape} and {reconstruction.shape}")
