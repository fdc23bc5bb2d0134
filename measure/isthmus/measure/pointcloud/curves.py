"""Deltas between fronts, published curves, and the numbers that documents quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.measure.curve import (
    BdPoints,
    Curve,
    Float64,
    bd_accuracy,
    bd_points,
    bd_rate,
    or_unknown,
    pareto_front,
    rate_at_accuracy,
    read_published,
)
from isthmus.measure.pointcloud.baselines import Rival, SweepPoint
from isthmus.measure.pointcloud.front import Family, Front, front_on_test
from isthmus.measure.pointcloud.label_optimum import label_optimum_bits
from isthmus.measure.pointcloud.point import CodecPoint

QUOTED_ACCURACY_PERCENT = 80.0
CONFIGS = ("full", "lite", "micro")
PUBLISHED_NAMES = (*(f"thesis-{config}-p1024" for config in CONFIGS), "input-compression-pointnet-tmc13")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A front against an anchor. Numbers are nan where the two curves share no accuracy, or no rate.

    Attributes:
        test, anchor: names of the two.
        anchor_settings: what the anchor is, in a table's cell.
        points: that the BD-rate rests on.
        low_percent, high_percent: the accuracies that it is taken over.
        bd_rate_percent: change of rate at equal accuracy.
        bd_accuracy_points: change of accuracy over the rates that both have.
        saturated_bd_accuracy_points: the same as the thesis does it (see `curve.bd_accuracy`).
    """

    test: str
    anchor: str
    anchor_settings: str
    points: BdPoints
    low_percent: float
    high_percent: float
    bd_rate_percent: float
    bd_accuracy_points: float
    saturated_bd_accuracy_points: float


def baseline_front(name: str, points: Sequence[SweepPoint], rival: Rival | None = None) -> Front:
    """Of a baseline's sweep; `rival` says what it is."""
    counts, grid = [p.points for p in points], [p.grid_bits for p in points]
    swept = f"{min(counts):,} to {max(counts):,} points × {min(grid)} to {max(grid)} bits"
    about = f"{rival.label if rival is not None else name}; {swept}"
    return front_on_test(name, about, [(p.bits, p.top1_percent) for p in points])


def published_curves(path: Path, names: Sequence[str] = PUBLISHED_NAMES) -> dict[str, Curve]:
    """Curves of another paper from a csv of `codec,bits_per_cloud,top1_percent`: another data set, shown as such."""

    def read(row: Mapping[str, str]) -> tuple[str, float, float] | None:
        values = row["codec"], float(row["bits_per_cloud"]), float(row["top1_percent"])
        return values if values[0] in names else None

    found = read_published(path, ("codec", "bits_per_cloud", "top1_percent"), read)
    return {name: Curve(name, pareto_front(points, name)) for name, points in found.items()}


def compare(test: Front, anchor: Front) -> Comparison:
    """Deltas of `test` against `anchor`."""
    curves = anchor.curve.points, test.curve.points
    points = replace(bd_points(*curves), test_of=test.measured, anchor_of=anchor.measured)
    low, high = max(curve[0, 1] for curve in curves), min(curve[-1, 1] for curve in curves)
    shared = (float(low), float(high)) if low < high else (float("nan"), float("nan"))
    deltas = (or_unknown(d, *curves) for d in (bd_rate, bd_accuracy, partial(bd_accuracy, saturated=True)))
    return Comparison(test.name, anchor.name, anchor.about, points, *shared, *deltas)


def compare_all(codecs: Mapping[str, Front], baselines: Mapping[str, Front]) -> tuple[Comparison, ...]:
    """Each family against each baseline, and against the thesis recipe at the same width and points."""
    found: list[Comparison] = []
    for family, front in codecs.items():
        found.extend(compare(front, anchor) for anchor in baselines.values())
        recipe = codecs.get(thesis_family(family))
        if recipe is not None and recipe is not front:
            found.append(compare(front, recipe))
    return tuple(found)


def thesis_family(family: str) -> str:
    """The family that the thesis's own recipe makes at the same width and number of points."""
    prefix, config, *variant = family.split("-")
    points = variant[-1] if variant[-1].startswith("p") else "p1024"
    return f"{prefix}-{config}-thesis-{points}"


