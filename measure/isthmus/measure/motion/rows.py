"""Tables of a motion measurement, for the terminal and for documents."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from isthmus.measure.motion.measurement import MotionMeasurement
from isthmus.measure.motion.published import published_random
from isthmus.measure.motion.warp import KERNELS
from isthmus.measure.table import Table, number, with_rows

_DIGITS = 4


def random_table(measurement: MotionMeasurement) -> Table:
    """Random affine maps: each tensor, and the published layers."""
    columns = ("tensor", "stride", "NRMSE", "without the rim", "5 % to 95 %", "over deviation", "sampling's share %")
    rows = [
        (f"thesis: {layer}", str(stride), number(value, _DIGITS), "–", "–", "–", "–")
        for layer, stride, value in published_random()
    ]
    for tap in measurement.taps:
        low, high = np.nanpercentile(tap.nrmse, [5, 95])
        rows.append(
            (
                f"{measurement.titles[tap.network]}: {tap.tap}",
                str(tap.stride),
                number(tap.mean, _DIGITS),
                number(tap.inner, _DIGITS),
                f"{number(low, _DIGITS)} to {number(high, _DIGITS)}",
                number(tap.relative, 3),
                number(tap.sampling_percent, 0),
            )
        )
    return Table(f"NRMSE over {measurement.effort.maps} random affine maps, bicubic", columns, tuple(rows))


def warps_table(measurement: MotionMeasurement) -> Table:
    """Every interpolation on the same maps."""
    rows = tuple(
        (f"{measurement.titles[t.network]}: {t.tap}", str(t.stride), *(number(t.kernels[k], _DIGITS) for k in KERNELS))
        for t in measurement.taps
    )
    columns = ("tensor", "stride", *(name.replace("_", " ") for name in KERNELS))
    return Table("NRMSE by interpolation", columns, rows)


def shifts_table(measurement: MotionMeasurement) -> Table:
    """Shifts by whole latents and by fractions of one."""
    if not measurement.taps:
        return Table("Shifts", ("tensor",), ())
    phases = [phase for phase, _, _ in measurement.taps[0].phases]
    rows = tuple(
        (
            f"{measurement.titles[tap.network]}: {tap.tap}",
            str(tap.stride),
            *(f"{number(whole, _DIGITS)} / {number(inner, _DIGITS)}" for _, whole, inner in tap.phases),
        )
        for tap in measurement.taps
    )
    columns = ("tensor", "stride", *(f"{phase:g}" for phase in phases))
    return Table("NRMSE / without the rim, at shifts by whole latents and a fraction", columns, rows)


def parts_table(measurement: MotionMeasurement) -> Table:
    """The same maps with latents at the stride, and at every pixel."""
    families = [dense.family for dense in measurement.taps[0].dense] if measurement.taps else []
    rows = tuple(
        (
            f"{measurement.titles[tap.network]}: {tap.tap}",
            str(tap.stride),
            *(f"{number(d.sampled**0.5, _DIGITS)} / {number(d.dense**0.5, _DIGITS)}" for d in tap.dense),
        )
        for tap in measurement.taps
        if tap.dense
    )
    return Table(
        "Root mean square of NRMSE without the rim: as sampled / known at every pixel",
        ("tensor", "stride", *families),
        rows,
    )


def ablation_table(measurement: MotionMeasurement) -> Table:
    """Kind and number of halvings."""
    most = max((len(row.halved) for row in measurement.ablation), default=0)
    columns = (
        "network",
        "trained for motion",
        *(f"{2 ** (k + 1)}" for k in range(most)),
        "y",
        "y, best warp",
        "y, whole / half",
        "y over deviation",
        "top-1 %",
    )
    rows = []
    for row in measurement.ablation:
        best = min(row.kernels, key=lambda name: row.kernels[name])
        halved = [number(nrmse, _DIGITS) for _, nrmse, _ in row.halved]
        rows.append(
            (
                f"{row.pooling}, stride {row.stride}",
                "yes" if row.motion_weight else "no",
                *halved,
                *["–"] * (most - len(halved)),
                number(row.kernels["bicubic"], _DIGITS),
                f"{number(row.kernels[best], _DIGITS)} {best.replace('_', ' ')}",
                f"{number(row.whole, _DIGITS)} / {number(row.half, _DIGITS)}",
                number(row.relative, 3),
                number(row.top1_percent, 1),
            )
        )
    return Table("NRMSE after each halving (by stride) and at y, small networks", columns, tuple(rows))


MOTION_TABLES = MappingProxyType(
    {
        "motionrandom": random_table,
        "motionwarps": warps_table,
        "motionshifts": shifts_table,
        "motionparts": parts_table,
        "motionablation": ablation_table,
    }
)
"""For documents: see `isthmus.measure.document`."""


def motion_tables(measurement: MotionMeasurement) -> tuple[Table, ...]:
    """What the terminal shows, in order."""
    return with_rows(*(make(measurement) for make in MOTION_TABLES.values()))
