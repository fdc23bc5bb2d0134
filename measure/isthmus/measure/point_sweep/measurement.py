"""What came of the sweep: curves of each number of points, the front over them, and what seeds do to it.

Fronts are chosen on validation and drawn by test, as of every family (`isthmus.measure.pointcloud.front`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from isthmus.measure.curve import Curve, Float64, bd_rate, or_unknown, rate_at_accuracy
from isthmus.measure.point_sweep.sweep_point import SweepPoint
from isthmus.measure.pointcloud.front import growing, unbeaten

CONFIGS = ("full", "lite", "micro")
QUOTED_ACCURACY_PERCENT = 80.0


@dataclass(frozen=True, slots=True)
class Spread:
    """One rate point over its seeds: mean, and standard deviation of a sample.

    Attributes:
        config, points, trade_off: which.
        seeds: trained.
    """

    config: str
    points: int
    trade_off: float
    seeds: int
    top1_percent: float
    top1_deviation: float
    coded_bits: float
    coded_bits_deviation: float


def chosen_on_validation(points: Iterable[SweepPoint]) -> tuple[SweepPoint, ...]:
    """Those that no other beats on validation, by growing bits there."""
    rows = tuple(points)
    return unbeaten(rows, [(row.validation.bits, row.validation.top1_percent) for row in rows])


def tested(front: Iterable[SweepPoint]) -> Float64:
    """A front as test has it, ``[n, 2]`` of (coded bits, percent), pooled until both grow."""
    return growing([(p.coded_bits, p.top1_percent) for p in front])


@dataclass(frozen=True, slots=True, eq=False)
class PointSweepMeasurement:
    """All of it.

    Attributes:
        data: what the clouds are.
        clouds: how many.
        rows: a row a codec, by config, points, trade-off and seed.
        published: curves of the thesis on ModelNet40, by name, drawn beside and marked.
    """

    data: str
    clouds: int
    rows: tuple[SweepPoint, ...]
    published: Mapping[str, Curve]

    @property
    def configs(self) -> tuple[str, ...]:
        return tuple(config for config in CONFIGS if any(row.config == config for row in self.rows))

    def curve(self, config: str, points: int) -> tuple[SweepPoint, ...]:
        """The first seed's rows of one number of points, by trade-off."""
        return tuple(r for r in self.rows if (r.config, r.points, r.seed) == (config, points, 0))

    def point_counts(self, config: str) -> tuple[int, ...]:
        return tuple(sorted({row.points for row in self.rows if row.config == config}))

    def front(self, config: str) -> tuple[SweepPoint, ...]:
        """Over all numbers of points, of the first seed."""
        return chosen_on_validation(r for r in self.rows if (r.config, r.seed) == (config, 0))

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """Every rate point of more than one seed."""
        found: dict[tuple[str, int, float], list[SweepPoint]] = defaultdict(list)
        for row in self.rows:
            found[row.config, row.points, row.trade_off].append(row)
        return tuple(_spread(rows) for rows in found.values() if len(rows) > 1)

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted."""
        whole = {
            config: [n for n in self.point_counts(config) if len(self.curve(config, n)) > 1] for config in self.configs
        }
        summary = {
            "pointcloud.p_sweep_points": float(min(len(counts) for counts in whole.values())),
            "pointcloud.p_sweep_networks": float(len(self.rows)),
        }
        if spreads := self.spreads:
            summary["pointcloud.seeds"] = float(min(spread.seeds for spread in spreads))
        for config in self.configs:
            summary |= self._summary_of(config)
        return {name: value for name, value in summary.items() if np.isfinite(value)}

    def _summary_of(self, config: str) -> dict[str, float]:
        root, front = f"pointcloud.sweep.{config}", self.front(config)
        stands, curve = front[-1], tested(front)
        found = {
            f"{root}.top1_max_percent": stands.top1_percent,
            f"{root}.top1_max_coded_bits": stands.coded_bits,
            f"{root}.top1_max_points": float(stands.points),
            f"{root}.decoder_macs": float(stands.decoder_macs),
            f"{root}.decoder_parameters": float(stands.decoder_parameters),
            f"{root}.coded_minus_estimated_bits_max": max(
                r.coded_bits - r.estimated_bits for r in self.rows if r.config == config
            ),
        }
        if curve[0, 1] <= QUOTED_ACCURACY_PERCENT <= curve[-1, 1]:
            found[f"{root}.bits_at_80_percent"] = rate_at_accuracy(curve, QUOTED_ACCURACY_PERCENT)
        most = max(self.point_counts(config))
        alone = tested(chosen_on_validation(self.curve(config, most)))
        found[f"{root}.front_bd_rate_vs_p{most}_percent"] = or_unknown(bd_rate, alone, curve)
        if spreads := [spread for spread in self.spreads if spread.config == config]:
            found[f"{root}.seed_deviation_points"] = float(np.sqrt(np.mean([s.top1_deviation**2 for s in spreads])))
            found[f"{root}.seed_deviation_points_most"] = max(s.top1_deviation for s in spreads)
        return found

    def detail(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "data": self.data,
            "clouds": self.clouds,
            "rows": [asdict(row) for row in self.rows],
            "spreads": [asdict(spread) for spread in self.spreads],
            "fronts": {
                config: [[p.points, p.trade_off, p.coded_bits, p.top1_percent] for p in self.front(config)]
                for config in self.configs
            },
            "published": [{"name": name, "points": c.points.tolist()} for name, c in self.published.items()],
        }


def _spread(rows: list[SweepPoint]) -> Spread:
    accuracy, bits = [r.top1_percent for r in rows], [r.coded_bits for r in rows]
    first = rows[0]
    return Spread(
        first.config,
        first.points,
        first.trade_off,
        len(rows),
        float(np.mean(accuracy)),
        float(np.std(accuracy, ddof=1)),
        float(np.mean(bits)),
        float(np.std(bits, ddof=1)),
    )
