"""The tables of a model of expectations, counted: which symbols followed what was expected and found.

All channels, places and steps share the tables, so they are counted over all of them. Counts of v and -v are added up
(a transform's coefficients have no side), and what a ratio's table has seen little of, it takes from its class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.expectation import EXPECTED_BITS, RATIO_BITS, ExpectationModel
from isthmus.common.bits.taps import SUM_CHANNEL
from isthmus.common.video.step import UNIT_STEP
from isthmus.common.video.stepped_tables import EXPECTATIONS, SCALE_ZERO

Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TAPS = (
    *((0, down, right, 20) for down, right in ((-1, 0), (0, -1))),
    *((0, down, right, 10) for down, right in ((-1, -1), (-1, 1), (-2, 0), (0, -2))),
    (1, 0, 0, 20),
    *((back, 0, 0, 14) for back in (2, 3, 4)),
    (SUM_CHANNEL, 0, 0, 10),
    *((SUM_CHANNEL, down, right, 2) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)),
)
INERTIA = 10 << EXPECTED_BITS
RATIOS = (0.15, 0.35, 0.55, 0.75, 0.95, 1.2, 1.55, 2.1, 3.0)
HALF_OCTAVES = 28
LEAST_EDGE = 4
"""In 1/1024; below it nothing is expected."""
BORROWED = 8.0
"""Symbols of its class's table that each ratio's table starts from."""
EVER = 0.01
"""Symbols that any value within reach is taken to have been seen."""
LEAST_REACH, MOST_REACH = 3, 400
REACH = 7.0
"""Mean magnitudes up to which a table has values without escape."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Symbols to count.

    Attributes:
        symbols: int32 `[M, h, w]`, 0 outside the mask.
        expected: int32 `[M, h, w]`, in 1/1024.
        mask: bool `[h, w]` of the places that are coded; None for all.
    """

    symbols: Int32
    expected: Int32
    mask: Mask | None = None


def expectations() -> Int32:
    """Mean magnitude of Laplace's distribution, rounded to steps, by its scale less the step: int32 `[256]`."""
    octaves = (np.arange(EXPECTATIONS) - SCALE_ZERO) / 8 - np.log2(UNIT_STEP / 4)
    decay = np.exp(-1 / np.exp2(octaves))
    mean = np.sqrt(decay) / np.maximum(1 - decay, 1e-12)
    limited = np.minimum(np.rint(mean * (1 << EXPECTED_BITS)), 1 << 23)
    return np.maximum.accumulate(limited).astype(np.int32)


def scale_of(mean: Float64) -> Int32:
    """Scales, int32 as `mean` ``[…]``: magnitudes in 1/16 of a unit, in 1/8 octaves."""
    scales: Int32 = np.rint(8 * np.log2(np.maximum(mean, 2.0**-12))).astype(np.int32)
    return scales


def edges() -> Int32:
    """Edges of the classes by what is expected: half octaves, int32 `[edges]`."""
    return np.unique(np.rint(LEAST_EDGE * np.exp2(np.arange(HALF_OCTAVES) / 2)).astype(np.int32))


def learn_expectation(seen: Iterable[Seen]) -> ExpectationModel:
    """The model of what was seen."""
    rising = edges()
    thresholds = np.rint(np.array(RATIOS) * (1 << RATIO_BITS)).astype(np.int32)
    classes, ratios = len(rising) + 1, len(thresholds) + 1
    reach = _reaches(rising)
    widest = int(reach.max())
    width = 2 * widest + 1
    counts = np.zeros((classes * ratios, width + 1))
    plain = ExpectationModel(_uniform(classes * ratios), np.array(TAPS), rising, thresholds, INERTIA)
    for one in seen:
        tables = plain.table_indices(one.symbols, one.expected, one.mask)
        place = np.where(np.abs(one.symbols) > widest, width, one.symbols + widest)
        found = tables * (width + 1) + place
        if one.mask is not None:
            found = found[:, one.mask]
        counts += np.bincount(found.ravel(), minlength=counts.size).reshape(counts.shape)
    return ExpectationModel(_tables(counts, ratios, reach), np.array(TAPS), rising, thresholds, INERTIA)


def _reaches(rising: Int32) -> npt.NDArray[np.int64]:
    """Largest magnitude without escape in the tables of each class."""
    highest = np.append(rising, 2 * rising[-1]) / (1 << EXPECTED_BITS)
    return np.clip(np.ceil(REACH * highest), LEAST_REACH, MOST_REACH).astype(np.int64)


def _uniform(count: int) -> CdfTables:
    return quantize_pmf([np.ones(2)] * count, np.zeros(count, np.int32), has_escape=True)


def _tables(counts: Float64, ratios: int, reach: npt.NDArray[np.int64]) -> CdfTables:
    middle = (counts.shape[1] - 1) // 2
    pmfs: list[Float64] = []
    offsets: list[int] = []
    for k in range(len(counts) // ratios):
        far = int(reach[k])
        rows = [_folded(counts[k * ratios + j], middle, far) for j in range(ratios)]
        together = np.sum(rows, axis=0) + EVER
        shape = together / together.sum()
        pmfs += [row + BORROWED * shape for row in rows]
        offsets += [-far] * ratios
    return quantize_pmf(pmfs, np.array(offsets, np.int32), has_escape=True)


def _folded(row: Float64, middle: int, far: int) -> Float64:
    """Counts of -far to far and of all beyond, both sides alike."""
    inside = row[middle - far : middle + far + 1]
    both = (inside + inside[::-1]) / 2
    return np.append(both, row.sum() - inside.sum())
