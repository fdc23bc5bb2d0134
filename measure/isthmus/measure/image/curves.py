"""Rate against PSNR: curves of per-image points, deltas between them with an interval, and published curves.

A curve's rate and quality are means over the images, as the field has them. The interval of a delta says what another
draw of images of this kind might have given: images are drawn with replacement, the same ones for both curves, and the
delta of the means is taken again (percentile bootstrap, seeded).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.curve import Curve, Float64, bd_accuracy, bd_rate, or_unknown, read_published
from isthmus.measure.image.baselines import BaselinePoint
from isthmus.measure.image.point import STATIC, ImageCodecPoint

RESAMPLES, BOOTSTRAP_SEED = 1000, 2026
INTERVAL_PERCENT = 95.0
MIN_SHARE = 0.95  # of the resamples that must have a delta
UNKNOWN = float("nan")

# Curves of the csv that are drawn and compared with: name there, name here.
PUBLISHED: Mapping[str, str] = {
    "compressai-bmshj2018-factorized_mse_cpu": "published_factorized",
    "compressai-bmshj2018-hyperprior_mse_cpu": "published_hyperprior",
    "av1": "published_av1",
    "vtm": "published_vtm",
}
PUBLISHED_ADAPTIVE = "published_adaptive"


@dataclass(frozen=True, slots=True, eq=False)
class ImageCurve:
    """Points of one codec at several rates, each of the same images.

    Attributes:
        name: what it is called.
        bits_per_pixel, psnr_db: float64 [points, images].
    """

    name: str
    bits_per_pixel: Float64
    psnr_db: Float64

    @property
    def points(self) -> Float64:
        """Means over the images, float64 [points, 2] of (bits a pixel, PSNR in dB)."""
        return np.stack([self.bits_per_pixel.mean(1), self.psnr_db.mean(1)], axis=1)


@dataclass(frozen=True, slots=True)
class ImageComparison:
    """A curve against an anchor; nan where the two share no quality.

    Attributes:
        bd_rate_percent: mean change of rate at equal PSNR.
        low_percent, high_percent: its interval over images; nan for a published anchor.
        bd_psnr_db: mean change of PSNR at equal rate.
    """

    test: str
    anchor: str
    bd_rate_percent: float
    low_percent: float
    high_percent: float
    bd_psnr_db: float

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ImageComparison:
        """Back from a results file, where an unknown number is null."""
        known: dict[str, Any] = {name: UNKNOWN if value is None else value for name, value in document.items()}
        return cls(**known)


def codec_curve(points: Sequence[ImageCodecPoint], kind: str, pixel_counts: Float64) -> ImageCurve | None:
    """The qualities of one family that have bits of a kind (an adaptation, ideal, plain); None where none has.

    `pixel_counts` is float64 ``[images]``.
    """
    found = [(p, bits) for p in points if (bits := p.bits(kind)) is not None]
    if not found:
        return None
    name = curve_name(found[0][0].family, kind)
    return ImageCurve(
        name, np.stack([bits / pixel_counts for _, bits in found]), np.stack([p.psnr_db for p, _ in found])
    )


def curve_name(family: str, kind: str) -> str:
    """``image-light, chosen``; the base is the family's plain name."""
    return family if kind == STATIC else f"{family}, {kind}"


def baseline_curves(sweeps: Mapping[str, Sequence[BaselinePoint]], pixel_counts: Float64) -> dict[str, ImageCurve]:
    """One curve a baseline; `pixel_counts` is float64 ``[images]``."""
    return {
        name: ImageCurve(name, np.stack([p.bits / pixel_counts for p in points]), np.stack([p.psnr_db for p in points]))
        for name, points in sweeps.items()
        if points
    }


def compare(test: ImageCurve, anchor: ImageCurve | Curve, resamples: int = RESAMPLES) -> ImageComparison:
    """Deltas of `test` against `anchor`, with an interval where the anchor's images are these."""
    delta = or_unknown(bd_rate, anchor.points, test.points)
    low = high = UNKNOWN
    if isinstance(anchor, ImageCurve) and np.isfinite(delta) and resamples:
        low, high = bootstrap_interval(test, anchor, resamples)
    psnr = or_unknown(bd_accuracy, anchor.points, test.points)
    return ImageComparison(test.name, anchor.name, delta, low, high, psnr)


def bootstrap_interval(
    test: ImageCurve, anchor: ImageCurve, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> tuple[float, float]:
    """Interval of the BD-rate over draws of images; nan where too few draws have one.

    Raises:
        InputError: the curves are not of the same images.
    """
    images = test.psnr_db.shape[1]
    if anchor.psnr_db.shape[1] != images:
        raise InputError(f"expected curves of the same images, got {images} and {anchor.psnr_db.shape[1]}")
    counts = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples)
    shares = counts.T / images
    drawn = [(curve.bits_per_pixel @ shares, curve.psnr_db @ shares) for curve in (anchor, test)]
    pairs = ([np.stack([bits[:, k], psnr[:, k]], axis=1) for bits, psnr in drawn] for k in range(resamples))
    deltas = np.array([or_unknown(bd_rate, *pair) for pair in pairs])
    known = deltas[np.isfinite(deltas)]
    if len(known) < MIN_SHARE * resamples:
        return UNKNOWN, UNKNOWN
    tail = (100 - INTERVAL_PERCENT) / 2
    low, high = np.percentile(known, (tail, 100 - tail))
    return float(low), float(high)


def published_curves(rates: Path, adaptive: Path) -> dict[str, Curve]:
    """Quoted means on Kodak, ``[points, 2]`` of (bits a pixel, PSNR in dB), by their names here; those that are there.

    Args:
        rates: csv of ``codec, bits_per_pixel, psnr_rgb_db``.
        adaptive: csv of the thesis's adaptive model, ``adaptive_bpp_bitstream, psnr_db``.

    Raises:
        InputError: a file is there but not as said.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    if rates.is_file():
        found |= read_published(rates, ("codec", "bits_per_pixel", "psnr_rgb_db"), _rate_row)
    if adaptive.is_file():
        found |= read_published(adaptive, ("adaptive_bpp_bitstream", "psnr_db"), _adaptive_row)
    return {name: Curve(name, np.array(sorted(points))) for name, points in sorted(found.items())}


def _rate_row(row: Mapping[str, str]) -> tuple[str, float, float] | None:
    name = PUBLISHED.get(row["codec"])
    return (name, float(row["bits_per_pixel"]), float(row["psnr_rgb_db"])) if name else None


def _adaptive_row(row: Mapping[str, str]) -> tuple[str, float, float]:
    return PUBLISHED_ADAPTIVE, float(row["adaptive_bpp_bitstream"]), float(row["psnr_db"])
