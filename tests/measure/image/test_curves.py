"""Deltas of image curves: over which qualities they are, and how many points they rest on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

from isthmus.common.results import read_results
from isthmus.measure.curve import BdPoints, Curve, bd_rate
from isthmus.measure.image.curves import ImageComparison, ImageCurve, compare
from isthmus.measure.image.measurement import KINDS, ImageMeasurement
from isthmus.measure.image.point import STATIC

IMAGES = 4
SPREAD = np.linspace(0.8, 1.2, IMAGES)
BASE_BITS = np.array([0.20, 0.32, 0.49, 0.72, 1.14, 1.48, 1.87])  # image-light's on Kodak
BASE_PSNR = np.array([27.5, 29.0, 30.6, 32.3, 34.4, 36.1, 37.5])


def curve(name: str, qualities: tuple[int, ...], scale: np.ndarray | float = 1.0) -> ImageCurve:
    """Points of the base at these qualities, its bits times `scale`."""
    at = np.array(qualities) - 1
    bits = BASE_BITS[at] * scale
    return ImageCurve(name, bits[:, None] * SPREAD, BASE_PSNR[at][:, None] + np.linspace(1, -1, IMAGES), qualities)


BASE = curve("base", (1, 2, 3, 4, 5, 6, 7))


def test_two_points_against_seven_are_two_against_two() -> None:
    """What saves 6 percent at both of its qualities saves 6 percent, whatever runs between the base's seven."""
    way = curve("way", (3, 4), 0.94)
    found = compare(way, BASE)
    assert found.bd_rate_percent == pytest.approx(-6)
    assert (found.low_percent, found.high_percent) == pytest.approx((-6, -6))
    assert found.points == BdPoints(2, 2, 2, 7)
    assert found.points.are_few
    assert found.qualities == (3, 4)
    # The fault that this is for: a straight line through two points against a cubic through seven.
    assert bd_rate(BASE.points, way.points) < -6.2
    # Two that save 6.13 and 6.29 save something in between, and just their mean on the log scale.
    mean = 100 * (math.sqrt(0.9387 * 0.9371) - 1)
    assert compare(curve("way", (3, 4), np.array([0.9387, 0.9371])), BASE).bd_rate_percent == pytest.approx(mean)


def test_both_sides_are_restricted_and_say_so() -> None:
    found = compare(curve("way", (1, 2, 4, 5), 0.9), curve("other", (2, 3, 4, 5, 6)))
    assert found.qualities == (2, 4, 5)
    assert found.points == BdPoints(3, 4, 3, 5)
    assert found.bd_rate_percent == pytest.approx(-10)
    whole = compare(curve("way", BASE.qualities, 0.9), BASE)
    assert (whole.points, whole.points.are_few) == (BdPoints(7, 7, 7, 7), False)


def test_families_that_share_no_quality_have_no_delta() -> None:
    found = compare(curve("way", (1, 2)), curve("other", (3, 4, 5)))
    assert math.isnan(found.bd_rate_percent)
    assert math.isnan(found.bd_psnr_db)
    assert (found.qualities, found.points) == ((), BdPoints(0, 2, 0, 3))
    assert ImageComparison.from_json({**found.to_json(), "bd_rate_percent": None}).points == found.points


def test_files_have_settings_and_not_qualities() -> None:
    """Against files and quoted curves every point counts, and the comparison says how they were made."""
    way = curve("way", (3, 4, 5, 6))
    files = ImageCurve("jpeg", 2 * BASE.bits_per_pixel, BASE.psnr_db)
    found = compare(way, files, "4:2:0, quality 4 to 92")
    assert (found.qualities, found.settings) == ((3, 4, 5, 6), "4:2:0, quality 4 to 92")
    assert found.points == BdPoints(4, 4, 4, 7)
    assert found.bd_rate_percent == pytest.approx(-50, abs=0.1)
    quoted = compare(way, Curve("vtm", BASE.points[::3]), "VTM")
    assert quoted.points == BdPoints(4, 4, 1, 3)
    assert quoted.points.are_few


@pytest.mark.parametrize("name", ["image_kodak", "image_davis", "image_scikit_image"])
def test_recorded_deltas_of_ways_lie_within_what_they_save_at_each_quality(name: str) -> None:
    """A way has its base's PSNR at each quality, so its BD-rate is a mean of its changes of rate."""
    path: Path = ROOT / "results" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no results/{name}.json yet")
    measurement = ImageMeasurement.from_detail(read_results(path).detail)
    compared = 0
    for (family, kind), found in measurement.curves.items():
        comparison = measurement.comparison(found.name, family)
        if kind == STATIC or comparison is None:
            continue
        base = measurement.curves[family, STATIC].at(found.qualities)
        changes = 100 * (found.points[:, 0] / base.points[:, 0] - 1)
        assert changes.min() - 0.01 < comparison.bd_rate_percent < changes.max() + 0.01, found.name
        assert comparison.qualities == found.qualities
        compared += 1
    assert compared >= len(KINDS) - 1
