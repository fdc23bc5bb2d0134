"""isthmus.data.pointcloud.normalize"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.data.pointcloud.normalize import choose_points, normalize

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def reference(points: Float32) -> Float64:
    wide = points.astype(np.float64)
    centred = wide - wide.mean(0)
    unit: Float64 = (centred / np.sqrt((centred**2).sum(1).max())).T
    return unit


@pytest.mark.parametrize("count", [2, 3, 256, 1024, 5000])
@pytest.mark.parametrize("centre", [0.0, 7.5, -4000.0])
def test_agrees_with_float64(count: int, centre: float) -> None:
    points = (np.random.default_rng(count).normal(size=(count, 3)) * 2 + centre).astype(np.float32)
    out = normalize(points)
    assert out.dtype == np.float32
    assert out.shape == (3, count)
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, reference(points), atol=2e-6)
    assert np.sqrt((out.astype(np.float64) ** 2).sum(0).max()) == pytest.approx(1, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(-4, 9), st.floats(-1, 1))
def test_scale_and_shift_change_nothing(seed: int, log_scale: float, shift: float) -> None:
    points = np.random.default_rng(seed).normal(size=(64, 3)).astype(np.float32)
    scale = np.float32(10.0**log_scale)
    moved = points * scale + np.float32(shift) * scale
    np.testing.assert_allclose(normalize(moved), normalize(points), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -123.456, 3.3e7, 1e15])
@pytest.mark.parametrize("count", [1, 2, 1000, 1024])
def test_equal_points_give_exact_zeros(value: float, count: int) -> None:
    """0.1 a thousand times does not have the mean 0.1 in float32: its rounding error must not fill the unit ball."""
    assert not normalize(np.full((count, 3), value, np.float32)).any()


def test_points_too_close_to_square_give_zeros() -> None:
    assert not normalize(np.array([[0, 0, 0], [1e-25, 0, 0]], np.float32)).any()


def test_extremes_stay_finite() -> None:
    out = normalize(np.array([[-1e15, 0, 0], [1e15, 0, 0], [0, 1e15, -1e15]], np.float32))
    assert np.isfinite(out).all()


def test_the_input_is_left_alone_and_may_be_read_only_or_strided() -> None:
    points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    kept = points.copy()
    points.flags.writeable = False
    out = normalize(points)
    assert (points == kept).all()
    np.testing.assert_allclose(normalize(np.repeat(points, 2, 0)[::2]), out, atol=1e-6)


def test_choose_takes_rows_once_in_file_order() -> None:
    points = np.arange(300, dtype=np.float32).reshape(100, 3)
    chosen = choose_points(points, 40, seed=3)
    rows = chosen[:, 0] / 3
    assert chosen.shape == (40, 3)
    assert (np.diff(rows) > 0).all()
    assert (chosen == points[rows.astype(int)]).all()


def test_choose_never_repeats_a_point_to_fill_up() -> None:
    points = np.arange(30, dtype=np.float32).reshape(10, 3)
    assert choose_points(points, 10, seed=0) is points
    assert choose_points(points, 11, seed=0) is points


@given(st.integers(1, 500), st.integers(-(2**70), 2**70), st.data())
def test_choose_is_nested(count: int, seed: int, data: st.DataObject) -> None:
    points = np.arange(3 * count, dtype=np.float32).reshape(-1, 3)
    large = data.draw(st.integers(1, count))
    small = data.draw(st.integers(1, large))
    assert set(choose_points(points, small, seed)[:, 0]) <= set(choose_points(points, large, seed)[:, 0])


def test_choose_is_frozen() -> None:
    """These rows are part of what results were measured on: another NumPy or machine must choose the same."""
    points = np.arange(3000, dtype=np.float32).reshape(-1, 3)
    assert (choose_points(points, 8, seed=1)[:, 0] / 3).tolist() == [
        212.0,
        311.0,
        444.0,
        628.0,
        796.0,
        858.0,
        921.0,
        964.0,
    ]


def test_choose_is_even_and_seeds_differ() -> None:
    points = np.arange(600, dtype=np.float32).reshape(-1, 3)
    hits = np.zeros(200)
    for seed in range(400):
        hits[(choose_points(points, 50, seed)[:, 0] / 3).astype(int)] += 1
    assert hits.mean() == 100
    assert np.abs(hits - 100).max() < 5 * np.sqrt(400 * 0.25 * 0.75)


def test_choose_refuses_a_count_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        choose_points(np.zeros((3, 3), np.float32), 0, seed=0)