def summarize(
    measured: Mapping[str, Family],
    comparisons: Sequence[Comparison],
    prior: Float64,
    *,
    root: str,
    benchmark_points: int,
) -> dict[str, float]:
    """The numbers that documents quote; a number that was not measured has no key.

    Args:
        measured: all codecs, by family.
        comparisons: of `compare_all`.
        prior: share of each label, float64 ``[classes]``.
        root: first part of each key: `pointcloud` for P = 1,024 on ModelNet10.
        benchmark_points: P of the families compared.
    """
    summary: dict[str, float] = {}
    delta = {(c.test, c.anchor): c for c in comparisons}
    for config in CONFIGS:
        family, recipe, default = (
            f"pc-{config}-{variant}" for variant in (f"p{benchmark_points}", f"thesis-p{benchmark_points}", "any")
        )
        key = f"{root}.{config}"
        for anchor, label in (("tmc13", "tmc13"), ("draco", "draco"), (recipe, "thesis_recipe")):
            if (found := delta.get((family, anchor))) is not None:
                summary[f"{key}.bd_rate_vs_{label}_percent"] = found.bd_rate_percent
                summary[f"{key}.bd_accuracy_vs_{label}_points"] = found.bd_accuracy_points
                summary[f"{key}.saturated_bd_accuracy_vs_{label}_points"] = found.saturated_bd_accuracy_points
        if (found := delta.get((recipe, "tmc13"))) is not None:
            summary[f"{key}.thesis_recipe_bd_rate_vs_tmc13_percent"] = found.bd_rate_percent
        for name, figure, accuracy in (
            (family, "top1_max", "top1_percent"),
            (recipe, "top1_max_thesis_recipe", "top1_percent"),
            (default, "any_aligned_top1", "top1_percent"),
            (default, "any_heading_top1", "random_heading_top1_percent"),
            (family, "heading_blind_top1", "random_heading_top1_percent"),
        ):
            if name in measured:
                stands, best = measured[name].chosen, measured[name].best_on_test(accuracy)
                summary[f"{key}.{figure}_percent"] = getattr(stands, accuracy)
                summary[f"{key}.{figure}_on_test_percent"] = getattr(best, accuracy)
                if figure.startswith("top1_max"):
                    summary[f"{key}.{figure}_packet_bits"] = stands.rate.packet_bits
                    summary[f"{key}.{figure}_on_test_packet_bits"] = best.rate.packet_bits
        if family in measured:
            curve = measured[family].to_front().curve.points
            summary[f"{key}.bits_at_80_percent"] = rate_at_accuracy(curve, QUOTED_ACCURACY_PERCENT)
    rates = [point.rate for family in measured.values() for point in family.points]
    if rates:
        summary[f"{root}.coded_minus_estimated_bits_max"] = max(r.coded_bits - r.estimated_bits for r in rates)
    summary[f"{root}.optimum_bits_at_80_percent"] = label_optimum_bits(prior, QUOTED_ACCURACY_PERCENT)
    summary[f"{root}.optimum_bits_at_100_percent"] = label_optimum_bits(prior, 100.0)
    return {key: value for key, value in summary.items() if np.isfinite(value)}


def summarize_wire(point: CodecPoint) -> dict[str, float]:
    """Bytes on the wire a cloud, one a message and coalesced, of one codec."""
    single, coalesced = point.wire_bytes, point.coalesced_wire_bytes
    return {
        "wire.bytes_per_cloud": single.both,
        "wire.bytes_per_cloud_up": single.up,
        "wire.bytes_per_cloud_down": single.down,
        "wire.bytes_per_cloud_coalesced": coalesced.both,
        "wire.bytes_per_cloud_coalesced_up": coalesced.up,
        "wire.bytes_per_cloud_coalesced_down": coalesced.down,
    }


def to_json(value: Comparison | SweepPoint | Curve | Rival) -> dict[str, Any]:
    """As plain containers, for a results file."""
    if isinstance(value, Curve):
        return {"name": value.name, "points": value.points.tolist()}
    return asdict(value)
