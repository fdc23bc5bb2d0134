"""Classes of activity, and a table for each: cut so that the training latents take the fewest bits.

Dynamic programming over fine quantiles of the activity.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

FINE_CLASSES = 48

Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


def activity_classes(
    activity: npt.NDArray[np.int32],
    values: Int16,
    pmf: Float64,
    *,
    classes: int,
    class_bits: float,
    smoothing: float,
) -> tuple[Int64, list[Float64]]:
    """Thresholds `[at most classes - 1]` of the classes and their distributions, `[2 top + 1]` each.

    Args:
        activity, values: of every latent, `[latents]`.
        pmf: the channel's static distribution on ``-top..top``, `[2 top + 1]`.
        classes: most of them.
        class_bits: bits that a class must save for every value it codes.
        smoothing: pseudo-counts with which a class leans on the static distribution.
    """
    top = len(pmf) // 2
    # Finer where activity is high: few latents there, and many bits.
    shares = 1 - np.linspace(1, 0.02, FINE_CLASSES - 1) ** 2
    edges = np.unique(np.quantile(activity, np.clip(shares, 0.02, 0.999)).astype(np.int64))
    edges = edges[edges > activity.min()]
    fine = np.searchsorted(edges, activity, side="right")
    width = 2 * top + 1
    cells = fine * width + (np.clip(values, -top, top) + top)
    counts = np.bincount(cells, minlength=(len(edges) + 1) * width).reshape(-1, width).astype(float)

    def cost(histogram: Float64) -> float:
        smooth = histogram + smoothing * pmf
        return float(-(histogram * np.log2(smooth / smooth.sum())).sum())

    n = len(counts)
    cumulative = np.concatenate([np.zeros((1, counts.shape[1])), counts.cumsum(0)])
    price = class_bits * max(1, int((counts.sum(0) > 0).sum()))
    costs = np.full((n + 1, n + 1), np.inf)
    for i in range(n):
        for j in range(i + 1, n + 1):
            costs[i, j] = cost(cumulative[j] - cumulative[i]) + price
    best = np.full((classes + 1, n + 1), np.inf)
    back = np.zeros((classes + 1, n + 1), int)
    best[0, 0] = 0
    for k in range(1, classes + 1):
        totals = best[k - 1][:, None] + costs
        back[k] = totals.argmin(0)
        best[k] = totals.min(0)
    k = int(best[1:, n].argmin()) + 1
    cuts, j = [n], n
    for level in range(k, 0, -1):
        j = int(back[level, j])
        cuts.append(j)
    cuts = cuts[::-1]
    tables = []
    for i, j in pairwise(cuts):
        histogram = cumulative[j] - cumulative[i] + smoothing * pmf
        tables.append(histogram / histogram.sum())
    return edges[np.array(cuts[1:-1], int) - 1], tables
