"""Two rows that no codec sends, beside those that are: what fitting the tables to an image can save at most, and what a
straightforward way of telling the fit would save.

*Ideal.* Every group of latents (a channel, or a scale of the hyperprior) is coded under its own histogram in this
image, which the decoder is told at no cost: the zeroth-order entropy of the group.

*Plain.* Every group is coded under one of `SCALES` x `MEANS` Laplace tables, the cheapest for it, and its number is
sent in `INDEX_BITS` bits as it is. The tables are integers with an escape, as a codec's, and the cost is theirs
(`CdfTables.bits`).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.measure.curve import Float64

SCALES, MEANS = 16, 8
INDEX_BITS = 7
SMALLEST_SCALE, LARGEST_SCALE = 0.1, 48.0
MEAN_STEP = 0.25
TABLE_REACH = 127
ESCAPE_MASS = 1e-5

Int64 = npt.NDArray[np.int64]


def ideal_bits(values: npt.NDArray[np.int32], groups: npt.NDArray[np.int32]) -> float:
    """Entropy of each group's histogram times its size, all together.

    Args:
        values, groups: int32 [n], each latent and the group it belongs to.
    """
    counts = _histograms(values, groups)[1].astype(np.float64)
    return float(_n_log2_n(counts.sum(1)).sum() - _n_log2_n(counts).sum())


def plain_bits(values: npt.NDArray[np.int32], groups: npt.NDArray[np.int32]) -> float:
    """Bits of values ``[n]`` in their groups ``[n]`` under Laplace tables, the tables' numbers among them."""
    present, counts = _histograms(values, groups)
    tables = laplace_tables()
    cost = tables.bits(present[None, :], np.arange(tables.count)[:, None])
    return float((counts @ cost.T).min(1).sum()) + INDEX_BITS * len(counts)


@cache
def laplace_tables() -> CdfTables:
    """One table for each scale and mean: Laplace densities over -127 .. 127 and an escape."""
    at = np.arange(-TABLE_REACH, TABLE_REACH + 1)
    rows = []
    for scale in np.geomspace(SMALLEST_SCALE, LARGEST_SCALE, SCALES):
        for k in range(MEANS):
            mean = MEAN_STEP * (k - MEANS // 2)
            mass = np.diff(_laplace_cdf((np.append(at, TABLE_REACH + 1) - 0.5 - mean) / scale))
            rows.append([*mass, max(1 - mass.sum(), ESCAPE_MASS)])
    return quantize_pmf(rows, np.full(len(rows), -TABLE_REACH), has_escape=True)


def _laplace_cdf(x: Float64) -> Float64:
    tail = 0.5 * np.exp(-np.abs(x))
    return np.where(x < 0, tail, 1 - tail)


def _histograms(values: npt.NDArray[np.int32], groups: npt.NDArray[np.int32]) -> tuple[Int64, Int64]:
    """The values that occur [v], and how often each does in each group that occurs [groups, v]."""
    present, value_index = np.unique(values, return_inverse=True)
    occurring, group_index = np.unique(groups, return_inverse=True)
    flat = group_index.astype(np.int64) * len(present) + value_index
    counts = np.bincount(flat, minlength=len(occurring) * len(present))
    return present.astype(np.int64), counts.reshape(len(occurring), len(present)).astype(np.int64)


def _n_log2_n(n: Float64) -> Float64:
    return n * np.log2(np.maximum(n, 1))
