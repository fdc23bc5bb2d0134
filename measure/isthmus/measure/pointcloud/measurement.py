"""A whole run of the point-cloud measure: codecs, baselines, the optimum; and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.measure.curve import Curve, Float64
from isthmus.measure.pointcloud.baselines import SweepPoint
from isthmus.measure.pointcloud.curves import (
    Comparison,
    baseline_curve,
    codec_curves,
    compare_all,
    summarize,
    summarize_wire,
    to_json,
)
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
    notes: tuple[str, ...] = ()

    @property
    def curves(self) -> dict[str, Curve]:
        """Families on aligned clouds."""
        return codec_curves(self.codecs)

    @property
    def random_heading_curves(self) -> dict[str, Curve]:
        """Families on clouds with random headings."""
        return codec_curves(self.codecs, "random_heading_top1_percent")

    @property
    def baselines(self) -> dict[str, Curve]:
        """Fronts of the input codecs."""
        return {name: baseline_curve(name, found) for name, found in self.sweeps.items() if found}

    @property
    def optimum(self) -> Curve:
        """The best that any codec could do on labels of this prior."""
        return Curve("optimum", label_optimum_curve(self.prior))

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return compare_all(self.curves, self.baselines)

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that documents quote, under keys that begin with `root`; wire bytes once, under `wire`."""
        found = summarize(self.codecs, self.comparisons, self.prior, root=root, benchmark_points=self.points)
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
                tuple(detail["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a point-cloud measurement of this version, got {error!r}") from error
