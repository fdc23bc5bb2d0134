"""What was found of networks whose poolings differ in their factor: motion and error after each, over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.key import slug


@dataclass(frozen=True, slots=True)
class FactorRow:
    """One tensor of one network.

    Attributes:
        pooling, factor, seed: of the network.
        top1_percent: of the network; nan if no labelled images were there.
        count: k, the poolings before the tensor.
        gain: of its motion over v / n^k.
        left_percent: as of `isthmus.measure.motion_factors.gains.Moved`.
        nrmse, relative: means over random affine maps.
    """

    pooling: str
    factor: int
    seed: int
    top1_percent: float
    count: int
    gain: float
    left_percent: float
    nrmse: float
    relative: float


QUANTITIES = ("gain", "left_percent", "nrmse", "relative")


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one quantity over seeds: mean, deviation (nan of one seed), and how many."""

    mean: float
    deviation: float
    seeds: int


@dataclass(frozen=True, slots=True)
class FactorMeasurement:
    """All of it.

    Attributes:
        data, pictures: the images.
        maps, shifts: of each network.
        rows: by network, then by poolings.
    """

    data: str
    pictures: int
    maps: int
    shifts: int
    rows: tuple[FactorRow, ...]

    @property
    def cells(self) -> tuple[tuple[str, int, int], ...]:
        """(pooling, n, k) of what there is, in the order of n and k."""
        return tuple(sorted({(row.pooling, row.factor, row.count) for row in self.rows}))

    def spread(self, cell: tuple[str, int, int], quantity: str) -> Spread:
        """Over the seeds of a cell; nan where the tensor is too small to have one."""
        rows = [row for row in self.rows if (row.pooling, row.factor, row.count) == cell]
        return _over([getattr(row, quantity) for row in rows])

    def top1(self, pooling: str, factor: int) -> Spread:
        """Of the networks of a pooling and a factor."""
        rows = [row for row in self.rows if (row.pooling, row.factor) == (pooling, factor)]
        return _over(list({row.seed: row.top1_percent for row in rows}.values()))

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted."""
        top1 = {(row.pooling, row.factor, row.seed): row.top1_percent for row in self.rows}
        found: dict[str, float] = {
            "motion.factors.networks": len(top1),
            "motion.factors.seeds": min(self.spread(cell, "gain").seeds for cell in self.cells),
            "motion.factors.maps": self.maps,
            "motion.factors.shifts": self.shifts,
            "motion.factors.top1_percent_least": min(top1.values()),
            "motion.factors.top1_percent_most": max(top1.values()),
        }
        for cell in self.cells:
            pooling, factor, count = cell
            root = f"motion.factors.{slug(pooling)}.n{factor}.k{count}"
            for quantity in QUANTITIES:
                over = self.spread(cell, quantity)
                found |= {f"{root}.{quantity}": over.mean, f"{root}.{quantity}_deviation": over.deviation}
        gains = np.array([self.spread(cell, "gain").mean for cell in self.cells])
        away = np.abs(gains[np.isfinite(gains)] - 1)
        found["motion.factors.gain_from_1_most"] = float(away.max(initial=0.0))
        return {key: float(value) for key, value in found.items() if np.isfinite(value)}

    def detail(self) -> dict[str, Any]:
        """Everything, for a results file; None for nan."""
        rows = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(row).items()}
            for row in self.rows
        ]
        own = {"data": self.data, "pictures": self.pictures, "maps": self.maps, "shifts": self.shifts}
        return own | {"rows": rows}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> FactorMeasurement:
        """Back from a results file. InputError if it is not that."""
        try:
            known: list[dict[str, Any]] = [
                {k: math.nan if v is None else v for k, v in row.items()} for row in detail["rows"]
            ]
            rows = tuple(FactorRow(**row) for row in known)
            return cls(detail["data"], detail["pictures"], detail["maps"], detail["shifts"], rows)
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"expected the details of a measurement of pooling factors: {error!r}") from error


def _over(values: list[float]) -> Spread:
    known = np.array(values, np.float64)
    deviation = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    return Spread(float(known.mean()), deviation, len(known))
