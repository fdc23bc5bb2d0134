"""Integer softmax: the table of weights against Python's decimals, the rule against Python's integers."""

import decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.integer_softmax import WEIGHT_COUNT, exp_table, synthesized_tables
from isthmus.common.bits.symbols import INT32_MAX, INT32_MIN
from isthmus.common.errors import InputError


def test_every_weight_is_the_nearest_integer() -> None:
    with decimal.localcontext(prec=50):
        exact = [decimal.Decimal(2**24) * (decimal.Decimal(-d) / 256).exp() for d in range(WEIGHT_COUNT + 10)]
    weights = exp_table().tolist()
    assert len(weights) == WEIGHT_COUNT
    assert [round(value) for value in exact] == weights + [0] * 10
    # None is near a tie, so any sound way to compute them gives these.
    assert min(abs(value % 1 - decimal.Decimal("0.5")) for value in exact) > decimal.Decimal("1e-5")
    assert weights[-2:] == [1, 0]


def by_hand(logits: list[int], first: int, size: int) -> list[int]:
    """BITSTREAM.md §7.7, in Python's integers."""
    bins = len(logits)
    weights_of_bins = [exp_table().tolist()[min(max(logits) - logit, WEIGHT_COUNT - 1)] for logit in logits]
    values = range(first, first + size - 1)
    weights = [weights_of_bins[v + bins // 2] if 0 <= v + bins // 2 < bins else 0 for v in values]
    weights.append(sum(w for i, w in enumerate(weights_of_bins) if i - bins // 2 not in values))
    frequencies = [w * (65536 - size) // sum(weights) + 1 for w in weights]
    frequencies[weights.index(max(weights))] += 65536 - sum(frequencies)
    return frequencies


@given(
    st.lists(st.tuples(st.integers(-40, 40), st.integers(1, 60)), min_size=1, max_size=4),
    st.integers(1, 4).map(lambda n: 8 * n),
    st.sampled_from([0, 3, 300, 5000, INT32_MAX]),
    st.integers(0, 2**32 - 1),
)
def test_tables_are_those_made_by_hand(shapes: list[tuple[int, int]], bins: int, spread: int, seed: int) -> None:
    logits = np.random.default_rng(seed).integers(-spread, spread + 1, (len(shapes), bins)).astype(np.int32)
    like = quantize_pmf([[1.0] * size for _, size in shapes], [first for first, _ in shapes], 16, has_escape=True)
    tables = synthesized_tables(logits, like)
    assert (tables.sizes == like.sizes).all()
    assert (tables.offsets == like.offsets).all()
    for table, (first, size) in enumerate(shapes):
        assert tables.frequencies(table).tolist() == by_hand(logits[table].tolist(), first, size)


def test_the_order_of_channels_does_not_matter() -> None:
    logits = np.random.default_rng(0).integers(-2000, 2000, (50, 64)).astype(np.int32)
    like = quantize_pmf([[1.0] * (5 + i) for i in range(50)], [-i for i in range(50)], 16, has_escape=True)
    whole = synthesized_tables(logits, like)
    for channel in (0, 17, 49):
        alone = quantize_pmf([[1.0] * (5 + channel)], [-channel], 16, has_escape=True)
        single = synthesized_tables(logits[channel : channel + 1], alone)
        assert single.frequencies(0).tolist() == whole.frequencies(channel).tolist()


@pytest.mark.parametrize(
    "logits",
    [np.zeros((2, 8), np.int32), np.zeros((1, 8), np.float32), np.zeros(8, np.int32), np.zeros((1, 0), np.int32)],
)
def test_other_logits_are_refused(logits: np.ndarray) -> None:
    like = CdfTables.from_frequencies([[65535, 1]], [0], 16, has_escape=True)
    with pytest.raises(InputError, match="integer logits"):
        synthesized_tables(logits, like)


def test_tables_without_escape_or_of_another_precision_are_refused() -> None:
    for like in (
        CdfTables.from_frequencies([[65535, 1]], [0], 16),
        CdfTables.from_frequencies([[255, 1]], [0], 8, has_escape=True),
    ):
        with pytest.raises(InputError, match="expected tables with escapes"):
            synthesized_tables(np.zeros((1, 8), np.int32), like)


def test_the_widest_logits_do_not_overflow() -> None:
    like = CdfTables.from_frequencies([[1, 65534, 1]], [-1], 16, has_escape=True)
    logits = np.array([[INT32_MIN, INT32_MAX, *[INT32_MIN] * 6]], np.int32)
    assert synthesized_tables(logits, like).frequencies(0).tolist() == [1, 1, 65534]
