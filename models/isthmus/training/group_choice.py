"""Candidate tables for groups of latents, and the prior of which photograph takes which: learned from histograms.

A group is a channel (factorised model) or a scale index (hyperprior). Its candidates are learned by entropy-constrained
clustering (Chou et al. 1989) of the training photographs' histograms: candidate 0 is the static table and stays, the
others move to the mean of the photographs that choose them, and those that hardly any photograph names become dear and
starve. Choices of neighbouring groups are alike, so they are coded by a tree: each group's parent is the earlier
group that tells most about it.

Side information weighs less on larger images: `weight` says how many training photographs make one target image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.prior import Prior
from isthmus.common.image.choice import entry_bits
from isthmus.common.image.tables import ImageTables
from isthmus.training.tree_prior import joint_counts, mutual_information_bits

CANDIDATES = 16
ROUNDS = 8
# With what a candidate leans on the static table: pseudo-counts, and a share of its own counts.
BACKOFF = 8.0
BACKOFF_SHARE = 1e-3
UNSEEN = 0.02  # pseudo-counts of a symbol in a static table
LEAST_SHARE = 2.0**-17
LEAST_USE = 2  # photographs that must choose a candidate for it to stay
CHOICE_SMOOTHING = 0.5
CHOICE_BACKOFF = 8.0  # pseudo-counts with which a choice given its parent's leans on the group's own shares
CHOICE_ROUNDS = 3
FORBIDDEN = 1e9  # bits of a candidate that does not exist

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Histograms = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Choices:
    """Photographs coded with their best choices: bits, side information apart; ``[n]``, and choices ``[n, groups]``."""

    values: Int32
    symbol_bits: Float64
    side_bits: Float64


def symbol_cells(symbols: Int32, reach: int) -> Int32:
    """The cell of each symbol: its distance from -`reach`, or 2 * `reach` + 1, the escape, outside.

    Any shape ``[...]``, the same both ways.
    """
    cell = symbols + np.int32(reach)
    return np.where((cell < 0) | (cell > 2 * reach), np.int32(2 * reach + 1), cell)


def group_histograms(cells: Int32, groups: Int32, count: int, width: int) -> Histograms:
    """How often each photograph's group takes each cell, ``[n, count, width]``; both inputs are ``[n, symbols]``."""
    out = np.empty((len(cells), count, width), np.uint32)
    for photo, (cell, group) in enumerate(zip(cells, groups, strict=True)):
        keys = group.astype(np.int64) * width + cell
        out[photo] = np.bincount(keys, minlength=count * width).reshape(count, width)
    return out


def static_pmfs(histograms: Histograms) -> Float64:
    """The density of each group over all photographs, ``[groups, cells]``, nowhere zero."""
    total = histograms.sum(0, dtype=np.float64) + UNSEEN
    return np.asarray(np.maximum(total / total.sum(1, keepdims=True), LEAST_SHARE))


def ideal_bits(histograms: Histograms) -> Float64:
    """Bits of each photograph under its own histograms at no cost, ``[n]``."""
    out = np.empty(len(histograms))
    for photo, counts in enumerate(histograms):
        h = counts.astype(np.float64)
        total = np.maximum(h.sum(1, keepdims=True), 1)
        out[photo] = -(h * np.log2(np.where(h > 0, h / total, 1))).sum()
    return out


def learn_candidates(histograms: Histograms, static: Float64, weight: float, candidates: int = CANDIDATES) -> Float64:
    """Densities one group chooses from, ``[at most candidates, cells]``, of its histograms ``[n, cells]``."""
    used = np.flatnonzero(histograms.sum(0))
    h = histograms[:, used].astype(np.float64)
    h = h[h.sum(1) > 0] * weight
    if len(h) < 4 * candidates or len(used) < 2:
        return static[None].copy()
    pmfs = static[None, used].copy()
    # First candidates: photographs side by side in what a symbol costs them under the static table.
    order = np.argsort((h @ -np.log2(pmfs[0])) / h.sum(1), kind="stable")
    parts = np.array_split(order, candidates - 1)
    seeds = np.stack([h[part].sum(0) + BACKOFF * pmfs[0] for part in parts])
    pmfs = np.concatenate([pmfs, seeds / seeds.sum(1, keepdims=True)])
    name_bits = np.full(len(pmfs), np.log2(len(pmfs)))
    for _ in range(ROUNDS):
        choice = np.argmin(h @ -np.log2(pmfs).T + name_bits, axis=1)
        uses = np.bincount(choice, minlength=len(pmfs))
        sums = np.stack([h[choice == k].sum(0) for k in range(len(pmfs))])
        refined = sums + (BACKOFF_SHARE * sums.sum(1, keepdims=True) + BACKOFF) * pmfs[0]
        refined /= refined.sum(1, keepdims=True)
        refined[0] = pmfs[0]
        keep = uses > LEAST_USE
        keep[0] = True
        pmfs, shares = refined[keep], uses[keep] + CHOICE_SMOOTHING
        name_bits = -np.log2(shares / shares.sum())
    out = np.tile(static, (len(pmfs), 1))
    out[:, used] = pmfs * static[used].sum() / pmfs.sum(1, keepdims=True)
    return out


def candidate_costs(histograms: Histograms, pmfs: list[Float64]) -> Float32:
    """Bits of each photograph's group under each candidate, ``[n, groups, most candidates]``."""
    out = np.full((len(histograms), len(pmfs), max(len(p) for p in pmfs)), FORBIDDEN, np.float32)
    for group, candidates in enumerate(pmfs):
        out[:, group, : len(candidates)] = histograms[:, group].astype(np.float64) @ -np.log2(candidates).T
    return out


