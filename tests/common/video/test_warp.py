"""isthmus.common.video.warp against an oracle of Python's integers and fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.common.video import warp as latent_warp
from isthmus.common.video.warp import tap_weights, warp

Int32 = npt.NDArray[np.int32]


def oracle_weights(phase: int) -> list[int]:
    """Catmull-Rom's cubic at t = phase / 64, each weight rounded to 1/128; the second makes the sum 128."""
    t = Fraction(phase, 64)
    exact = [(-(t**3) + 2 * t**2 - t) / 2, None, (-3 * t**3 + 4 * t**2 + t) / 2, (t**3 - t**2) / 2]
    rounded = [floor(128 * w + Fraction(1, 2)) if w is not None else 0 for w in exact]
    rounded[1] = 128 - sum(rounded)
    return rounded


def oracle(state: Int32, phases: Int32, low: int, high: int) -> Int32:
    _, height, width = state.shape
    out = np.empty_like(state)
    for c, row, column in np.ndindex(*state.shape):
        y, x = 64 * row + int(phases[row, column, 0]), 64 * column + int(phases[row, column, 1])
        down, right = oracle_weights(y % 64), oracle_weights(x % 64)
        total = 0
        for i in range(4):
            for j in range(4):
                r = min(max(y // 64 - 1 + i, 0), height - 1)
                k = min(max(x // 64 - 1 + j, 0), width - 1)
                total += down[i] * right[j] * int(state[c, r, k])
        out[c, row, column] = min(max((total + 2**13) // 2**14, low), high)
    return out


def test_weights_at_every_phase() -> None:
    assert tap_weights().tolist() == [oracle_weights(phase) for phase in range(64)]
    assert (tap_weights().sum(1) == 128).all()
    # Symmetric but for what rounding leaves to the second tap.
    assert np.abs(tap_weights()[1:] - tap_weights()[:0:-1, ::-1]).max() <= 1


@settings(max_examples=60)
@given(
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([3, 64, 500, 2_097_088]),
    st.sampled_from([10, 4080]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 7, 1 << 16]),
)
def test_the_warp_is_the_oracles(
    channels: int, height: int, width: int, reach: int, largest: int, seed: int, chunk: int
) -> None:
    rng = np.random.default_rng(seed)
    state = rng.integers(-largest, largest + 1, (channels, height, width)).astype(np.int32)
    phases = rng.integers(-reach, reach + 1, (height, width, 2)).astype(np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latent_warp, "CHUNK_CELLS", chunk)
        actual = warp(state, phases, -2048, 2032)
    assert actual.dtype == np.int32
    assert (actual == oracle(state, phases, -2048, 2032)).all()


def test_no_motion_changes_nothing() -> None:
    state = np.random.default_rng(0).integers(-2000, 2000, (5, 6, 7)).astype(np.int32)
    assert (warp(state, np.zeros((6, 7, 2), np.int32), -2048, 2047) == state).all()


def test_whole_latents_move_exactly_and_the_border_repeats() -> None:
    state = np.arange(20, dtype=np.int32).reshape(1, 4, 5)
    down_one = np.zeros((4, 5, 2), np.int32)
    down_one[:, :, 0] = 64
    assert warp(state, down_one, 0, 99)[0].tolist() == [*state[0, 1:].tolist(), state[0, 3].tolist()]
    left_two = np.zeros((4, 5, 2), np.int32)
    left_two[:, :, 1] = -128
    assert warp(state, left_two, 0, 99)[0, 0].tolist() == [0, 0, 0, 1, 2]


def test_overshoot_is_clipped() -> None:
    state = np.zeros((1, 1, 8), np.int32)
    state[0, 0, 4:] = 1000
    half = np.zeros((1, 8, 2), np.int32)
    half[:, :, 1] = 32
    free, clipped = warp(state, half, -4096, 4096), warp(state, half, 0, 1000)
    assert free.max() > 1000
    assert free.min() < 0
    assert (clipped == free.clip(0, 1000)).all()


def test_the_largest_sums_stay_within_int32() -> None:
    """Signs as the weights', so that nothing cancels."""
    signs = np.sign(np.outer(oracle_weights(32), oracle_weights(32)))
    state = (4096 * signs)[None].astype(np.int32)
    phases = np.full((4, 4, 2), 32, np.int32)
    assert (warp(state, phases, -(1 << 20), 1 << 20) == oracle(state, phases, -(1 << 20), 1 << 20)).all()
