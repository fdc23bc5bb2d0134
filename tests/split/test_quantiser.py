"""The quantiser of a cut: bounds, steps, what is left by rounding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from isthmus.common.errors import InputError
from isthmus.split.quantiser import MARGIN, MAX_VALUES, Quantiser, calibrate_steps, scaled_steps

Float32 = npt.NDArray[np.float32]


def latents(channels: int = 4, count: int = 3, *, positive: bool = False) -> list[Float32]:
    rng = np.random.default_rng(0)
    scale = np.geomspace(0.1, 30, channels)[:, None, None]
    made = [(rng.laplace(size=(channels, 9, 11)) * scale).astype(np.float32) for _ in range(count)]
    return [np.maximum(x, 0) for x in made] if positive else made


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("positive", [False, True])
def test_symbols_keep_to_their_bits(bits: int, positive: bool) -> None:
    seen = latents(positive=positive)
    q = calibrate_steps(seen, bits)
    assert q.symbol_max - q.symbol_min < min(2**bits, MAX_VALUES)
    assert (q.symbol_min, q.symbol_max) == (
        (0, 2**bits - 1) if positive else (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)
    )
    wild = [1000 * x for x in seen] + [-1000 * x for x in seen]
    for x in wild:
        y = q.quantise(x)
        assert q.symbol_min <= y.min() <= y.max() <= q.symbol_max


@pytest.mark.parametrize("positive", [False, True])
def test_more_bits_leave_less(positive: bool) -> None:
    seen = latents(positive=positive)
    left = []
    for bits in range(2, 9):
        q = calibrate_steps(seen, bits)
        left.append(np.mean([np.square(q.dequantise(q.quantise(x)) - x).mean() for x in seen]))
    assert left == sorted(left, reverse=True)
    assert left[-1] < 1e-3 * np.mean([np.square(x).mean() for x in seen])


def test_clipping_beats_the_full_range_at_few_bits() -> None:
    seen = latents(1, 8)
    clipped = calibrate_steps(seen, 3)
    top = max(float(np.abs(x - clipped.centres[:, None, None]).max()) for x in seen)
    full = Quantiser(np.array([top / 3], np.float32), clipped.centres, -3, 3)
    assert clipped.steps[0] < full.steps[0]
    errors = [np.mean([np.square(q.dequantise(q.quantise(x)) - x).mean() for x in seen]) for q in (clipped, full)]
    assert errors[0] < errors[1]


def test_a_channel_that_never_moves() -> None:
    seen = [np.full((2, 4, 4), 3.0, np.float32), np.full((2, 4, 4), 3.0, np.float32)]
    seen[0][0, 0, 0] = -1
    q = calibrate_steps(seen, 4)
    np.testing.assert_allclose(q.dequantise(q.quantise(seen[1]))[1], 3, atol=1e-6)
    dead = calibrate_steps([np.zeros((1, 2, 2), np.float32)], 8)
    assert dead.steps.tolist() == [1]


def test_one_step_for_all_is_what_it_says() -> None:
    seen = [np.array([[[-2.4, 3.6]]], np.float32)]
    q = scaled_steps(seen)
    assert (q.steps == 1).all()
    assert not q.centres.any()
    assert (q.symbol_min, q.symbol_max) == (-3 - MARGIN, 4 + MARGIN)
    assert q.quantise(seen[0]).tolist() == [[[-2, 4]]]
    halved = scaled_steps(seen, 2.0)
    assert (halved.steps != 1).all()
    assert halved.quantise(seen[0]).tolist() == [[[-1, 2]]]
    assert scaled_steps([1000 * seen[0]]).symbol_max == 127


def test_rounding_is_half_to_even() -> None:
    q = Quantiser(np.ones(1, np.float32), np.zeros(1, np.float32), -5, 5)
    assert q.quantise(np.array([[[0.5, 1.5, 2.5, -0.5, -1.5]]], np.float32)).tolist() == [[[0, 2, 2, 0, -2]]]


@pytest.mark.parametrize("bits", [1, 9, 0, -2])
def test_bits_out_of_range(bits: int) -> None:
    with pytest.raises(InputError, match="2 to 8 bits"):
        calibrate_steps(latents(), bits)


def test_latents_that_are_not_finite() -> None:
    with pytest.raises(InputError, match="finite latents"):
        calibrate_steps([np.array([[[np.nan]]], np.float32)], 8)
    with pytest.raises(InputError, match="got none"):
        calibrate_steps([], 8)


@pytest.mark.parametrize(
    ("steps", "centres", "low", "high", "match"),
    [
        ([1, 1], [0], -1, 1, "a step and a centre"),
        ([0], [0], -1, 1, "steps above 0"),
        ([np.inf], [0], -1, 1, "steps above 0"),
        ([1], [np.nan], -1, 1, "finite centres"),
        ([1], [0], 1, 2, "0 among them"),
        ([1], [0], -128, 128, "at most 256"),
    ],
)
def test_malformed_quantisers(steps: list[float], centres: list[float], low: int, high: int, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Quantiser(np.array(steps, np.float32), np.array(centres, np.float32), low, high)


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan")])
def test_steps_out_of_range(step: float) -> None:
    with pytest.raises(InputError, match="step above 0"):
        scaled_steps(latents(), step)
