"""How far the distributions that code an image's latents are from its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

WAYS = ("static", "chosen", "synthesized")


def nrmse(coded: Float64, own: Float64) -> Float64:
    """Error of each channel's distribution over the range of the true one, float64 ``[M]``.

    Args:
        coded: float64 ``[M, B]``, what the latents are coded with.
        own: float64 ``[M, B]``, the image's own shares.
    """
    error = np.sqrt(np.square(coded - own).mean(1))
    found: Float64 = error / (own.max(1) - own.min(1))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class DistributionErrors:
    """Of one codec.

    Attributes:
        codec: its name.
        bins: of the distributions.
        of_way: NRMSE by way, float64 ``[images, M]``.
    """

    codec: str
    bins: int
    of_way: dict[str, Float64]

    def of_images(self, way: str) -> Float64:
        """Mean over the channels of each image, ``[images]``."""
        found: Float64 = self.of_way[way].mean(1)
        return found

    def to_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "codec": self.codec,
            "bins": self.bins,
            "nrmse_of_images": {way: self.of_images(way).tolist() for way in self.of_way},
            "nrmse_of_channels_quantiles": {
                way: dict(zip(("5", "50", "95"), np.quantile(values, (0.05, 0.5, 0.95)).tolist(), strict=True))
                for way, values in self.of_way.items()
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class DistributionMeasurement:
    """All of it: the name of the images, and a row a codec."""

    data: str
    rows: tuple[DistributionErrors, ...]

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted: medians over images of the first codec."""
        first = self.rows[0]
        found = {
            f"image.distribution_nrmse_median_{way}": float(np.median(first.of_images(way))) for way in first.of_way
        }
        return found | {"image.distribution_nrmse_median": found["image.distribution_nrmse_median_synthesized"]}
