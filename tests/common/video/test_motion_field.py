"""Motion fields: the predictor both ways, vectors of latents against slow oracles, fields that must not be."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.common.errors import InputError
from isthmus.common.video.motion_field import (
    MAX_VECTOR,
    BlockMode,
    MotionField,
    block_grid,
    phases,
    predicted_vectors,
    restored_vectors,
    spread,
)

Int32 = npt.NDArray[np.int32]
SIDES = st.integers(1, 7)


def vectors(height: int, width: int, seed: int, most: int = 40) -> Int32:
    return np.random.default_rng(seed).integers(-most, most + 1, (height, width, 2)).astype(np.int32)


def oracle_prediction(field: Int32, row: int, column: int, axis: int) -> int:
    """The rule in words: the median of left, above and above right, and what is done at borders."""
    height, width = field.shape[:2]

    def at(r: int, c: int) -> int | None:
        return int(field[r, c, axis]) if 0 <= r < height and 0 <= c < width else None

    corner = at(row - 1, column + 1)
    if corner is None:
        corner = at(row - 1, column - 1)
    neighbours = (at(row, column - 1), at(row - 1, column), corner)
    known = [n for n in neighbours if n is not None]
    if len(known) == 1:
        return known[0]
    return sorted(n if n is not None else 0 for n in neighbours)[1]


@settings(max_examples=150)
@given(SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_the_predictor_is_the_median_of_its_neighbours(height: int, width: int, seed: int) -> None:
    field = vectors(height, width, seed)
    predicted = predicted_vectors(field)
    for row, column, axis in np.ndindex(*field.shape):
        assert predicted[row, column, axis] == oracle_prediction(field, row, column, axis)


@settings(max_examples=150)
@given(SIDES, SIDES, st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([3, 40, MAX_VECTOR]))
def test_the_message_both_ways(height: int, width: int, seed: int, is_smooth: bool, most: int) -> None:
    modes = np.random.default_rng(seed).integers(0, 3, (height, width))
    field = MotionField(modes.astype(np.int32), vectors(height, width, seed, most), is_smooth)
    message = field.message()
    assert message.dtype == np.int32
    assert message.shape == (3, height, width)
    again = MotionField.from_message(message, is_smooth=is_smooth)
    assert (again.modes == field.modes).all()
    assert (again.vectors == field.vectors).all()
    assert again.is_smooth == is_smooth


def test_a_pan_costs_one_difference() -> None:
    field = MotionField(np.zeros((5, 8), np.int32), np.full((5, 8, 2), (3, -7), np.int32))
    message = field.message()
    # The first row hands it on; below, the outer left has two neighbours above, and so has the rest.
    assert message[1:, 0, 0].tolist() == [3, -7]
    assert np.count_nonzero(message) == 2


def oracle_phase(field: MotionField, row: int, column: int, block: int, fraction_bits: int, axis: int) -> int:
    """Bilinear interpolation in fractions, rounded half up."""
    height, width = field.modes.shape

    def place(latent: int, count: int) -> tuple[int, int, Fraction]:
        # The centre of block i lies at i B + (B - 1) / 2.
        at = (Fraction(latent) - Fraction(block - 1, 2)) / block
        at = min(max(at, Fraction(0)), Fraction(count - 1))
        before = int(at)
        return before, min(before + 1, count - 1), at - before

    (r0, r1, down), (c0, c1, right) = place(row, height), place(column, width)
    v = field.vectors[:, :, axis].tolist()
    above = v[r0][c0] * (1 - right) + v[r0][c1] * right
    below = v[r1][c0] * (1 - right) + v[r1][c1] * right
    exact = (above * (1 - down) + below * down) * 2 ** (6 - fraction_bits)
    return int((exact + Fraction(1, 2)) // 1)


@settings(max_examples=100)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_vectors_of_latents(
    height: int, width: int, block: int, fraction_bits: int, is_smooth: bool, seed: int
) -> None:
    grid = block_grid(height, width, block)
    field = MotionField(np.zeros(grid, np.int32), vectors(*grid, seed), is_smooth)
    actual = phases(field, height, width, block, fraction_bits)
    assert actual.dtype == np.int32
    assert actual.shape == (height, width, 2)
    for row, column, axis in np.ndindex(*actual.shape):
        expected = (
            oracle_phase(field, row, column, block, fraction_bits, axis)
            if is_smooth
            else int(field.vectors[row // block, column // block, axis]) * 2 ** (6 - fraction_bits)
        )
        assert actual[row, column, axis] == expected


def test_the_largest_vectors_do_not_overflow() -> None:
    for sign in (1, -1):
        field = MotionField(np.zeros((2, 2), np.int32), np.full((2, 2, 2), sign * MAX_VECTOR), is_smooth=True)
        assert (phases(field, 32, 32, 16, 0) == sign * MAX_VECTOR * 64).all()


def test_spread_repeats_blocks_up_to_the_border() -> None:
    blocks = np.arange(6).reshape(2, 3)
    assert spread(blocks, 3, 5, 2).tolist() == [[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5]]
    assert block_grid(3, 5, 2) == (2, 3)


def test_fields_do_not_change_with_what_they_were_made_of() -> None:
    modes, v = np.zeros((2, 3), np.int32), vectors(2, 3, 0)
    field = MotionField(modes, v)
    modes[0], v[0] = 1, 9
    assert not field.modes.any()
    assert not (field.vectors[0] == 9).all()
    with pytest.raises(ValueError, match="read-only"):
        field.vectors[0] = 1
    other = field.with_modes(modes)
    assert other.modes[0].tolist() == [BlockMode.RESIDUAL] * 3
    assert not MotionField.still(2, 3).message().any()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"modes": np.zeros((2, 2, 1), np.int32)}, "expected modes"),
        ({"modes": np.zeros((0, 2), np.int32)}, "expected modes"),
        ({"modes": np.zeros((2, 1), np.int32)}, "expected modes"),
        ({"modes": np.full((2, 2), 3, np.int32)}, "modes: expected integers 0 to 2, got int32 3 to 3"),
        ({"modes": np.full((2, 2), -1, np.int32)}, "modes: expected integers 0 to 2"),
        ({"modes": np.zeros((2, 2))}, "modes: expected integers 0 to 2, got float64"),
        ({"vectors": np.zeros((2, 2, 3), np.int32)}, "expected modes"),
        ({"vectors": np.full((2, 2, 2), MAX_VECTOR + 1)}, "vectors: expected integers within 32767"),
        ({"vectors": np.full((2, 2, 2), -MAX_VECTOR - 1)}, "vectors: expected integers within 32767"),
        ({"vectors": np.zeros((2, 2, 2))}, "vectors: expected integers"),
    ],
)
def test_fields_that_must_not_be(fields: dict[str, Any], message: str) -> None:
    good = {"modes": np.zeros((2, 2), np.int32), "vectors": np.zeros((2, 2, 2), np.int32)}
    with pytest.raises(InputError, match=message):
        MotionField(**(good | fields))


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 2)])
def test_differences_that_lead_too_far(shape: tuple[int, int]) -> None:
    differences = np.zeros((*shape, 2), np.int32)
    differences[0, 0, 1], differences[-1, -1, 1] = MAX_VECTOR, 1
    if shape == (2, 2):  # whose median takes in the left border's 0
        differences[0, 1, 1] = 1
    with pytest.raises(InputError, match=r"vector of block \(\d, \d\): expected components within 32767, got 32768"):
        restored_vectors(differences)
