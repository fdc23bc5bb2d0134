"""What is kept of a motion measurement: the numbers that are quoted, the details, the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.motion.error import DenseError
from isthmus.measure.motion.run import AblationResult, MotionEffort, MotionMeasurement, TapResult
from isthmus.measure.motion.warp import KERNELS
from isthmus.measure.table import Table, number

# Mean NRMSE over 2,048 random affine maps of one photograph, digitised from the thesis (arXiv 2409.08376, §7):
# layer, stride, mean.
PUBLISHED_RANDOM: tuple[tuple[str, int, float], ...] = (
    ("ResNet-34 conv0", 2, 0.0093),
    ("ResNet-34 add_3", 8, 0.0389),
    ("ResNet-34 add_7", 16, 0.0329),
    ("DenseNet-121 pool3", 8, 0.0222),
    ("DenseNet-121 pool4", 16, 0.0293),
)
PUBLISHED_WHOLE = 0.011  # add_3 at shifts by whole latents

MAIN = ("squeezenet", "pool4")
PLAIN = "max"
ANTI_ALIASED = "blur"
_DIGITS = 4


def summary_of(measurement: MotionMeasurement) -> dict[str, float]:
    """The flat map of `results/motion.json`."""
    summary: dict[str, float] = {
        "motion.maps": measurement.effort.maps,
        "motion.pictures": measurement.pictures,
        "motion.ablation_maps": measurement.effort.ablation_maps,
    }
    for tap in measurement.taps:
        place = f"{_key(tap.network)}.{_key(tap.tap)}"
        at = f"motion.random.{place}"
        values = np.array([value for value in tap.nrmse if np.isfinite(value)])
        summary |= {
            f"{at}.nrmse": tap.mean,
            f"{at}.p05": float(np.percentile(values, 5)),
            f"{at}.p95": float(np.percentile(values, 95)),
            f"{at}.inner": tap.inner,
            f"{at}.relative": tap.relative,
        }
        summary[f"motion.about_tensor.{place}"] = tap.about_tensor
        whole, half = tap.phases[0], tap.phases[-1]
        for name, found in (("whole", whole), ("half", half)):
            summary |= {f"motion.shift.{place}.{name}": found[1], f"motion.shift.{place}.{name}_inner": found[2]}
        summary |= {f"motion.warp.{place}.{kernel}": value for kernel, value in tap.kernels.items()}
        if tap.dense:
            summary[f"motion.sampling_percent.{place}"] = tap.sampling_percent
        for dense in tap.dense:
            at = f"motion.dense.{place}.{dense.family}"
            summary |= {f"{at}.sampled": dense.sampled**0.5, f"{at}.every_pixel": dense.dense**0.5}
    main = [tap for tap in measurement.taps if (tap.network, tap.tap) == MAIN]
    if main:
        summary["motion.nrmse_random_affine_stride8"] = main[0].mean
    for row in measurement.ablation:
        at = f"motion.ablation.{_key(row.name)}"
        for count, (_, nrmse, relative) in enumerate(row.halved, 1):
            summary |= {f"{at}.halvings_{count}": nrmse, f"{at}.relative_{count}": relative}
        summary |= {
            f"{at}.y": row.kernels["bicubic"],
            f"{at}.y_best": min(row.kernels.values()),
            f"{at}.y_relative": row.relative,
            f"{at}.whole": row.whole,
            f"{at}.half": row.half,
        }
        if np.isfinite(row.top1_percent):
            summary[f"{at}.top1_percent"] = row.top1_percent
    summary |= ratios(measurement.ablation)
    return {key: float(value) for key, value in summary.items() if np.isfinite(value)}


def ratios(rows: tuple[AblationResult, ...]) -> dict[str, float]:
    """The best network of stride 8 with its best warp over the one that pools by max and was not trained for motion.

    Plain has the better of the two warps that everybody uses, bilinear and bicubic. Beside it what the kind alone
    does: after three halvings of four, neither trained for motion. Each only where its pair is there.
    """
    found: dict[str, float] = {}
    kinds = {row.pooling: row.halved[2] for row in rows if len(row.halved) > 3 and not row.motion_weight}
    if {PLAIN, ANTI_ALIASED} <= kinds.keys():
        (_, blurred, blurred_relative), (_, plainly, plainly_relative) = kinds[ANTI_ALIASED], kinds[PLAIN]
        found["motion.nrmse_ratio_blur_over_max_stride8"] = blurred / plainly
        found["motion.relative_ratio_blur_over_max_stride8"] = blurred_relative / plainly_relative
    eights = [row for row in rows if row.stride == 8]
    plain = [row for row in eights if row.pooling == PLAIN and row.motion_weight == 0]
    others = [row for row in eights if row not in plain]
    if not plain or not others:
        return found
    base = min(plain[0].kernels["bilinear"], plain[0].kernels["bicubic"])
    best = min(others, key=lambda row: min(row.kernels.values()))
    found["motion.nrmse_ratio_best_over_plain"] = min(best.kernels.values()) / base
    found["motion.relative_ratio_best_over_plain"] = best.relative / plain[0].relative
    return found


def detail_of(measurement: MotionMeasurement) -> dict[str, Any]:
    """Everything, as JSON has it; of the random maps a histogram's worth: their 1 % steps of quantiles."""
    taps = []
    for tap in measurement.taps:
        values = [value for value in tap.nrmse if np.isfinite(value)]
        taps.append(
            {
                "network": tap.network,
                "tap": tap.tap,
                "stride": tap.stride,
                "nrmse_quantiles": np.quantile(values, np.linspace(0, 1, 101)).tolist(),
                "nrmse_mean": tap.mean,
                "inner": tap.inner,
                "relative": tap.relative,
                "about_tensor": tap.about_tensor,
                "sweeps": {panel: [list(point) for point in curve] for panel, curve in tap.sweeps.items()},
                "phases": [list(point) for point in tap.phases],
                "kernels": dict(tap.kernels),
                "dense": [asdict(dense) for dense in tap.dense],
            }
        )
    return {
        "data": measurement.data,
        "pictures": measurement.pictures,
        "effort": asdict(measurement.effort),
        "titles": dict(measurement.titles),
        "taps": taps,
        "ablation": [{**_plain(row), "kernels": dict(row.kernels)} for row in measurement.ablation],
    }


