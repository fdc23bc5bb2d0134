"""Learning the context model: which coded latents tell how active the next is, and a table for each class of activity.

For every channel, taps are chosen one by one to predict the clipped magnitude best (forward selection of a weighted
least-squares fit: a latent's spread matters relative to its size). Activities are then cut into classes so that the
tables, one a class, code the training latents in the fewest bits (dynamic programming over fine quantiles). All of it
is counting: minutes on one core, and the network stays as it is.

For residuals, taps look at given channels as well, and only latents that are coded are counted (`mask`). Latents of
several sizes are learned from together as one array with a mask (`stack_latents`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.context import LARGEST_MAGNITUDE, SUM_CHANNEL, ContextModel
from isthmus.common.errors import InputError
from isthmus.training.group_choice import support

PRECISION_BITS = 16
SMALL_COUNT = 0.02  # of values never seen, so that no probability is zero
MOTION_TOP = 64  # larger differences of vectors are escapes
ESCAPE_MASS = 2e-6
WEIGHT_TOP = 255
FINE_CLASSES = 48
CAUSAL = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
AROUND = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))

Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class ContextEffort:
    """Size of the model, and how much of the latents it is learned from."""

    taps: int = 8
    classes: int = 12
    neighbours: int = 10  # channels coded before, of which taps may come
    positions: int = 32_000  # for the choice of taps
    class_bits: float = 12.0  # bits a class must save on the training latents for every value it codes
    smoothing: float = 24.0  # pseudo-counts with which a class leans on its channel's table


QUICK = ContextEffort(taps=6, classes=8, neighbours=4, positions=8000)
"""For latents of hundreds of channels: seconds to a minute."""


def stack_latents(latents: Sequence[npt.NDArray[np.integer[Any]]]) -> tuple[Int16, Mask]:
    """Latents `[channels, h, w]` of several sizes as one array int16 `[images, channels, H, W]`, and where they are.

    What is padded is 0, as contexts take it to be beyond the border; the mask bool `[images, H, W]` is false there.
    """
    height, width = (max(entry.shape[axis] for entry in latents) for axis in (1, 2))
    stacked = np.zeros((len(latents), latents[0].shape[0], height, width), np.int16)
    mask = np.zeros((len(latents), height, width), bool)
    for image, entry in enumerate(latents):
        stacked[image, :, : entry.shape[1], : entry.shape[2]] = entry
        mask[image, : entry.shape[1], : entry.shape[2]] = True
    return stacked, mask


def counted_pmfs(latents: Int16, top: int, mask: Mask | None = None) -> Float64:
    """The channels' distributions `[channels, 2 top + 1]` on ``-top..top``, counted; nowhere zero."""
    counts = np.stack([_histogram(_inside(latents[:, c], mask), top) for c in range(latents.shape[1])]) + SMALL_COUNT
    return np.asarray(counts / counts.sum(1, keepdims=True), np.float64)


def learn_motion(messages: Sequence[npt.NDArray[np.integer[Any]]], effort: ContextEffort | None = None) -> ContextModel:
    """The context model of `MotionField.message`s `[3, bh, bw]`, of one size or several."""
    latents, mask = stack_latents(messages)
    return learn_context(latents, counted_pmfs(latents, MOTION_TOP, mask), effort, mask=mask)


def supported_tables(pmfs: list[Float64], bounds: list[tuple[int, int]], top: int) -> CdfTables:
    """Integer tables of probabilities on ``-top..top``, cut to each one's bounds, with the rest in the escape."""
    rows, offsets = [], []
    for pmf, (low, high) in zip(pmfs, bounds, strict=True):
        inside = pmf[low + top : high + top + 1]
        rows.append(np.append(inside, max(float(pmf.sum() - inside.sum()), ESCAPE_MASS)))
        offsets.append(low)
    return quantize_pmf(rows, np.array(offsets, np.int32), PRECISION_BITS, has_escape=True)


