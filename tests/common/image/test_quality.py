"""PSNR and MS-SSIM, against their definitions and against a well-kept library."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from isthmus.common.errors import InputError
from isthmus.common.image.quality import MIN_MS_SSIM_SIDE, ms_ssim, psnr_rgb_db

UInt8 = npt.NDArray[np.uint8]


def picture(height: int, width: int, seed: int = 0) -> UInt8:
    """Smooth shapes with some grain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / rng.uniform(3, 40) + columns / rng.uniform(3, 40)) for _ in range(3)]
    noise = rng.normal(0, 8, (height, width, 3))
    return np.clip(128 + 80 * np.stack(waves, 2) + noise, 0, 255).astype(np.uint8)


def disturbed(pixels: UInt8, amount: float, seed: int = 1) -> UInt8:
    noise = np.random.default_rng(seed).normal(0, amount, pixels.shape)
    return np.clip(pixels + np.round(noise), 0, 255).astype(np.uint8)


def test_psnr_is_the_definition() -> None:
    a, b = picture(30, 41), disturbed(picture(30, 41), 9)
    error = np.mean((a.astype(np.float64) - b) ** 2)
    assert psnr_rgb_db(a, b) == pytest.approx(10 * math.log10(255**2 / error), abs=1e-12)
    assert psnr_rgb_db(a, a) == math.inf
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    assert psnr_rgb_db(black, white) == 0


@pytest.mark.parametrize(("height", "width", "amount"), [(161, 176, 12.0), (192, 256, 1.0), (257, 163, 90.0)])
def test_ms_ssim_is_the_librarys(height: int, width: int, amount: float) -> None:
    torch = pytest.importorskip("torch", reason="the library to compare with runs on torch")
    library = pytest.importorskip("pytorch_msssim", reason="the library to compare with: pip install pytorch-msssim")
    a = picture(height, width)
    b = disturbed(a, amount)
    given = [torch.from_numpy(x.astype(np.float64)).permute(2, 0, 1)[None] for x in (a, b)]
    expected = float(library.ms_ssim(*given, data_range=255))
    assert ms_ssim(a, b) == pytest.approx(expected, abs=2e-6)


def test_ms_ssim_at_its_ends() -> None:
    a = picture(170, 200)
    assert ms_ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert 0 <= ms_ssim(a, 255 - a) < 0.1
    flat = np.full((170, 200, 3), 77, np.uint8)
    assert ms_ssim(flat, flat) == pytest.approx(1, abs=1e-6)


def test_what_cannot_be_compared() -> None:
    small = picture(MIN_MS_SSIM_SIDE - 1, 300)
    with pytest.raises(InputError, match="sides of 161 pixels or more for its 5 scales, got 300x160"):
        ms_ssim(small, small)
    assert psnr_rgb_db(small, small) == math.inf
    with pytest.raises(InputError, match="two pictures of one size"):
        psnr_rgb_db(picture(20, 20), picture(20, 21))
    with pytest.raises(InputError, match="original: expected pixels uint8"):
        psnr_rgb_db(picture(20, 20).astype(np.float32), picture(20, 20))
    with pytest.raises(InputError, match="reconstruction: expected pixels uint8"):
        ms_ssim(picture(200, 200), picture(200, 200)[..., 0])
