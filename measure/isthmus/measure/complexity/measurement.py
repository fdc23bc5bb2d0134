"""What came of measuring complexity: MACs, instructions and time of every part, and the ratios of whole sides."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from isthmus.measure.complexity.sides import COMPONENTS, HISTOGRAM, HYPERPRIOR, NUMPY_HISTOGRAM, PARTS, TABLES, THESIS
from isthmus.measure.key import slug

QUANTITIES = ("macs", "instructions", "time")
KEYS = {THESIS: "image.thesis", COMPONENTS: "image.synthesized"}
"""Of what a side's ratios are called."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stage, measured.

    Attributes:
        contest, side, name: of the stage.
        macs: multiply-accumulates a pixel.
        time: ms an image, the median.
        instructions: an image; nan where they were not counted.
    """

    contest: str
    side: str
    name: str
    macs: float
    time: float
    instructions: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A contest, measured.

    Attributes:
        name, title, is_published, transform_macs: as of the contest.
        parts: of all sides.
    """

    name: str
    title: str
    is_published: bool
    transform_macs: float
    parts: tuple[Part, ...]

    @property
    def sides(self) -> tuple[str, ...]:
        """Whose parts there are, in their order."""
        return tuple(dict.fromkeys(part.side for part in self.parts))

    def total(self, quantity: str, side: str, names: tuple[str, ...] = PARTS) -> float:
        """Of one quantity, over the parts of those names that a side has."""
        values = (getattr(part, quantity) for part in self.parts if part.side == side and part.name in names)
        return float(sum(values))

    def ratio(self, quantity: str, side: str = THESIS, names: tuple[str, ...] = PARTS) -> float:
        """The hyperprior's over a side's: above 1 where the side is cheaper."""
        return self.total(quantity, HYPERPRIOR) / self.total(quantity, side, names)

    def has(self, side: str, name: str) -> bool:
        """Whether a side has such a part."""
        return any(part.side == side and part.name == name for part in self.parts)

    def saved_percent(self, side: str = THESIS) -> float:
        """Of the MACs of a whole codec with a hyperprior, transforms and all, what a side saves."""
        hyperprior = self.total("macs", HYPERPRIOR)
        return 100 * (hyperprior - self.total("macs", side)) / (self.transform_macs + hyperprior)


@dataclass(frozen=True, slots=True)
class ComplexityMeasurement:
    """All of it.

    Attributes:
        height, width: of the image in pixels.
        rounds: of timing.
        comparisons: in their order.
        note: why there are no instructions; "" where there are.
    """

    height: int
    width: int
    rounds: int
    comparisons: tuple[Comparison, ...]
    note: str = ""

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted, ratios as hyperprior over the other; without those that were not measured."""
        found: dict[str, float] = {}
        for comparison in self.comparisons:
            found |= _ratios(comparison)
            found[f"image.thesis.whole_codec_macs_saved_percent.{comparison.name}"] = comparison.saved_percent()
            for part in comparison.parts:
                root = f"image.complexity.{comparison.name}.{part.side}.{slug(part.name)}"
                found |= {f"{root}.ms": part.time, f"{root}.instructions": part.instructions}
                found |= {f"{root}.macs_per_pixel": part.macs} if part.macs else {}
        published = [comparison for comparison in self.comparisons if comparison.is_published]
        for quantity in QUANTITIES:
            ratios = [comparison.ratio(quantity) for comparison in published]
            found[f"image.thesis.{quantity}_ratio_to_hyperprior"] = min(ratios, default=math.nan)
            found[f"image.thesis.{quantity}_ratio_to_hyperprior_most"] = max(ratios, default=math.nan)
        return {key: value for key, value in found.items() if math.isfinite(value)}

    def detail(self) -> dict[str, Any]:
        """Everything, for the results file."""
        rows = [{k: v for k, v in asdict(c).items() if k != "parts"} for c in self.comparisons]
        for row, comparison in zip(rows, self.comparisons, strict=True):
            row["parts"] = [
                {k: v for k, v in asdict(part).items() if not (isinstance(v, float) and math.isnan(v))}
                for part in comparison.parts
            ]
        return {"height": self.height, "width": self.width, "rounds": self.rounds, "note": self.note, "rows": rows}


def _ratios(comparison: Comparison) -> dict[str, float]:
    """Of one contest, every side that is no hyperprior."""
    found: dict[str, float] = {}
    for side in (side for side in comparison.sides if side in KEYS):
        for quantity in QUANTITIES:
            key = f"{KEYS[side]}.{quantity}_ratio_to_hyperprior"
            found[f"{key}.{comparison.name}"] = comparison.ratio(quantity, side)
            if quantity == "macs":
                continue
            if comparison.has(side, TABLES):
                found[f"{key}_with_tables.{comparison.name}"] = comparison.ratio(quantity, side, (*PARTS, TABLES))
            if comparison.has(side, NUMPY_HISTOGRAM):
                slow = tuple(NUMPY_HISTOGRAM if name == HISTOGRAM else name for name in PARTS)
                found[f"{key}_numpy.{comparison.name}"] = comparison.ratio(quantity, side, slow)
    return found
