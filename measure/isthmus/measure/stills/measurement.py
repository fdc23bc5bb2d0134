"""What was measured of labelled stills: a curve a codec and a format, all bits counted, and what crossed a wire."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.measure.stills.loss import Float64, bits_at_loss, standard_error

LOSSES_POINTS = (0.5, 1.0, 2.0)
QUOTED_POINTS = 1.0
SURE = 0.5
"""Probability of the first label from which on the whole network is sure."""
KILO = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class StillPoint:
    """One step of a codec, or one setting of a format.

    Attributes:
        setting: the step, or the setting.
        bits: of each image's packet or file, float64 `[images]`.
        nats: by how much each answer moved, float64 `[images]`.
        is_right, agrees: bool `[images]`: against the labels, against the whole network.
    """

    setting: float
    bits: Float64
    nats: Float64
    is_right: npt.NDArray[np.bool_]
    agrees: npt.NDArray[np.bool_]

    def to_json(self) -> dict[str, float]:
        """Means over the images."""
        return {
            "setting": self.setting,
            "kbit": float(self.bits.mean()) / KILO,
            "nats": float(self.nats.mean()),
            "top1_percent": 100 * float(self.is_right.mean()),
            "agreement_percent": 100 * float(self.agrees.mean()),
        }


@dataclass(frozen=True, slots=True, eq=False)
class StillCurve:
    """A codec or a format.

    Attributes:
        name: of it.
        points: of rising bits.
        own: setting that is the codec's own; nan for a format.
        macs_edge, macs_whole: of a frame; 0 for a format.
    """

    name: str
    points: tuple[StillPoint, ...]
    own: float = math.nan
    macs_edge: float = 0
    macs_whole: float = 0

    def kbit_at(self, lost_points: float, factor: float) -> tuple[float, float]:
        """(thousands of bits at which so many points are lost, their standard error over images)."""
        images = len(self.points[0].bits)

        def found(drawn: npt.NDArray[np.int64]) -> float:
            bits, nats = ([getattr(p, name)[drawn] for p in self.points] for name in ("bits", "nats"))
            return bits_at_loss(bits, nats, factor, lost_points) / KILO

        return found(np.arange(images)), standard_error(found, images)


@dataclass(frozen=True, slots=True, eq=False)
class StillMeasurement:
    """All of it.

    Attributes:
        data: of the images.
        images: their number.
        top1_whole_percent: of the network, nothing rounded.
        sure: bool `[images]`: where the whole network is sure.
        factor: of the law of `loss`.
        curves, rivals: of codecs and of formats.
        live: (codec, images that crossed, packets or answers that differed).
        notes: of rivals that are left out.
    """

    data: str
    images: int
    top1_whole_percent: float
    sure: npt.NDArray[np.bool_]
    factor: float
    curves: tuple[StillCurve, ...]
    rivals: tuple[StillCurve, ...]
    live: tuple[str, int, int]
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted."""
        found: dict[str, float] = {
            "split.stills.images": self.images,
            "split.stills.loss_factor": self.factor,
            "split.stills.live.images": self.live[1],
            "split.stills.live.mismatches": self.live[2],
        }
        rivals = {r.name: r.kbit_at(QUOTED_POINTS, self.factor) for r in self.rivals}
        for name, (kbit, error) in rivals.items():
            found |= {f"split.stills.{name}.kbit_at_1_point": kbit, f"split.stills.{name}.kbit_at_1_point_se": error}
        for curve in self.curves:
            root = key_of(curve.name)
            kbit, error = curve.kbit_at(QUOTED_POINTS, self.factor)
            found |= {f"{root}.kbit_at_1_point": kbit, f"{root}.kbit_at_1_point_se": error}
            found |= {f"{root}.ratio_to_{name}": theirs / kbit for name, (theirs, _) in rivals.items()}
            found |= {f"{root}.macs_edge": curve.macs_edge, f"{root}.macs_whole": curve.macs_whole}
            found[f"{root}.top1_whole_percent"] = self.top1_whole_percent
            for point in curve.points:
                if point.setting == curve.own:
                    told = point.to_json()
                    found |= {f"{root}.{name}": told[name] for name in ("kbit", "top1_percent", "agreement_percent")}
                    found[f"{root}.agreement_sure_percent"] = 100 * float(point.agrees[self.sure].mean())
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def detail(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "loss": f"points lost, smoothed: {self.factor:.1f} * nats^1.5, fitted on all points here",
            "kbit_at_loss": {
                curve.name: {
                    f"{lost:g}": dict(zip(("kbit", "standard_error"), _told(curve, lost, self.factor), strict=True))
                    for lost in LOSSES_POINTS
                }
                for curve in (*self.curves, *self.rivals)
            },
            "curves": {c.name: [p.to_json() for p in c.points] for c in (*self.curves, *self.rivals)},
            "live": dict(zip(("codec", "images", "mismatches"), self.live, strict=True)),
            "sure_images": int(self.sure.sum()),
            "notes": list(self.notes),
        }


def _told(curve: StillCurve, lost_points: float, factor: float) -> tuple[float | None, float | None]:
    kbit, error = curve.kbit_at(lost_points, factor)
    return (kbit if math.isfinite(kbit) else None, error if math.isfinite(error) else None)


def key_of(codec: str) -> str:
    """Of a codec's figures: ``split.lite0.b5`` of vision-lite0-b5."""
    return "split." + codec.removeprefix("vision-").replace("-", ".")
