"""The manifest of a point-cloud codec: a classifier cut in two, its prior inside. Implements BITSTREAM.md §8.1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from isthmus.common.bits.prior import Prior
from isthmus.common.manifest.fields import check_class_names, check_fields, expect, expect_integer
from isthmus.common.manifest.manifest import Manifest

MAX_POINTS = 1 << 20
UP_AXES = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to a cloud before the edge half, frozen with the codec.

    Attributes:
        min_points, max_points: clouds outside are refused.
        benchmark_points: points a cloud is sampled to when the codec is measured, 0 for all it has.
        up_axis: the axis that points up in the clouds the codec knows.
    """

    min_points: int = 1
    max_points: int = 65_536
    benchmark_points: int = 0
    up_axis: str = "z"

    def __post_init__(self) -> None:
        expect_integer(self.min_points, 1, MAX_POINTS, "preprocessing.min_points")
        expect_integer(self.max_points, self.min_points, MAX_POINTS, "preprocessing.max_points")
        expect_integer(self.benchmark_points, 0, self.max_points, "preprocessing.benchmark_points")
        expect(self.up_axis in UP_AXES, f"preprocessing.up_axis: expected one of {UP_AXES}, got {self.up_axis!r}")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PointCloudManifest(Manifest):
    """A codec of point clouds: a classifier cut in two.

    Attributes:
        class_names: in the order of the logits.
        prior: the tables both sides code with.
        preprocessing: constants of the way from signal to network.
    """

    signal: ClassVar[str] = "point-cloud"

    class_names: tuple[str, ...]
    prior: Prior
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    tasks: tuple[str, ...] = ("classification",)

    @property
    def channels(self) -> int:
        """Symbols of one signal."""
        return self.prior.channels

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the logits."""
        return self.class_names

    def _check(self) -> None:
        check_class_names(self.class_names)

    @classmethod
    def json_fields(cls) -> dict[str, type]:
        return {"channels": int, "class_names": list, "preprocessing": dict, "prior": dict}

    @classmethod
    def from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> PointCloudManifest:
        check_fields(
            fields["preprocessing"],
            {"benchmark_points": int, "max_points": int, "min_points": int, "up_axis": str},
            "preprocessing",
        )
        expect(all(type(entry) is str for entry in fields["class_names"]), "class_names: expected a list of strings")
        manifest = cls(
            class_names=tuple(fields["class_names"]),
            prior=Prior.from_json(fields["prior"]),
            preprocessing=Preprocessing(**fields["preprocessing"]),
            **shared,
        )
        expect(
            fields["channels"] == manifest.channels,
            f"channels: expected {manifest.channels} as the prior has, got {fields['channels']}",
        )
        return manifest

    def _to_json(self) -> dict[str, Any]:
        return {
            "channels": self.prior.channels,
            "class_names": list(self.class_names),
            "preprocessing": {
                "benchmark_points": self.preprocessing.benchmark_points,
                "max_points": self.preprocessing.max_points,
                "min_points": self.preprocessing.min_points,
                "up_axis": self.preprocessing.up_axis,
            },
            "prior": self.prior.to_json(),
        }
