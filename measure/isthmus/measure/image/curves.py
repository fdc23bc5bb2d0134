"""Rate against PSNR: curves of per-image points, deltas between them with an interval, and published curves.

A curve's rate and quality are means over the images, as the field has them. The interval of a delta says what another
draw of images of this kind might have given: images are drawn with replacement, the same ones for both curves, and the
delta of the means is taken again (percentile bootstrap, seeded).

Curves of our own codecs are compared over the qualities that both have: two measured points against a cubic through
seven would compare the cubic. Every comparison says over which qualities it is and how many points it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.curve import (
    BdPoints,
    Curve,
    Float64,
    bd_accuracy,
    bd_points,
    bd_rate,
    or_unknown,
    read_published,
)
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
# Who published them, with the settings that are told there (CompressAI, results/image/kodak and utils/bench/codecs.py).
PUBLISHED_SETTINGS: Mapping[str, str] = {
    "published_factorized": "CompressAI's results: bmshj2018-factorized trained for MSE, real bits",
    "published_hyperprior": "CompressAI's results: bmshj2018-hyperprior trained for MSE, real bits",
    "published_av1": "CompressAI's results: aomenc, cpu-used 0, two passes, 4:4:4, tuned to PSNR, cq-level swept",
    "published_vtm": "CompressAI's results: VTM of a version not told, 4:4:4, QP swept",
    PUBLISHED_ADAPTIVE: "the thesis: adapted bmshj2018-factorized, real bits",
}


@dataclass(frozen=True, slots=True, eq=False)
class ImageCurve:
    """Points of one codec at several rates, each of the same images.

    Attributes:
        name: what it is called.
        bits_per_pixel, psnr_db: float64 [points, images].
        qualities: of a family of ours, one a point; none for image files, whose settings are not ours.
    """

    name: str
    bits_per_pixel: Float64
    psnr_db: Float64
    qualities: tuple[int, ...] = ()

    @property
    def points(self) -> Float64:
        """Means over the images, float64 [points, 2] of (bits a pixel, PSNR in dB)."""
        return np.stack([self.bits_per_pixel.mean(1), self.psnr_db.mean(1)], axis=1)

    def at(self, qualities: Sequence[int]) -> ImageCurve:
        """Its points at those of these qualities that it has."""
        kept = [place for place, quality in enumerate(self.qualities) if quality in qualities]
        found = tuple(self.qualities[place] for place in kept)
        return ImageCurve(self.name, self.bits_per_pixel[kept], self.psnr_db[kept], found)


@dataclass(frozen=True, slots=True)
class ImageComparison:
    """A curve against an anchor; nan where the two share no PSNR.

    Attributes:
        test, anchor: names of the curves.
        bd_rate_percent: mean change of rate at equal PSNR.
        low_percent, high_percent: its interval over images; nan for a published anchor.
        bd_psnr_db: mean change of PSNR at equal rate.
        qualities: those of the test that are compared; of a family of ours against another, those that both have.
        points: that the BD-rate rests on, of all that were measured.
        settings: how the anchor was coded, or who published it; empty for codecs of ours.
    """

    test: str
    anchor: str
    bd_rate_percent: float
    low_percent: float
    high_percent: float
    bd_psnr_db: float
    qualities: tuple[int, ...]
    points: BdPoints
    settings: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ImageComparison:
        """Back from a results file, where an unknown number is null."""
        known: dict[str, Any] = {name: UNKNOWN if value is None else value for name, value in document.items()}
        known |= {"qualities": tuple(document["qualities"]), "points": BdPoints(**document["points"])}
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
        name,
        np.stack([bits / pixel_counts for _, bits in found]),
        np.stack([p.psnr_db for p, _ in found]),
        tuple(p.quality for p, _ in found),
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


def compare(
    test: ImageCurve, anchor: ImageCurve | Curve, settings: str = "", resamples: int = RESAMPLES
) -> ImageComparison:
    """Deltas of `test` against `anchor`, with an interval where the anchor's images are these.

    `settings` says how the anchor was made, where it is not ours.
    """
    measured = {"test_of": len(test.points), "anchor_of": len(anchor.points)}
    if isinstance(anchor, ImageCurve) and anchor.qualities:
        test, anchor = test.at(anchor.qualities), anchor.at(test.qualities)
        if not test.qualities:
            none = BdPoints(test=0, anchor=0, **measured)
            return ImageComparison(test.name, anchor.name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, (), none, settings)
    delta = or_unknown(bd_rate, anchor.points, test.points)
    low = high = UNKNOWN
    if isinstance(anchor, ImageCurve) and np.isfinite(delta) and resamples:
        low, high = bootstrap_interval(test, anchor, resamples)
    psnr = or_unknown(bd_accuracy, anchor.points, test.points)
    points = replace(bd_points(anchor.points, test.points), **measured)
    return ImageComparison(test.name, anchor.name, delta, low, high, psnr, test.qualities, points, settings)


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
