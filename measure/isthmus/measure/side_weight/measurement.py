"""What came of a sweep of lambda_q: rate, side rate and gap closed at each weight of side information in the loss."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One weight.

    Attributes:
        weight: lambda_q.
        validation_gain_percent: of the bits of validation photographs, q paid once an image of 768 x 512.
        bits_per_pixel: of whole packets of the images.
        side_bits: of q, an image.
        gap_closed_percent: share of the saving of true histograms that packets reach.
        seconds: of the training.
    """

    weight: float
    validation_gain_percent: float
    bits_per_pixel: float
    side_bits: float
    gap_closed_percent: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SideWeightMeasurement:
    """All of it.

    Attributes:
        data: name of the images.
        codec, way: whose tables, which networks.
        static_bits_per_pixel: of packets with static tables.
        rows: by weight.
    """

    data: str
    codec: str
    way: str
    static_bits_per_pixel: float
    rows: tuple[WeightRow, ...]

    @property
    def best(self) -> WeightRow:
        """That of the largest gain on validation photographs."""
        return max(self.rows, key=lambda row: row.validation_gain_percent)

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted."""
        gaps = [row.gap_closed_percent for row in self.rows]
        return {
            "image.lambda_q.best": self.best.weight,
            "image.lambda_q.best_gap_closed_percent": self.best.gap_closed_percent,
            "image.lambda_q.gap_closed_percent_least": min(gaps),
            "image.lambda_q.gap_closed_percent_most": max(gaps),
            "image.lambda_q.weights": len(self.rows),
        }

    def detail(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "codec": self.codec,
            "way": self.way,
            "static_bits_per_pixel": self.static_bits_per_pixel,
            "rows": [asdict(row) for row in self.rows],
        }
