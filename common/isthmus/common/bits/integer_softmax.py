"""From integer logits to tables of integer frequencies, without a float. Implements BITSTREAM.md §7.7.

A logit counts 1/256 of a nat. The weight of a bin whose logit lies d under its channel's highest is the integer nearest
to 2^24 exp(-d / 256); a table's frequencies are those weights in proportion, each at least 1. Whoever rebuilds a table
elsewhere gets the same integers, whatever the machine.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.errors import InputError

LOGIT_BITS = 8
"""A logit is in units of 2^-8 nat."""
WEIGHT_BITS = 24
"""The highest weight is 2^24."""
WEIGHT_COUNT = 4438
"""Weights that are not zero, and the first that is."""
PRECISION_BITS = 16

# Bits of the fixed-point numbers that the weights are computed with: their errors stay under 2^-100.
_GUARD_BITS = 128
_WORKING_BITS = WEIGHT_BITS + _GUARD_BITS


@cache
def exp_table() -> NDArray[np.int64]:
    """The integers nearest to 2^24 exp(-d / 256) for d = 0, 1, ...: int64 `[WEIGHT_COUNT]`, the last is 0."""
    one = 1 << _WORKING_BITS
    # exp(-1/256) by its series: term k is (-1)^k / (256^k k!).
    factor, term, k = 0, one, 0
    while term:
        factor += -term if k % 2 else term
        k += 1
        term = (term >> LOGIT_BITS) // k
    power, weights = one, []
    for _ in range(WEIGHT_COUNT):
        weights.append((power + (1 << (_GUARD_BITS - 1))) >> _GUARD_BITS)
        power = power * factor >> _WORKING_BITS
    table = np.array(weights, dtype=np.int64)
    table.flags.writeable = False
    return table


def synthesized_tables(logits: NDArray[np.int32], like: CdfTables) -> CdfTables:
    """Tables of the values that other tables have, with frequencies from logits.

    Args:
        logits: integers `[tables, B]`; bin i stands for the value i - B/2.
        like: the tables whose offsets and sizes are wanted, with escapes. A value without a bin has weight 0; the
            escape has the weight of the bins without a value.

    Raises:
        InputError: the logits are not integers, or not one row a table.
    """
    rows = np.asarray(logits)
    if rows.dtype.kind not in "iu" or rows.ndim != 2 or rows.shape[0] != like.count or rows.shape[1] < 1:
        raise InputError(f"expected integer logits [{like.count}, bins], got {rows.dtype} of shape {list(rows.shape)}")
    if not like.has_escape or like.precision_bits != PRECISION_BITS:
        raise InputError(f"expected tables with escapes of precision {PRECISION_BITS}")
    return CdfTables(
        _cumulative(_weights(rows, like), like.sizes), like.sizes, like.offsets, PRECISION_BITS, has_escape=True
    )


def _weights(logits: NDArray[np.int32], like: CdfTables) -> NDArray[np.int64]:
    """Weight of each entry, int64 `[tables, largest size]`: values first, then the escape, then zeros."""
    wide = logits.astype(np.int64)
    below = np.minimum(wide.max(1, keepdims=True) - wide, WEIGHT_COUNT - 1)
    of_bin = exp_table()[below]
    bins, width = wide.shape[1], int(like.sizes.max())
    values = like.value_counts.astype(np.int64)[:, None]
    entry = np.arange(width)
    bin_of_entry = like.offsets.astype(np.int64)[:, None] + entry + bins // 2
    has_bin = (entry < values) & (bin_of_entry >= 0) & (bin_of_entry < bins)
    weights = np.where(has_bin, np.take_along_axis(of_bin, np.clip(bin_of_entry, 0, bins - 1), 1), 0)
    np.put_along_axis(weights, values, (of_bin.sum(1) - weights.sum(1))[:, None], 1)
    return weights


def _cumulative(weights: NDArray[np.int64], sizes: NDArray[np.int32]) -> NDArray[np.uint32]:
    """Cumulative frequencies of weights that are zero past each table's size."""
    shares = (1 << PRECISION_BITS) - sizes.astype(np.int64)[:, None]  # what is left once each entry has its 1
    frequencies = weights * shares // weights.sum(1, keepdims=True)
    frequencies += np.arange(weights.shape[1]) < sizes[:, None]
    missing = (1 << PRECISION_BITS) - frequencies.sum(1)
    frequencies[np.arange(len(sizes)), weights.argmax(1)] += missing
    cumulative = np.zeros((len(sizes), weights.shape[1] + 1), dtype=np.uint32)
    np.cumsum(frequencies, axis=1, out=cumulative[:, 1:], dtype=np.uint32)
    return cumulative
