"""The rate points of a curve, the clouds that a codec is for, and how long each is trained.

The codecs that ship were trained by these very tables; a test compares them with each codec's `training.json`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from isthmus.models.pointcloud.categorical import Alphabet
from isthmus.training.pointcloud.augment import Augmentation


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Alphabet and trade-off (lambda, in bits a nat) of one point of a curve."""

    alphabet: Alphabet
    trade_off: float


LADDER = (
    RatePoint(Alphabet(2, 4), 6.0),
    RatePoint(Alphabet(2, 8), 12.0),
    RatePoint(Alphabet(2, 8), 30.0),
    RatePoint(Alphabet(2, 16), 40.0),
    RatePoint(Alphabet(2, 16), 100.0),
    RatePoint(Alphabet(2, 32), 150.0),
    RatePoint(Alphabet(3, 32), 250.0),
    RatePoint(Alphabet(4, 32), 600.0),
    RatePoint(Alphabet(8, 16), 2000.0),
    RatePoint(Alphabet(16, 8), 8000.0),
)


# Micro's symbols stay under the best accuracy of its unquantised features: one more point, larger and longer trained.
MORE_POINTS = {("micro", "p1024"): (RatePoint(Alphabet(16, 16), 30000.0),)}


def ladder(config_name: str, variant_name: str) -> tuple[RatePoint, ...]:
    """The rate points of a configuration, the lowest rate first."""
    return (*LADDER, *MORE_POINTS.get((config_name, variant_name), ()))


@dataclass(frozen=True, slots=True)
class Variant:
    """What the codec is for: the clouds it will see."""

    name: str
    augmentation: Augmentation
    validation_points: int
    random_heading: bool


def _aligned(points: int) -> Augmentation:
    return Augmentation(points, points, heading_degrees=10, tilt_degrees=4, scale=0.15, jitter=0.02)


VARIANTS = {
    "p1024": Variant("p1024", _aligned(1024), 1024, random_heading=False),
    "p256": Variant("p256", _aligned(256), 256, random_heading=False),
    "any": Variant(
        "any",
        Augmentation(256, 2048, heading_degrees=180, tilt_degrees=6, scale=0.25, jitter=0.025, drop=0.25, clump=0.3),
        1024,
        random_heading=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """Epochs of each stage.

    Attributes:
        pretrain: of the network without a bottleneck.
        symbols: of each rate point, the lowest rate first.
        cached: trains the symbols on stored features of a frozen edge half.
        start: curve whose pretrained network this one's pretraining goes on from; empty for none.
    """

    pretrain: int
    symbols: tuple[int, ...]
    cached: bool
    start: str = ""


EFFORTS = {
    ("full", "p1024"): Effort(24, (30,) * 10, cached=True),
    ("full", "p256"): Effort(12, (30,) * 10, cached=True, start="full-p1024"),
    ("full", "any"): Effort(16, (30,) * 10, cached=True, start="full-p1024"),
    ("lite", "p1024"): Effort(100, (25,) * 5 + (30,) * 5, cached=False),
    ("lite", "p256"): Effort(100, (20,) * 10, cached=False),
    ("lite", "any"): Effort(100, (18,) * 10, cached=False),
    ("micro", "p1024"): Effort(100, (25,) * 10 + (75,), cached=False),
    ("micro", "p256"): Effort(100, (30,) * 10, cached=False),
    ("micro", "any"): Effort(100, (18,) * 10, cached=False),
}


def effort_of(config_name: str, variant_name: str, epochs: int = 0) -> Effort:
    """How long a curve is trained; `epochs` of each training, 0: as `EFFORTS` has it."""
    effort = EFFORTS[config_name, variant_name]
    return replace(effort, pretrain=epochs, symbols=(epochs,) * len(effort.symbols)) if epochs else effort
