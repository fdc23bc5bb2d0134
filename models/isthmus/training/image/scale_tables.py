"""Tables of symbols whose table index is known: counted on training photographs, backed off to a Gaussian.

A channel of latents seldom has zero mean, and rounding makes a mean of a third of a step visible. So channels are put
into a few kinds, and an index has one table a kind: a clustering that minimises the bits of the training symbols.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.models.image.hyperprior import SCALE_LEVELS, SCALE_RATIO, SMALLEST_SCALE
from isthmus.training.group_choice import support, symbol_cells

GAUSSIAN_BACKOFF = 4.0  # pseudo-counts with which a table of an index leans on its Gaussian
KIND_BACKOFF = 16.0  # and one of an index and a kind on that of the index
KIND_ROUNDS = 12

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def count_symbols(symbols: Int32, indices: Int32, reach: int) -> Int64:
    """How often each symbol occurs at each index of each channel, ``[M, SCALE_LEVELS, 2 * reach + 2]``.

    `symbols` and `indices` are ``[n, M, h, w]``; the last cell counts what lies outside -`reach` to `reach`.
    """
    width = 2 * reach + 2
    out = np.empty((symbols.shape[1], SCALE_LEVELS, width), np.int64)
    for channel in range(symbols.shape[1]):
        cell = symbol_cells(symbols[:, channel], reach).astype(np.int64) + width * indices[:, channel]
        out[channel] = np.bincount(cell.ravel(), minlength=SCALE_LEVELS * width).reshape(SCALE_LEVELS, width)
    return out


def gaussian_pmf(reach: int) -> Float64:
    """Zero-mean Gaussians of every index over the integers, the tail last, ``[SCALE_LEVELS, 2 * reach + 2]``."""
    edges = np.arange(-reach, reach + 2) - 0.5
    out = np.empty((SCALE_LEVELS, 2 * reach + 2))
    for index in range(SCALE_LEVELS):
        scale = SMALLEST_SCALE * SCALE_RATIO**index * math.sqrt(2)
        # The lower half mirrored: differences of the cumulative near 1 would lose the upper tail.
        below = np.array([math.erfc(-e / scale) / 2 for e in edges[: reach + 1]])
        half = np.diff(below)
        centre = math.erf(0.5 / scale)
        out[index] = np.concatenate([half, [centre], half[::-1], [2 * below[0]]])
    return out


def channel_kinds(counts: Int64, kinds: int) -> Int32:
    """The kind of each channel, ``[M]`` from 0 on: channels of one kind share a table for each index.

    `counts` is ``[M, SCALE_LEVELS, cells]``. Alternating minimisation of the training symbols' bits, from channels
    sorted by their mean.
    """
    values = np.arange(counts.shape[2]) - (counts.shape[2] - 2) // 2
    values[-1] = 0
    total = counts.sum((1, 2))
    mean = (counts.sum(1) * values).sum(1) / np.maximum(total, 1)
    assignment = np.zeros(len(counts), np.int64)
    assignment[np.argsort(mean, kind="stable")] = np.arange(len(counts)) * kinds // len(counts)
    flat = counts.reshape(len(counts), -1).astype(np.float64)
    for _ in range(KIND_ROUNDS):
        bits = np.stack([-np.log2(pmf).ravel() for pmf in smoothed_pmfs(counts, assignment.astype(np.int32), kinds)])
        best = np.argmin(flat @ bits.T, axis=1)
        if np.array_equal(best, assignment):
            break
        assignment = best
    return assignment.astype(np.int32)


def smoothed_pmfs(counts: Int64, kind_of: Int32, kinds: int) -> Float64:
    """Densities of every kind and index, ``[kinds, SCALE_LEVELS, cells]``, none of them zero anywhere."""
    reach = (counts.shape[2] - 2) // 2
    gaussian = gaussian_pmf(reach) + 1e-9
    index_counts = counts.sum(0) + GAUSSIAN_BACKOFF * gaussian
    per_index = index_counts / index_counts.sum(1, keepdims=True)
    per_kind = np.stack([counts[kind_of == kind].sum(0) for kind in range(kinds)]) + KIND_BACKOFF * per_index
    out: Float64 = per_kind / per_kind.sum(2, keepdims=True)
    return out


def cropped_tables(pmfs: Float64, seen: Int64) -> CdfTables:
    """Integer tables of densities ``[tables, cells]``, each cropped to where `seen` counted something.

    What lies outside is the escape's. `seen` is ``[tables, cells]``, the escape last in both.
    """
    reach = (pmfs.shape[1] - 2) // 2
    rows, offsets = [], []
    for pmf, count in zip(pmfs, seen, strict=True):
        low, high = support(count[:-1], reach)
        inside = pmf[low : high + 1]
        rows.append([*inside, max(1 - inside.sum() / pmf.sum(), 1e-9) * pmf.sum()])
        offsets.append(low - reach)
    return quantize_pmf(rows, np.array(offsets, np.int32), has_escape=True)
