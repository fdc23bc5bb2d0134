"""Which coded latents tell how active the next is: taps, chosen one by one to predict its clipped magnitude best.

Forward selection of a weighted least-squares fit: a latent's spread matters relative to its size. Positions that taps
are chosen on are a `Sample`; magnitudes have a border of two zeros, ``[images, channels, h + 4, w + 4]``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.taps import SUM_CHANNEL

WEIGHT_TOP = 255
CAUSAL = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
AROUND = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Sample = tuple[Int64, Int64, Int64]  # image, row and column of each position, [positions] each


def tap_sources(
    channel: int, before: Int64, known: int, centre: Float64, around: Float64, neighbours: int
) -> list[tuple[int, int, int]]:
    """Places a tap may look at: (channel, down, right).

    Args:
        before: channels that are coded before, `[channels]`; the first `known` of them are given.
        centre, around: magnitudes at each position, and their mean around it, `[positions, channels]`.
    """
    sources = [(channel, *offset) for offset in CAUSAL]
    if len(before) > known:
        sources += [(SUM_CHANNEL, *offset) for offset in AROUND]
    if len(before):
        target = centre[:, channel]
        strength = np.maximum(_correlation(centre[:, before], target), _correlation(around[:, before], target))
        for source in before[np.argsort(-strength, kind="stable")[:neighbours]].tolist():
            sources += [(source, *offset) for offset in AROUND]
    return sources


def select_taps(values: Float64, target: Float64, count: int) -> tuple[list[int], list[int]]:
    """Columns of `[positions, sources]` that predict `[positions]` best, and their integer weights."""
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


def tap_values(
    padded: npt.NDArray[np.uint8],
    total: npt.NDArray[np.uint16],
    sample: Sample,
    tap: tuple[int, int, int],
) -> Float64:
    """Magnitudes `[positions]` that a tap sees; `total` is their sum over coded channels `[images, h + 4, w + 4]`."""
    image, row, column = sample
    source, down, right = tap
    plane = total if source == SUM_CHANNEL else padded[:, source]
    return np.asarray(plane[image, row + 2 + down, column + 2 + right], np.float64)


def mean_around(padded: npt.NDArray[np.uint8], channel: int, sample: Sample) -> Float64:
    """Mean magnitude `[positions]` of the eight latents around each position."""
    image, row, column = sample
    parts = [padded[image, channel, row + 2 + d, column + 2 + r].astype(float) for d, r in AROUND if (d, r) != (0, 0)]
    return np.asarray(np.sum(parts, 0) / len(parts))


def _correlation(columns: Float64, target: Float64) -> Float64:
    centred = columns - columns.mean(0)
    spread = np.sqrt((centred**2).sum(0) * ((target - target.mean()) ** 2).sum()) + 1e-9
    correlation: Float64 = centred.T @ (target - target.mean()) / spread
    return correlation
