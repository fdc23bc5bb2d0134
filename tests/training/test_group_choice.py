"""Candidate tables of groups: learned where photographs differ, chosen exactly, shipped as an image codec's tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from isthmus.common.bits.symbols import Symbols
from isthmus.common.image.choice import EntryCounts, TableChoice
from isthmus.training.group_choice import (
    candidate_costs,
    choice_prior,
    choose,
    group_histograms,
    ideal_bits,
    integer_tables,
    learn_candidates,
    learn_choice,
    static_pmfs,
    symbol_cells,
)

REACH = 7
WIDTH = 2 * REACH + 2


def two_kinds_of_photographs(count: int, symbols: int, seed: int) -> np.ndarray:
    """Symbols ``[count, 3, symbols]``; every second photograph's groups 0 and 1 spread wider, group 2 never differs."""
    rng = np.random.default_rng(seed)
    spread = np.where(np.arange(count) % 2, 2.0, 0.5)[:, None, None] * np.array([1, 0.8, 0])[None, :, None]
    spread[:, 2] = 1.0
    return rng.normal(scale=spread, size=(count, 3, symbols)).round().astype(np.int32)


def histograms_of(symbols: np.ndarray) -> np.ndarray:
    groups = np.broadcast_to(np.arange(3, dtype=np.int32)[:, None], symbols.shape[1:]).ravel()
    cells = symbol_cells(symbols, REACH).reshape(len(symbols), -1)
    return group_histograms(cells, np.broadcast_to(groups, cells.shape), 3, WIDTH)


def learned(weight: float = 1.0) -> tuple[np.ndarray, list[np.ndarray]]:
    seen = histograms_of(two_kinds_of_photographs(200, 256, 0))
    static = static_pmfs(seen)
    return seen, [learn_candidates(seen[:, g], static[g], weight, candidates=4) for g in range(3)]


def test_choosing_closes_most_of_the_gap_where_photographs_differ_and_costs_nothing_where_not() -> None:
    seen, pmfs = learned()
    prior = learn_choice(candidate_costs(seen, pmfs), 1.0)
    test = histograms_of(two_kinds_of_photographs(50, 256, 1))
    costs = candidate_costs(test, pmfs)
    choices = choose(costs, prior)
    static, adapted = costs[:, :, 0].sum(), (choices.symbol_bits + choices.side_bits).sum()
    ideal = ideal_bits(test).sum()
    assert (static - adapted) / (static - ideal) > 0.6
    assert choices.side_bits.mean() < 3  # the second group follows the first
    assert np.ptp(choices.values[:, 0].reshape(-1, 2), axis=1).min() > 0


def test_the_choice_is_the_best_of_all() -> None:
    rng = np.random.default_rng(3)
    costs = rng.uniform(0, 8, size=(20, 4, 3)).astype(np.float32)
    costs[:, 2, 2] = 1e9  # a group with two candidates
    prior = choice_prior(rng.integers(0, 2, size=(40, 4)).astype(np.int32), [-1, 0, 0, 2], np.array([3, 3, 2, 3]))
    choices = choose(costs, prior)
    for photo, cost in enumerate(costs):
        totals = []
        for values in itertools.product(range(3), range(3), range(2), range(3)):
            rows = np.array([values], np.int32)
            side = float(prior.estimated_bits(Symbols(rows))[0])
            totals.append(sum(float(cost[g, v]) for g, v in enumerate(values)) + side)
        best = choices.symbol_bits[photo] + choices.side_bits[photo]
        assert best == pytest.approx(min(*totals, float(cost[:, 0].sum())), abs=1e-4)


def test_integer_tables_agree_with_the_coder_s_own_choice() -> None:
    seen, pmfs = learned()
    prior = learn_choice(candidate_costs(seen, pmfs), 1.0)
    tables = integer_tables(seen, pmfs, prior, None)
    symbols = two_kinds_of_photographs(6, 256, 2)
    mine = choose(candidate_costs(histograms_of(symbols), pmfs), prior)
    theirs, first = TableChoice(tables), tables.first_table[:-1]
    for photo, values in enumerate(symbols):
        counts = EntryCounts(tables.tables.offsets[first], tables.tables.sizes[first]).add_channels(values)
        np.testing.assert_array_equal(theirs.cheapest(theirs.costs(counts)), mine.values[photo])


def test_a_group_that_few_photographs_use_keeps_its_static_table() -> None:
    histograms = np.zeros((100, WIDTH), np.uint32)
    histograms[:5, REACH] = 3
    static = static_pmfs(histograms[:, None])[0]
    np.testing.assert_array_equal(learn_candidates(histograms, static, 1.0), static[None])


def test_larger_images_afford_more_candidates() -> None:
    counts = [sum(len(p) for p in learned(weight)[1]) for weight in (0.001, 1.0)]
    assert counts[0] <= counts[1]
