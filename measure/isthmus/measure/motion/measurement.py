"""What was found of how latents move: of each tensor, of each small network, and of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.motion.error import DenseError, means
from isthmus.measure.motion.options import MotionEffort


@dataclass(frozen=True, slots=True)
class TapResult:
    """What was found of one tensor.

    Attributes:
        network, tap, stride: which.
        nrmse: of every random map, bicubic.
        inner, relative: their means without the rim, and over the standard deviation.
        about_tensor: mean NRMSE when the map turns about the tensor's centre instead of the picture's.
        sweeps: panel to (x, mean NRMSE) pairs.
        phases: (fraction of a latent, mean NRMSE, mean without the rim).
        kernels: mean NRMSE by interpolation on the same maps.
        dense: errors with the tensor known at every pixel.
    """

    network: str
    tap: str
    stride: int
    nrmse: tuple[float, ...]
    inner: float
    relative: float
    about_tensor: float
    sweeps: Mapping[str, tuple[tuple[float, float], ...]]
    phases: tuple[tuple[float, float, float], ...]
    kernels: Mapping[str, float]
    dense: tuple[DenseError, ...] = ()

    @property
    def mean(self) -> float:
        """Mean NRMSE over the random maps."""
        return means(self.nrmse)

    @property
    def is_sent(self) -> bool:
        """Whether it is what a codec of ours sends."""
        return self.tap == "y"

    @property
    def sampling_percent(self) -> float:
        """Share of the inner squared error of affine maps that goes when the tensor is known at every pixel."""
        found = [d for d in self.dense if d.family == "affine"]
        return 100 * (1 - found[0].dense / found[0].sampled) if found else float("nan")


@dataclass(frozen=True, slots=True)
class AblationResult:
    """One small network.

    Attributes:
        name, pooling, motion_weight: which.
        top1_percent: on labelled images that it was not trained on; nan if none were given.
        halved: (stride, NRMSE bicubic, relative error) after each halving.
        kernels: NRMSE of y by interpolation.
        relative: of y, bicubic.
        stride: of y.
        whole, half: NRMSE of y, without the rim, at shifts by whole latents and by halves.
    """

    name: str
    pooling: str
    motion_weight: float
    top1_percent: float
    halved: tuple[tuple[int, float, float], ...]
    kernels: Mapping[str, float]
    relative: float
    stride: int
    whole: float
    half: float


@dataclass(frozen=True, slots=True)
class MotionMeasurement:
    """All of it."""

    data: str
    pictures: int
    effort: MotionEffort
    titles: Mapping[str, str]
    taps: tuple[TapResult, ...]
    ablation: tuple[AblationResult, ...] = ()

    def followed_by(self, new: MotionMeasurement) -> MotionMeasurement:
        """With the networks of another measurement in the place of its own of the same names.

        Raises:
            InputError: the two are not of the same pictures and effort.
        """
        mine, others = (self.data, self.pictures, self.effort), (new.data, new.pictures, new.effort)
        if mine != others:
            raise InputError(f"expected a measurement on {mine} to merge into, got one on {others}")
        networks = {tap.network for tap in new.taps}
        rows = {row.name: row for row in (*self.ablation, *new.ablation)}
        kept = tuple(tap for tap in self.taps if tap.network not in networks)
        titles = MappingProxyType({**self.titles, **new.titles})
        return MotionMeasurement(
            self.data, self.pictures, self.effort, titles, (*kept, *new.taps), tuple(rows.values())
        )

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file; of the random maps their 1 % steps of quantiles."""
        taps = []
        for tap in self.taps:
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
            "data": self.data,
            "pictures": self.pictures,
            "effort": asdict(self.effort),
            "titles": dict(self.titles),
            "taps": taps,
            "ablation": [_plain(row) for row in self.ablation],
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> MotionMeasurement:
        """Back from a results file: the random maps as their quantiles. InputError if it is not that."""
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
            return cls(
                detail["data"],
                detail["pictures"],
                MotionEffort(**detail["effort"]),
                MappingProxyType(detail["titles"]),
                taps,
                ablation,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected the details of a motion measurement: {error!r}") from error


def _plain(row: AblationResult) -> dict[str, Any]:
    found = {f.name: getattr(row, f.name) for f in fields(row) if f.name != "kernels"}
    return found | {"halved": [list(point) for point in row.halved], "kernels": dict(row.kernels)}


def _around(quantiles: list[float], mean: float) -> tuple[float, ...]:
    """Quantiles shifted so that their mean is the true one: they stand for the maps in plots and tables."""
    return tuple(value + mean - float(np.mean(quantiles)) for value in quantiles)