def _plain(row: AblationResult) -> dict[str, Any]:
    return {
        "name": row.name,
        "pooling": row.pooling,
        "motion_weight": row.motion_weight,
        "top1_percent": row.top1_percent,
        "halved": [list(point) for point in row.halved],
        "relative": row.relative,
        "stride": row.stride,
        "whole": row.whole,
        "half": row.half,
    }


def measurement_from(detail: Mapping[str, Any]) -> MotionMeasurement:
    """What `detail_of` wrote: the random maps as their quantiles. InputError if it is not that."""
    try:
        taps = tuple(
            TapResult(
                t["network"],
                t["tap"],
                t["stride"],
                _around(t["nrmse_quantiles"], t["nrmse_mean"]),
                t["inner"],
                t["relative"],
                t["about_tensor"],
                MappingProxyType({k: tuple((float(x), float(v)) for x, v in c) for k, c in t["sweeps"].items()}),
                tuple((float(a), float(b), float(c)) for a, b, c in t["phases"]),
                MappingProxyType(t["kernels"]),
                tuple(DenseError(**d) for d in t["dense"]),
            )
            for t in detail["taps"]
        )
        ablation = tuple(
            AblationResult(
                a["name"],
                a["pooling"],
                a["motion_weight"],
                float("nan") if a["top1_percent"] is None else a["top1_percent"],
                tuple((int(s), float(n), float(r)) for s, n, r in a["halved"]),
                MappingProxyType(a["kernels"]),
                a["relative"],
                a["stride"],
                a["whole"],
                a["half"],
            )
            for a in detail["ablation"]
        )
        return MotionMeasurement(
            detail["data"],
            detail["pictures"],
            MotionEffort(**detail["effort"]),
            MappingProxyType(detail["titles"]),
            taps,
            ablation,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected the details of a motion measurement: {error!r}") from error


def _around(quantiles: list[float], mean: float) -> tuple[float, ...]:
    """Quantiles shifted so that their mean is the true one: they stand for the maps in plots and tables."""
    return tuple(value + mean - float(np.mean(quantiles)) for value in quantiles)


def random_table(measurement: MotionMeasurement) -> Table:
    """Random affine maps: each tensor, and the published layers."""
    columns = ("tensor", "stride", "NRMSE", "without the rim", "5 % to 95 %", "over deviation", "sampling's share %")
    rows = [
        (f"thesis: {layer}", str(stride), number(value, _DIGITS), "–", "–", "–", "–")
        for layer, stride, value in PUBLISHED_RANDOM
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


def motion_tables(measurement: MotionMeasurement) -> list[Table]:
    """All that have rows."""
    return [table for table in (make(measurement) for make in MOTION_TABLES.values()) if table.rows]


def _key(name: str) -> str:
    """A name as part of a summary key."""
    return "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_")