def learn_choice(costs: Float32, weight: float) -> Prior:
    """The tree prior of the choices that training photographs make, of costs ``[n, groups, candidates]``."""
    sizes = (costs[0] < FORBIDDEN / 2).sum(1)
    scaled = costs * np.float32(weight)
    shares = np.full(costs.shape[1:], 1 / costs.shape[2])
    for _ in range(CHOICE_ROUNDS):
        choice = np.argmin(scaled - np.log2(shares, dtype=np.float32), axis=2)
        shares = np.stack([(choice == k).mean(0) for k in range(costs.shape[2])], axis=1) + 1e-3
        shares /= shares.sum(1, keepdims=True)
    parents = natural_tree(choice.astype(np.int32), int(sizes.max()))
    prior = choice_prior(choice.astype(np.int32), parents, sizes)
    for _ in range(CHOICE_ROUNDS):
        prior = choice_prior(choose(scaled, prior).values, parents, sizes)
    return prior


def natural_tree(choices: Int32, size: int) -> list[int]:
    """The best earlier parent of each group, -1 where none tells anything, of ``[n, groups]``."""
    parents = [-1]
    for group in range(1, choices.shape[1]):
        gains = [mutual_information_bits(joint_counts(choices[:, j], choices[:, group], size)) for j in range(group)]
        parents.append(int(np.argmax(gains)) if max(gains) > 0 else -1)
    return parents


def choice_prior(choices: Int32, parents: list[int], sizes: npt.NDArray[np.int64]) -> Prior:
    """Integer tables of every group's choice given its parent's.

    Args:
        choices: int32 ``[messages, groups]``.
        parents: of each group, -1 for none.
        sizes: how many values each group has, int64 ``[groups]``.
    """
    pmfs: list[Float64] = []
    first: list[int] = []
    for group, parent in enumerate(parents):
        size = int(sizes[group])
        first.append(len(pmfs))
        marginal = np.bincount(choices[:, group], minlength=size) + CHOICE_SMOOTHING
        marginal = marginal / marginal.sum()
        if parent < 0:
            pmfs.append(marginal)
            continue
        most = int(max(size, sizes[parent]))
        counts = joint_counts(choices[:, parent], choices[:, group], most)[: sizes[parent], :size]
        counts += CHOICE_BACKOFF * marginal
        pmfs.extend(counts / counts.sum(1, keepdims=True))
    tables = quantize_pmf(pmfs, np.zeros(len(pmfs), np.int32))
    return Prior(tables, np.array(first, np.int32), np.array(parents, np.int32))


def choose(costs: Float32, prior: Prior) -> Choices:
    """The cheapest choices of each photograph, exactly, of costs ``[n, groups, candidates]``: from leaves to root."""
    c = costs.astype(np.float64)
    n, groups, most = c.shape
    names = _name_bits(prior, most)
    below: list[Int32] = [np.empty((n, most), np.int32)] * groups
    for group in range(groups - 1, -1, -1):
        onward = c[:, group, None, :] + names[group][None]  # [n, the parent's value, its own]
        below[group] = onward.argmin(2).astype(np.int32)
        if prior.parent[group] >= 0:
            c[:, prior.parent[group]] += onward.min(2)
    values, rows = np.empty((n, groups), np.int32), np.arange(n)
    side = np.zeros(n)
    for group in range(groups):
        parent = prior.parent[group]
        above = values[:, parent] if parent >= 0 else np.zeros(n, np.int32)
        values[:, group] = below[group][rows, above]
        side += names[group][above, values[:, group]]
    symbol = costs[rows[:, None], np.arange(groups), values].sum(1, dtype=np.float64)
    static = costs[:, :, 0].sum(1, dtype=np.float64)
    stays = static <= symbol + side
    return Choices(values, np.where(stays, static, symbol), np.where(stays, 0.0, side))


def _name_bits(prior: Prior, most: int) -> list[Float64]:
    """Bits of naming each candidate of each group, given the parent's, ``[most, most]`` each."""
    bits = entry_bits(prior.tables)
    out: list[Float64] = []
    for group, (first, parent) in enumerate(zip(prior.first_table, prior.parent, strict=True)):
        rows = int(prior.value_counts[parent]) if parent >= 0 else 1
        size = int(prior.value_counts[group])
        names = np.full((most, most), FORBIDDEN)
        names[:rows, :size] = bits[first : first + rows, :size]
        out.append(names)
    return out


def integer_tables(
    histograms: Histograms, pmfs: list[Float64], prior: Prior, z_tables: CdfTables | None
) -> ImageTables:
    """The tables that an image codec ships: a group's candidates cropped to what its training symbols took.

    `histograms` are ``[n, groups, cells]``, `pmfs` ``[candidates, cells]`` a group.
    """
    reach = (histograms.shape[2] - 2) // 2
    seen = histograms.sum(0)
    rows: list[Float64] = []
    offsets: list[int] = []
    for group, candidates in enumerate(pmfs):
        low, high = support(seen[group, :-1], reach)
        inside = candidates[:, low : high + 1] / candidates.sum(1, keepdims=True)
        rows += [np.append(row, max(1 - row.sum(), LEAST_SHARE)) for row in inside]
        offsets += [low - reach] * len(candidates)
    first = np.cumsum([0, *(len(p) for p in pmfs)]).astype(np.int32)
    tables = quantize_pmf(rows, np.array(offsets, np.int32), has_escape=True)
    return ImageTables(tables, first, prior, None, z_tables)


def support(counts: npt.NDArray[np.integer[Any]], reach: int) -> tuple[int, int]:
    """First and last cell of ``[cells]`` that deserve an entry: where something was counted, and always -1 to 1."""
    occupied = np.flatnonzero(counts)
    if not len(occupied):
        return reach - 1, reach + 1
    return min(int(occupied[0]), reach - 1), max(int(occupied[-1]), reach + 1)