def learn_context(
    latents: Int16,
    pmfs: Float64,
    effort: ContextEffort | None = None,
    seed: int = 0,
    *,
    given: npt.NDArray[np.integer[Any]] | None = None,
    mask: Mask | None = None,
) -> ContextModel:
    """The context model of training latents `[images, channels, h, w]`.

    Args:
        latents: of one codec, rounded; 0 wherever the mask is false.
        pmfs: the channels' static distributions `[channels, values]` on a symmetric grid of step 1, nowhere zero.
        effort: see there.
        seed: of the positions that taps are chosen on.
        given: integers `[images, given channels, h, w]` that both sides know before they code these latents.
        mask: bool `[images, h, w]`, which places are coded; None for all.
    """
    effort = effort or ContextEffort()
    generator = np.random.default_rng(seed)
    channels, top = latents.shape[1], pmfs.shape[1] // 2
    known = 0 if given is None else given.shape[1]
    # Channel c of the latents is channel known + c of the model, as in `ContextModel`.
    padded = _padded_magnitudes(latents, given)
    height, width = latents.shape[2:]
    bits = -(pmfs * np.log2(pmfs)).sum(1)
    ranked = np.argsort(-bits, kind="stable")
    order = np.concatenate([np.arange(known), known + ranked])
    sample = _positions(generator, latents.shape, effort.positions, mask)
    total = np.zeros((len(latents), *padded.shape[2:]), np.uint16)
    # Magnitudes around each position, averaged: what decides which channels are worth a tap.
    centre = np.stack([padded[sample[0], c, sample[1] + 2, sample[2] + 2] for c in range(len(order))], 1).astype(float)
    around = np.stack([_box(padded, c, sample) for c in range(len(order))], 1)
    all_taps: list[list[tuple[int, int, int, int]]] = [[] for _ in range(known + channels)]
    all_thresholds: list[Int64] = [np.empty(0, np.int64) for _ in range(known + channels)]
    class_pmfs: list[list[Float64]] = [[pmf] for pmf in pmfs]
    for place, coded in enumerate(ranked.tolist()):
        channel = known + coded
        if bits[coded] > 1e-3:
            sources = _candidates(channel, order[: known + place], known, centre, around, effort.neighbours)
            values = np.stack([_tap_values(padded, total, sample, tap) for tap in sources], 1)
            chosen, weights = _select(values, centre[:, channel], effort.taps)
            taps = [(*sources[k], w) for k, w in zip(chosen, weights, strict=True) if w]
            activity = np.zeros((len(latents), height, width), np.int32)
            for source, down, right, weight in taps:
                plane = total if source == SUM_CHANNEL else padded[:, source]
                part = plane[:, 2 + down : 2 + down + height, 2 + right : 2 + right + width]
                activity += np.int32(weight) * part
            counted = (_inside(activity, mask), _inside(latents[:, coded], mask))
            thresholds, tables = _classes(*counted, pmfs[coded], top, effort)
            if len(thresholds):
                all_taps[channel], all_thresholds[channel], class_pmfs[coded] = taps, thresholds, tables
        total += padded[:, channel]
    bounds, flat = [], []
    for coded in range(channels):
        low, high = support(_histogram(_inside(latents[:, coded], mask), top), top)
        bounds += [(low - top, high - top)] * len(class_pmfs[coded])
        flat += class_pmfs[coded]
    return ContextModel(
        tables=supported_tables(flat, bounds, top),
        order=order.astype(np.int32),
        first_tap=_starts([len(t) for t in all_taps]),
        taps=np.array([t for taps in all_taps for t in taps], np.int32).reshape(-1, 4),
        first_threshold=_starts([len(t) for t in all_thresholds]),
        thresholds=np.concatenate(all_thresholds).astype(np.int32),
        first_table=_starts([0] * known + [len(t) for t in class_pmfs])[:-1],
        given=known,
    )


def _padded_magnitudes(latents: Int16, given: npt.NDArray[np.integer[Any]] | None) -> npt.NDArray[np.uint8]:
    """Clipped magnitudes of given channels and latents, uint8 `[images, channels, h + 4, w + 4]`."""
    images, channels, height, width = latents.shape
    known = 0 if given is None else given.shape[1]
    padded = np.zeros((images, known + channels, height + 4, width + 4), np.uint8)
    if given is not None:
        padded[:, :known, 2:-2, 2:-2] = np.minimum(np.abs(given), LARGEST_MAGNITUDE)
    padded[:, known:, 2:-2, 2:-2] = np.minimum(np.abs(latents), LARGEST_MAGNITUDE)
    return padded


def _inside(plane: npt.NDArray[Scalar], mask: Mask | None) -> npt.NDArray[Scalar]:
    """The entries of a plane `[images, h, w]` that are coded, flat."""
    return plane.ravel() if mask is None else plane[mask]


def _candidates(
    channel: int, before: Int64, known: int, centre: Float64, around: Float64, neighbours: int
) -> list[tuple[int, int, int]]:
    """Places a tap may look at: (channel, down, right); the first `known` of the channels before are given."""
    sources = [(channel, *offset) for offset in CAUSAL]
    if len(before) > known:
        sources += [(SUM_CHANNEL, *offset) for offset in AROUND]
    if len(before):
        target = centre[:, channel]
        strength = np.maximum(_correlation(centre[:, before], target), _correlation(around[:, before], target))
        for source in before[np.argsort(-strength, kind="stable")[:neighbours]].tolist():
            sources += [(source, *offset) for offset in AROUND]
    return sources


