"""The transform over tiles: exact backwards, orthonormal forwards, and how sides are cut."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.errors import InputError
from isthmus.common.video.step import STEP_COUNT, fine_step
from isthmus.common.video.tiles import (
    BASIS_BITS,
    MAX_COEFFICIENT,
    MAX_TILE,
    basis,
    forward,
    frequencies,
    inverse,
    spans,
)


@given(st.integers(1, 500), st.integers(1, MAX_TILE))
def test_sides_are_cut_evenly(length: int, tile: int) -> None:
    found = spans(length, tile)
    sizes = [end - begin for begin, end in found]
    assert found[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert sum(sizes) == length
    assert max(sizes) <= tile
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == -(-length // tile)


@pytest.mark.parametrize("length", range(1, MAX_TILE + 1))
def test_the_basis_is_the_cosine_transform(length: int) -> None:
    exact = scipy.fft.dct(np.eye(length), axis=0, norm="ortho") * 2**BASIS_BITS
    assert np.abs(basis(length) - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("shape", [(3, 14, 14), (2, 15, 26), (1, 1, 33), (4, 7, 7)])
def test_there_and_back(shape: tuple[int, int, int]) -> None:
    latents = np.random.default_rng(0).normal(0, 300, shape).astype(np.float32)
    coefficients = forward(latents, 16)
    back = inverse(np.rint(coefficients).astype(np.int64), 16)
    # Rounded coefficients: an error of a half at most each, and no more in the mean of the squares.
    assert np.sqrt(np.square(back - latents).mean()) < 0.5
    energy = [float(np.square(x.astype(np.float64)).sum()) for x in (latents, coefficients)]
    assert energy[0] == pytest.approx(energy[1], rel=1e-3)


def test_what_does_not_vary_is_one_coefficient() -> None:
    coefficients = forward(np.full((1, 14, 14), 10, np.float32), 16)
    assert coefficients[0, 0, 0] == pytest.approx(140, rel=1e-3)
    coefficients[0, 0, 0] = 0
    assert np.abs(coefficients).max() < 0.05


def test_the_largest_coefficients_do_not_overflow() -> None:
    """Exact integers of any size as the oracle."""
    random = np.random.default_rng(1)
    coefficients = random.choice([-MAX_COEFFICIENT, MAX_COEFFICIENT], (1, 16, 16))
    rows = basis(16).tolist()
    sums = [
        [
            sum(rows[u][i] * rows[v][j] * int(coefficients[0, u, v]) for u in range(16) for v in range(16))
            for j in range(2)
        ]
        for i in range(2)
    ]
    exact = [[(s + (1 << 25)) >> 26 for s in row] for row in sums]
    assert inverse(coefficients.astype(np.int64), 16)[0, :2, :2].tolist() == exact


@given(st.integers(1, 60), st.integers(1, 16), st.integers(1, 16))
def test_bands_rise_within_each_tile(length: int, tile: int, resolution: int) -> None:
    bands = frequencies(length, tile, resolution)
    for begin, end in spans(length, tile):
        part = bands[begin:end].tolist()
        assert part[0] == 0
        assert part == sorted(part)
        assert part[-1] < resolution


def test_steps() -> None:
    sizes = [fine_step(step) for step in range(STEP_COUNT)]
    exact = 2 ** (2 + np.arange(STEP_COUNT) / 8)
    assert np.abs(np.array(sizes) - exact).max() / exact[-1] < 1e-4
    assert (np.abs(np.array(sizes) - exact) <= 0.5 + exact / 4096).all()
    assert sizes[::8] == [4 << octave for octave in range(12)]
    for wrong in (-1, STEP_COUNT):
        with pytest.raises(InputError, match="step: expected 0 to 95"):
            fine_step(wrong)
