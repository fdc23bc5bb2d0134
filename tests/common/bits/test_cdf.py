"""Tables: valid from birth, optimal rounding, ideal bits."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.errors import InputError, SymbolRangeError

weights = st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda row: max(row) > 1e-6)


def expected_bits(pmf: np.ndarray, frequencies: np.ndarray, total: int) -> float:
    return float(-(pmf * np.log2(frequencies / total)).sum())


@given(st.lists(weights, min_size=1, max_size=4), st.integers(4, 16))
def test_rounding_gives_valid_tables(rows: list[list[float]], precision_bits: int) -> None:
    tables = quantize_pmf(rows, np.zeros(len(rows), dtype=int), precision_bits)
    for table, row in enumerate(rows):
        frequencies = tables.frequencies(table)
        assert len(frequencies) == len(row)
        assert frequencies.min() >= 1
        assert frequencies.sum() == 2**precision_bits


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4).filter(lambda row: max(row) > 1e-6))
def test_no_other_rounding_is_shorter(row: list[float]) -> None:
    total = 16
    pmf = np.array(row) / np.sum(row)
    ours = quantize_pmf([row], [0], 4).frequencies(0)
    others = (np.array(f) for f in itertools.product(range(1, total), repeat=len(row)) if sum(f) == total)
    best = min(expected_bits(pmf, other, total) for other in others)
    assert expected_bits(pmf, ours, total) <= best + 1e-9


def test_rounding_is_deterministic_and_ragged() -> None:
    rows = [[0.5, 0.5, 1e-12], [1.0], [0.1] * 7]
    first, second = (quantize_pmf(rows, [-1, 4, 0], 8) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert first.sizes.tolist() == [3, 1, 7]
    assert sorted(first.frequencies(0).tolist()) == [1, 127, 128]


@pytest.mark.parametrize("row", [[], [0.0, 0.0], [-0.1, 1], [math.nan, 1], [math.inf, 1], [0.1] * 17, [[0.5, 0.5]]])
def test_rounding_refuses_what_is_no_density(row: list[float]) -> None:
    with pytest.raises(InputError, match="table 1"):
        quantize_pmf([[1.0], row], [0, 0], 4)


def test_bits_are_those_of_the_frequencies() -> None:
    tables = CdfTables.from_frequencies([[1, 2, 1], [3, 1]], [-1, 5], 2)
    assert tables.bits([-1, 0, 1, 5, 6], [0, 0, 0, 1, 1]).tolist() == pytest.approx([2, 1, 2, 2 - math.log2(3), 2])
    assert tables.bits(np.zeros((2, 3), dtype=int), 0).shape == (2, 3)


@given(st.integers(-(2**31), 2**31 - 1))
def test_bits_of_an_escape_count_its_bypass(value: int) -> None:
    tables = CdfTables.from_frequencies([[1, 2, 1]], [0], 2, has_escape=True)
    magnitude = -value if value < 0 else value - 1
    expected = 2 - (value == 0) + 0.0
    expected = {0: 2.0, 1: 1.0}.get(value, 2 + 2 + 2 * (magnitude.bit_length() - 1))
    assert tables.bits([value], [0]).tolist() == [expected]


def test_bits_outside_a_table_are_this_sides_mistake() -> None:
    tables = CdfTables.from_frequencies([[1, 2, 1]], [-1], 2)
    with pytest.raises(SymbolRangeError, match=r"symbol \[1\]: expected a value from -1 to 1 .*, got 2"):
        tables.bits([0, 2], [0, 0])
    with pytest.raises(InputError, match="table indices from 0 to 0"):
        tables.bits([0], [1])


@pytest.mark.parametrize(
    ("cumulative", "sizes", "offsets", "precision_bits", "message"),
    [
        ([[0, 1, 4]], [2], [0], 0, "precision_bits"),
        ([[0, 1, 4]], [2], [0], 17, "precision_bits"),
        ([[1, 2, 4]], [2], [0], 2, "table 0"),
        ([[0, 2, 2]], [2], [0], 2, "table 0"),
        ([[0, 3, 2, 4]], [3], [0], 2, "table 0"),
        ([[0, 1, 4], [0, 1, 3]], [2, 2], [0, 0], 2, "table 1"),
        ([[0, 4, 3], [0, 1, 4]], [1, 2], [0, 0], 2, "table 0"),
        ([[0, 1, 5]], [2], [0], 2, "cumulative from 0 to 4"),
        ([[0, 1, 4]], [3], [0], 2, "of shape"),
        ([[0, 1, 4, 4]], [2], [0], 2, "of shape"),
        ([[0, 1, 4]], [0], [0], 2, "sizes from 1"),
        ([[0, 1, 4]], [2], [2**31 - 1], 2, "within int32"),
        ([[0, 1, 4]], [2], [2**31], 2, "offsets from"),
        ([[0.0, 1.0, 4.0]], [2], [0], 2, "as integers"),
        ([[0, 1, 4]], [2, 2], [0], 2, r"\[tables"),
        (np.zeros((0, 3), dtype=int), np.zeros(0, dtype=int), np.zeros(0, dtype=int), 2, r"\[tables"),
    ],
)
def test_invalid_tables_are_refused(cumulative, sizes, offsets, precision_bits, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        CdfTables(np.array(cumulative), np.array(sizes), np.array(offsets), precision_bits)


def test_frequencies_that_do_not_sum_are_refused() -> None:
    with pytest.raises(InputError, match="table 1: expected frequencies that sum to 4, got 5"):
        CdfTables.from_frequencies([[4], [2, 3]], [0, 0], 2)
    with pytest.raises(InputError, match="frequencies from 1 to 4"):
        CdfTables.from_frequencies([[4, 0]], [0], 2)
    with pytest.raises(InputError, match="at least one table"):
        CdfTables.from_frequencies([], [], 2)


def test_tables_are_read_only_and_pickle() -> None:
    tables = CdfTables.from_frequencies([[1, 3]], [0], 2, has_escape=True)
    with pytest.raises(ValueError, match="read-only"):
        tables.cumulative[0, 0] = 1
    assert pickle.loads(pickle.dumps(tables)) == tables
    assert tables.value_counts.tolist() == [1]
    assert tables != 3
