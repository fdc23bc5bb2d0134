"""A whole run of the point-cloud measure: codecs, baselines, the optimum; and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.measure.curve import Curve, Float64
from isthmus.measure.pointcloud.baselines import Rival, SweepPoint
from isthmus.measure.pointcloud.curves import (
    Comparison,
    baseline_front,
    compare_all,
    summarize,
    summarize_wire,
    to_json,
)
from isthmus.measure.pointcloud.front import Family, Front, families
from isthmus.measure.pointcloud.label_optimum import label_optimum_curve
from isthmus.measure.pointcloud.point import CodecPoint

WIRE_CODEC = POINT_CLOUD.default_codec  # the codec whose wire bytes are quoted, where it was measured


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """Everything that was measured in one run.

    Attributes:
        data: what the clouds are, for people.
        points: points a cloud.
        codecs: by family and step.
        sweeps: all operating points of each baseline, by name.
        rivals: what each baseline is, by name.
        prior: share of each label of the test set, float64 [classes that occur].
        published: curves of another data set, drawn beside these and marked so.
        notes: what a reader must know (a baseline left out, for instance).
    """

    data: str
    points: int
    codecs: tuple[CodecPoint, ...]
    sweeps: Mapping[str, tuple[SweepPoint, ...]]
    prior: Float64
    published: Mapping[str, Curve] = field(default_factory=dict)
    rivals: Mapping[str, Rival] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def families(self) -> dict[str, Family]:
        """The codecs, with the points that stand for each family."""
        return families(self.codecs)

    @property
    def fronts(self) -> dict[str, Front]:
        """Families on aligned clouds."""
        return {name: family.to_front() for name, family in self.families.items()}

    @property
    def random_heading_fronts(self) -> dict[str, Front]:
        """The same points on clouds with random headings."""
        return {name: family.to_front("random_heading_top1_percent") for name, family in self.families.items()}

    @property
    def baselines(self) -> dict[str, Front]:
        """Fronts of the input codecs."""
        return {
            name: baseline_front(name, found, self.rivals.get(name)) for name, found in self.sweeps.items() if found
        }

    @property
    def optimum(self) -> Curve:
        """The best that any codec could do on labels of this prior."""
        return Curve("optimum", label_optimum_curve(self.prior))

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return compare_all(self.fronts, self.baselines)

    @property
    def chosen(self) -> str:
        """Which split chose what, in one sentence."""
        by_test = [name for name, family in self.families.items() if family.chosen_on == "test"]
        ours = "Weights, rate points and fronts of the codecs were chosen on validation, cut from train"
        but = f" (but on test those of {', '.join(by_test)}, whose training records tell of no validation)"
        rivals = f"; the fronts of {' and '.join(self.baselines)} on test, which is in their favour"
        return f"{ours}{but if by_test else ''}{rivals if self.baselines else ''}."

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that documents quote, under keys that begin with `root`; wire bytes once, under `wire`."""
        found = summarize(self.families, self.comparisons, self.prior, root=root, benchmark_points=self.points)
        if root == "pointcloud" and self.codecs:
            found |= summarize_wire(self.wire_point())
        return found

    def wire_point(self) -> CodecPoint:
        """The codec whose bytes on the wire stand for all: `WIRE_CODEC`, else the one of the middle rate."""
        named = [p for p in self.codecs if p.name == WIRE_CODEC]
        by_rate = sorted(self.codecs, key=lambda p: p.rate.coded_bits)
        return named[0] if named else by_rate[len(by_rate) // 2]

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {
            "data": self.data,
            "points": self.points,
            "codecs": [p.to_json() for p in self.codecs],
            "sweeps": {name: [to_json(p) for p in found] for name, found in self.sweeps.items()},
            "rivals": {name: to_json(rival) for name, rival in self.rivals.items()},
            "families": [
                {
                    "name": family.name,
                    "chosen_on": family.chosen_on,
                    "front": [p.name for p in family.front],
                    "chosen": family.chosen.name,
                    "best_on_test": family.best_on_test().name,
                }
                for family in self.families.values()
            ],
            "prior": self.prior.tolist(),
            "published": [to_json(c) for c in self.published.values()],
            "notes": list(self.notes),
            "comparisons": [to_json(c) for c in self.comparisons],
            "optimum": to_json(self.optimum),
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Measurement:
        """Back from a results file: so pages and tables can be made again without measuring."""
        try:
            return cls(
                str(detail["data"]),
                int(detail["points"]),
                tuple(CodecPoint.from_json(p) for p in detail["codecs"]),
                {name: tuple(SweepPoint(**p) for p in found) for name, found in detail["sweeps"].items()},
                np.asarray(detail["prior"], np.float64) / np.sum(detail["prior"]),
                {c["name"]: Curve(c["name"], np.asarray(c["points"], np.float64)) for c in detail["published"]},
                {name: Rival(**rival) for name, rival in detail["rivals"].items()},
                tuple(detail["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a point-cloud measurement of this version, got {error!r}") from error
