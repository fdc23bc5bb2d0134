"""Curves out of measured points: families of codecs, fronts of baselines, deltas between them, and quoted numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.measure.curve import (
    Curve,
    Float64,
    bd_accuracy,
    bd_rate,
    or_unknown,
    pareto_front,
    rate_at_accuracy,
    read_published,
)
from isthmus.measure.pointcloud.baselines import SweepPoint
from isthmus.measure.pointcloud.label_optimum import label_optimum_bits
from isthmus.measure.pointcloud.point import CodecPoint

QUOTED_ACCURACY_PERCENT = 80.0
CONFIGS = ("full", "lite", "micro")
PUBLISHED_NAMES = (*(f"thesis-{config}-p1024" for config in CONFIGS), "input-compression-pointnet-tmc13")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A curve against an anchor. Numbers are nan where the two fronts share no accuracy, or no rate.

    `bd_accuracy_points` is over the rates that both have, `saturated_bd_accuracy_points` as the thesis does it
    (see `curve.bd_accuracy`).
    """

    test: str
    anchor: str
    bd_rate_percent: float
    bd_accuracy_points: float
    saturated_bd_accuracy_points: float


def codec_curves(points: Iterable[CodecPoint], accuracy: str = "top1_percent") -> dict[str, Curve]:
    """Front of each family, on real coded bits of one cloud a packet and one of the accuracies of `CodecPoint`."""
    families: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for point in points:
        families[point.family].append((point.rate.coded_bits, getattr(point, accuracy)))
    return {family: Curve(family, pareto_front(found, family)) for family, found in sorted(families.items())}


def baseline_curve(name: str, points: Iterable[SweepPoint]) -> Curve:
    """Front of a baseline's sweep."""
    return Curve(name, pareto_front([(p.bits, p.top1_percent) for p in points], name))


def published_curves(path: Path, names: Sequence[str] = PUBLISHED_NAMES) -> dict[str, Curve]:
    """Curves of another paper from a csv of `codec,bits_per_cloud,top1_percent`: another data set, shown as such."""

    def read(row: Mapping[str, str]) -> tuple[str, float, float] | None:
        values = row["codec"], float(row["bits_per_cloud"]), float(row["top1_percent"])
        return values if values[0] in names else None

    found = read_published(path, ("codec", "bits_per_cloud", "top1_percent"), read)
    return {name: Curve(name, pareto_front(points, name)) for name, points in found.items()}


def compare(test: Curve, anchor: Curve) -> Comparison:
    """Deltas of `test` against `anchor`."""
    deltas = (bd_rate, bd_accuracy, partial(bd_accuracy, saturated=True))
    return Comparison(test.name, anchor.name, *(or_unknown(delta, anchor.points, test.points) for delta in deltas))


def compare_all(codecs: Mapping[str, Curve], baselines: Mapping[str, Curve]) -> tuple[Comparison, ...]:
    """Each family against each baseline, and against the thesis recipe at the same width and points."""
    found: list[Comparison] = []
    for family, curve in codecs.items():
        found.extend(compare(curve, anchor) for anchor in baselines.values())
        recipe = codecs.get(thesis_family(family))
        if recipe is not None and recipe is not curve:
            found.append(compare(curve, recipe))
    return tuple(found)


def thesis_family(family: str) -> str:
    """The family that the thesis's own recipe makes at the same width and number of points."""
    prefix, config, *variant = family.split("-")
    points = variant[-1] if variant[-1].startswith("p") else "p1024"
    return f"{prefix}-{config}-thesis-{points}"


def summarize(
    points: Sequence[CodecPoint], comparisons: Sequence[Comparison], prior: Float64, *, root: str, benchmark_points: int
) -> dict[str, float]:
    """The numbers that documents quote; a number that was not measured has no key.

    Args:
        points: all codecs measured.
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
        for anchor, label in (("tmc13", "tmc13"), ("draco", "draco"), (recipe, "thesis_recipe")):
            if (found := delta.get((family, anchor))) is not None:
                summary[f"{root}.{config}.bd_rate_vs_{label}_percent"] = found.bd_rate_percent
                summary[f"{root}.{config}.bd_accuracy_vs_{label}_points"] = found.bd_accuracy_points
                summary[f"{root}.{config}.saturated_bd_accuracy_vs_{label}_points"] = found.saturated_bd_accuracy_points
        if (found := delta.get((recipe, "tmc13"))) is not None:
            summary[f"{root}.{config}.thesis_recipe_bd_rate_vs_tmc13_percent"] = found.bd_rate_percent
        aligned = {name: [p for p in points if p.family == name] for name in (family, recipe, default)}
        for name, label in ((family, "top1_max"), (recipe, "top1_max_thesis_recipe"), (default, "any_aligned_top1")):
            if aligned[name]:
                summary[f"{root}.{config}.{label}_percent"] = max(p.top1_percent for p in aligned[name])
        if aligned[default]:
            summary[f"{root}.{config}.any_heading_top1_percent"] = max(
                p.random_heading_top1_percent for p in aligned[default]
            )
        if aligned[family]:
            summary[f"{root}.{config}.heading_blind_top1_percent"] = max(
                p.random_heading_top1_percent for p in aligned[family]
            )
            curve = [(p.rate.coded_bits, p.top1_percent) for p in aligned[family]]
            summary[f"{root}.{config}.bits_at_80_percent"] = rate_at_accuracy(curve, QUOTED_ACCURACY_PERCENT)
    if points:
        summary[f"{root}.coded_minus_estimated_bits_max"] = max(
            p.rate.coded_bits - p.rate.estimated_bits for p in points
        )
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


def to_json(value: Comparison | SweepPoint | Curve) -> dict[str, Any]:
    """As plain containers, for a results file."""
    if isinstance(value, Curve):
        return {"name": value.name, "points": value.points.tolist()}
    return asdict(value)
