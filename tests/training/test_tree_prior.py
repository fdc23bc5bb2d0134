"""The learned tree: it finds the dependencies that are there, and pays for none that are not."""

from __future__ import annotations

import numpy as np

from isthmus.common.bits.symbols import Symbols
from isthmus.training.tree_prior import channel_tree, joint_counts, learn_prior, mutual_information_bits


def chain(count: int = 4000) -> np.ndarray:
    """Three symbols: the third copies the first nine times in ten, the second is noise."""
    rng = np.random.default_rng(0)
    first, noise = rng.integers(0, 4, count), rng.integers(0, 4, count)
    copied = np.where(rng.random(count) < 0.9, first, rng.integers(0, 4, count))
    return np.stack((first, noise, copied), 1).astype(np.int32)


def test_tree_joins_dependent_symbols() -> None:
    order, parents = channel_tree(chain(), 4)
    place = {channel: i for i, channel in enumerate(order)}
    later, earlier = max(place[0], place[2]), min(place[0], place[2])
    assert parents[later] == earlier
    assert parents[0] == -1
    assert all(parent < i for i, parent in enumerate(parents))


def test_prior_saves_the_mutual_information() -> None:
    symbols = chain()
    order, parents = channel_tree(symbols, 4)
    tree = learn_prior(symbols[:, order], parents, 4)
    independent = learn_prior(symbols, [-1, -1, -1], 4)
    saved = independent.estimated_bits(Symbols(symbols)).mean()
    saved -= tree.estimated_bits(Symbols(np.ascontiguousarray(symbols[:, order]))).mean()
    information = mutual_information_bits(joint_counts(symbols[:, 0], symbols[:, 2], 4))
    assert information > 1.2
    assert abs(saved - information) < 0.05


def test_independent_symbols_have_no_information() -> None:
    symbols = chain()
    assert abs(mutual_information_bits(joint_counts(symbols[:, 0], symbols[:, 1], 4))) < 0.01


def test_values_never_seen_can_still_be_coded() -> None:
    prior = learn_prior(np.zeros((50, 2), np.int32), [-1, 0], 4)
    rare = Symbols(np.array([[3, 2]], np.int32))
    assert prior.decode(prior.encode(rare), 1) == rare
