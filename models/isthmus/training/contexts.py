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
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.taps import LARGEST_MAGNITUDE, SUM_CHANNEL
from isthmus.common.errors import InputError
from isthmus.training.context_classes import activity_classes
from isthmus.training.context_taps import mean_around, select_taps, tap_sources, tap_values
from isthmus.training.group_choice import support

PRECISION_BITS = 16
SMALL_COUNT = 0.02  # of values never seen, so that no probability is zero
MOTION_TOP = 64  # larger differences of vectors are escapes
ESCAPE_MASS = 2e-6

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
    """Integer tables of probabilities `[2 top + 1]` on ``-top..top``, cut to each one's bounds, the rest escaped."""
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
    around = np.stack([mean_around(padded, c, sample) for c in range(len(order))], 1)
    all_taps: list[list[tuple[int, int, int, int]]] = [[] for _ in range(known + channels)]
    all_thresholds: list[Int64] = [np.empty(0, np.int64) for _ in range(known + channels)]
    class_pmfs: list[list[Float64]] = [[pmf] for pmf in pmfs]
    for place, coded in enumerate(ranked.tolist()):
        channel = known + coded
        if bits[coded] > 1e-3:
            sources = tap_sources(channel, order[: known + place], known, centre, around, effort.neighbours)
            values = np.stack([tap_values(padded, total, sample, tap) for tap in sources], 1)
            chosen, weights = select_taps(values, centre[:, channel], effort.taps)
            taps = [(*sources[k], w) for k, w in zip(chosen, weights, strict=True) if w]
            activity = np.zeros((len(latents), height, width), np.int32)
            for source, down, right, weight in taps:
                plane = total if source == SUM_CHANNEL else padded[:, source]
                part = plane[:, 2 + down : 2 + down + height, 2 + right : 2 + right + width]
                activity += np.int32(weight) * part
            counted = (_inside(activity, mask), _inside(latents[:, coded], mask))
            thresholds, tables = activity_classes(
                *counted,
                pmfs[coded],
                classes=effort.classes,
                class_bits=effort.class_bits,
                smoothing=effort.smoothing,
            )
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


def _histogram(values: Int16, top: int) -> Int64:
    clipped = np.clip(values.ravel().astype(np.int64), -top, top) + top
    return np.bincount(clipped, minlength=2 * top + 1)


def _starts(counts: list[int]) -> npt.NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