def _select(values: Float64, target: Float64, count: int) -> tuple[list[int], list[int]]:
    """Indices of the chosen columns, and their integer weights."""
    # Two rounds: the first finds how large the target is expected to be, the second weighs errors relative to that.
    relative = np.ones(len(target))
    chosen: list[int] = []
    weights: Float64 = np.empty(0)
    columns = np.column_stack([values, np.ones(len(values))])
    for _ in range(2):
        x = columns * relative[:, None]
        gram = x.T @ x + 1e-3 * len(x) * np.diag(np.append(np.full(values.shape[1], 1e-3), 1e-9))
        product = x.T @ (target * relative)
        chosen = [values.shape[1]]
        for _ in range(min(count, values.shape[1])):
            inverse = np.linalg.inv(gram[np.ix_(chosen, chosen)])
            cross = gram[:, chosen]
            residual = product - cross @ (inverse @ product[chosen])
            spread = np.maximum(np.diag(gram) - np.einsum("ij,jk,ik->i", cross, inverse, cross), 1e-9)
            gain = residual**2 / spread
            gain[chosen] = -1
            chosen.append(int(np.argmax(gain)))
        weights = np.asarray(np.linalg.solve(gram[np.ix_(chosen, chosen)], product[chosen]), np.float64)
        predicted = np.maximum(columns[:, chosen] @ weights, 0.02)
        relative = 1 / (predicted + 0.1)
    real = weights[1:]
    scale = WEIGHT_TOP / max(np.abs(real).max(), 1e-9)
    return chosen[1:], np.rint(real * scale).astype(int).tolist()


def _classes(
    activity: npt.NDArray[np.int32], values: Int16, pmf: Float64, top: int, effort: ContextEffort
) -> tuple[Int64, list[Float64]]:
    """Thresholds of the classes and their distributions."""
    # Finer where activity is high: few latents there, and many bits.
    shares = 1 - np.linspace(1, 0.02, FINE_CLASSES - 1) ** 2
    edges = np.unique(np.quantile(activity, np.clip(shares, 0.02, 0.999)).astype(np.int64))
    edges = edges[edges > activity.min()]
    fine = np.searchsorted(edges, activity, side="right")
    width = 2 * top + 1
    cells = fine * width + (np.clip(values, -top, top) + top)
    counts = np.bincount(cells, minlength=(len(edges) + 1) * width).reshape(-1, width).astype(float)

    def cost(histogram: Float64) -> float:
        smooth = histogram + effort.smoothing * pmf
        return float(-(histogram * np.log2(smooth / smooth.sum())).sum())

    n = len(counts)
    cumulative = np.concatenate([np.zeros((1, counts.shape[1])), counts.cumsum(0)])
    price = effort.class_bits * max(1, int((counts.sum(0) > 0).sum()))
    costs = np.full((n + 1, n + 1), np.inf)
    for i in range(n):
        for j in range(i + 1, n + 1):
            costs[i, j] = cost(cumulative[j] - cumulative[i]) + price
    best = np.full((effort.classes + 1, n + 1), np.inf)
    back = np.zeros((effort.classes + 1, n + 1), int)
    best[0, 0] = 0
    for k in range(1, effort.classes + 1):
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
        histogram = cumulative[j] - cumulative[i] + effort.smoothing * pmf
        tables.append(histogram / histogram.sum())
    return edges[np.array(cuts[1:-1], int) - 1], tables


def _positions(
    generator: np.random.Generator, shape: tuple[int, ...], count: int, mask: Mask | None
) -> tuple[Int64, Int64, Int64]:
    images, _, height, width = shape
    if mask is None:
        return (
            generator.integers(images, size=count),
            generator.integers(height, size=count),
            generator.integers(width, size=count),
        )
    places = np.flatnonzero(mask)
    if not len(places):
        raise InputError("mask: expected latents to learn from, got none")
    image, row, column = np.unravel_index(generator.choice(places, min(count, 4 * len(places))), mask.shape)
    return image, row, column


def _tap_values(
    padded: npt.NDArray[np.uint8],
    total: npt.NDArray[np.uint16],
    sample: tuple[Int64, Int64, Int64],
    tap: tuple[int, int, int],
) -> Float64:
    image, row, column = sample
    source, down, right = tap
    plane = total if source == SUM_CHANNEL else padded[:, source]
    return np.asarray(plane[image, row + 2 + down, column + 2 + right], np.float64)


def _box(padded: npt.NDArray[np.uint8], channel: int, sample: tuple[Int64, Int64, Int64]) -> Float64:
    image, row, column = sample
    parts = [padded[image, channel, row + 2 + d, column + 2 + r].astype(float) for d, r in AROUND if (d, r) != (0, 0)]
    return np.asarray(np.sum(parts, 0) / len(parts))


def _correlation(columns: Float64, target: Float64) -> Float64:
    centred = columns - columns.mean(0)
    spread = np.sqrt((centred**2).sum(0) * ((target - target.mean()) ** 2).sum()) + 1e-9
    correlation: Float64 = centred.T @ (target - target.mean()) / spread
    return correlation


def _histogram(values: Int16, top: int) -> Int64:
    clipped = np.clip(values.ravel().astype(np.int64), -top, top) + top
    return np.bincount(clipped, minlength=2 * top + 1)


def _starts(counts: list[int]) -> npt.NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
