"""Tables that a photograph's groups of symbols choose from, learned for the latents of a hyperprior or without one.

A group is a channel (factorised), a scale index, or a pair of a kind of channels and a scale index; what a group may
choose are candidate tables, learned on training photographs (`group_choice`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.common.image.tables import ImageTables
from isthmus.models.image.hyperprior import SCALE_LEVELS
from isthmus.training.group_choice import (
    Choices,
    Float32,
    Histograms,
    Int32,
    candidate_costs,
    choose,
    group_histograms,
    ideal_bits,
    integer_tables,
    learn_candidates,
    learn_choice,
    static_pmfs,
    symbol_cells,
)
from isthmus.training.image.hyperprior_freeze import REACH, CodedLatents, FrozenHyperprior

CELLS = 2 * REACH + 2


@dataclass(frozen=True, slots=True)
class Grouping:
    """Symbols by group: cells and the group of each, both ``[n, symbols]``."""

    cells: Int32
    groups: Int32
    count: int

    def histograms(self) -> Histograms:
        """``[n, count, CELLS]``."""
        return group_histograms(self.cells, self.groups, self.count, CELLS)


def by_channel(coded: CodedLatents) -> Grouping:
    """The factorised model."""
    n, channels = coded.y.shape[:2]
    groups = np.broadcast_to(np.arange(channels, dtype=np.int32)[:, None, None], coded.y.shape[1:])
    return Grouping(_cells(coded), np.broadcast_to(groups.ravel(), (n, groups.size)), channels)


def by_index(coded: CodedLatents) -> Grouping:
    """Scale indices, channels of all kinds together."""
    return Grouping(_cells(coded), (coded.indices % SCALE_LEVELS).reshape(len(coded.y), -1), SCALE_LEVELS)


def by_table(coded: CodedLatents, tables: int) -> Grouping:
    """Pairs of a kind and a scale index: the tables of the frozen hyperprior."""
    return Grouping(_cells(coded), coded.indices.reshape(len(coded.y), -1), tables)


def _cells(coded: CodedLatents) -> Int32:
    return symbol_cells(coded.y, REACH).reshape(len(coded.y), -1)


def figures(costs: Float32, choices: Choices, ideal: float, extra_bits: float, pixels: int) -> dict[str, float]:
    """One row: bits a pixel and gains in percent of the symbols' static bits.

    Args:
        costs: bits of each photograph's group under each candidate, `[n, groups, candidates]`.
        ideal: bits at true histograms.
        extra_bits: of z; they join the rate.
        pixels: of all photographs.
    """
    static = float(costs[:, :, 0].sum(dtype=np.float64))
    side = float(choices.side_bits.sum())
    adapted = float(choices.symbol_bits.sum()) + side
    gain, most = 100 * (1 - adapted / static), 100 * (1 - ideal / static)
    return {
        "static_bits_per_pixel": (static + extra_bits) / pixels,
        "ideal_bits_per_pixel": (ideal + extra_bits) / pixels,
        "adapted_bits_per_pixel": (adapted + extra_bits) / pixels,
        "side_bits_per_pixel": side / pixels,
        "gain_percent": gain,
        "ideal_gain_percent": most,
        "gap_closed_percent": 100 * gain / most if most > 0 else 0.0,
    }


class TableChoiceRow:
    """Every group chooses one of its candidates, learned on training photographs."""

    def __init__(self, train: Grouping, weight: float) -> None:
        seen = train.histograms()
        static = static_pmfs(seen)
        self.pmfs = [learn_candidates(seen[:, group], static[group], weight) for group in range(train.count)]
        self.prior = learn_choice(candidate_costs(seen, self.pmfs), weight)

    def measure(self, test: Grouping, extra_bits: float, pixels: int) -> dict[str, float]:
        """`figures` of other photographs."""
        histograms = test.histograms()
        costs = candidate_costs(histograms, self.pmfs)
        return figures(costs, choose(costs, self.prior), float(ideal_bits(histograms).sum()), extra_bits, pixels)


def codec_tables(frozen: FrozenHyperprior, train: CodedLatents, weight: float) -> ImageTables:
    """What a hyperprior codec ships: candidates of every table of the frozen hyperprior, learned with `weight`."""
    grouping = by_table(train, frozen.y_tables.count)
    row = TableChoiceRow(grouping, weight)
    return integer_tables(grouping.histograms(), row.pmfs, row.prior, frozen.z_tables)
