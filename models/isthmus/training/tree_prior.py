"""Learning the prior of categorical symbols: the best tree of pairwise dependencies, as integer tables.

Source: Chow and Liu 1968. Among all priors in which each symbol depends on at most one other, the maximum spanning tree
of the pairwise mutual information gives the fewest bits. It costs one table look-up a symbol at run time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.prior import Prior

PRECISION_BITS = 16
MARGINAL_SMOOTHING = 0.5  # pseudo-counts of each value
BACKOFF = 8.0  # pseudo-counts with which a conditional table leans on the marginal one

Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]


def channel_tree(symbols: Int32, size: int) -> tuple[list[int], list[int]]:
    """Order of the channels, parents first, and the parent of each *in that order* (-1 for the root).

    `symbols` ``[signals, channels]`` holds values 0 to `size` - 1.
    """
    channels = symbols.shape[1]
    gain = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(i):
            gain[i, j] = gain[j, i] = mutual_information_bits(joint_counts(symbols[:, i], symbols[:, j], size))
    order, parents = [int(np.argmax(gain.sum(1)))], [-1]
    while len(order) < channels:
        rest = [c for c in range(channels) if c not in order]
        block = gain[np.ix_(order, rest)]
        parent, child = np.unravel_index(int(np.argmax(block)), block.shape)
        order.append(rest[int(child)])
        parents.append(int(parent))
    return order, parents


def joint_counts(above: Int32, below: Int32, size: int) -> Float64:
    """How often each pair of values occurs, ``[size, size]``."""
    pairs = np.bincount(above.astype(np.int64) * size + below, minlength=size * size)
    return pairs.reshape(size, size).astype(np.float64)


def mutual_information_bits(counts: Float64) -> float:
    """Mutual information of two symbols by counts ``[size, size]``, less the estimate's bias (Miller and Madow)."""
    total = counts.sum()
    p = counts / total
    outer = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    seen = p > 0
    plain = float((p[seen] * np.log2(p[seen] / outer[seen])).sum())
    cells = seen.sum() - (p.sum(1) > 0).sum() - (p.sum(0) > 0).sum() + 1
    return plain - float(cells / (2 * total * np.log(2)))


def learn_prior(symbols: Int32, parents: list[int], size: int) -> Prior:
    """Tables of every channel given its parent, from symbols ``[signals, channels]`` in tree order."""
    pmfs: list[Float64] = []
    first: list[int] = []
    for channel, parent in enumerate(parents):
        first.append(len(pmfs))
        marginal = np.bincount(symbols[:, channel], minlength=size) + MARGINAL_SMOOTHING
        marginal = marginal / marginal.sum()
        if parent < 0:
            pmfs.append(marginal)
            continue
        counts = joint_counts(symbols[:, parent], symbols[:, channel], size) + BACKOFF * marginal
        pmfs.extend(counts / counts.sum(1, keepdims=True))
    tables = quantize_pmf(pmfs, np.zeros(len(pmfs), np.int32), PRECISION_BITS)
    return Prior(tables, np.array(first, np.int32), np.array(parents, np.int32))
