"""The picture of labelled stills: top-1 against kilobits, and what is lost against bytes, published points beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.stills.loss import POWER
from isthmus.measure.stills.measurement import KILO, StillCurve, StillMeasurement
from isthmus.measure.stills.published import PUBLISHED

SIZE_INCHES = (13.2, 5.6)
DOTS_PER_INCH = 110
# Okabe and Ito: safe for colour-blind eyes.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")
GREYS = ("#777777", "#9a947d", "#444444", "#b0b0b0")
MARKS = ("^", "v")
MOST_LOST_POINTS = 12.0
BITS_A_BYTE = 8


def draw_stills_png(measurement: StillMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    left, right = (figure.add_subplot(1, 2, place) for place in (1, 2))
    whole = measurement.top1_whole_percent
    left.axhline(whole, color="#c9c4ae", linewidth=1.2, label=f"whole network, {whole:.1f} %")
    for place, curve in enumerate(measurement.curves):
        share = 100 * curve.macs_edge / curve.macs_whole if curve.macs_whole else 0
        label = f"{curve.name}: {share:.0f} % of the MACs on the edge"
        _draw(left, right, curve, measurement.factor, label, COLOURS[place % len(COLOURS)], "-", "o")
    for place, curve in enumerate(measurement.rivals):
        label = f"{curve.name.upper()}, whole network in the cloud"
        _draw(left, right, curve, measurement.factor, label, GREYS[place % len(GREYS)], "--", "s")
    left.set_xlabel("kilobits an image (whole packets and files)")
    left.set_ylabel("top-1, %")
    left.set_title(f"{measurement.images} images of {measurement.data}", loc="left", fontsize=10)
    for mark, published in zip(MARKS, PUBLISHED, strict=True):
        size = [KILO * kilobytes for kilobytes in published.kilobytes]
        label = f"{published.name} (published)"
        right.plot(size, published.lost_points, linestyle=":", color="#56B4E9", marker=mark, markersize=5, label=label)
    right.set_ylim(0, MOST_LOST_POINTS)
    right.set_xlabel("bytes an image")
    right.set_ylabel("points of top-1 lost (ours smoothed)")
    right.set_title("beside published splits: other networks and images", loc="left", fontsize=10)
    for axes, corner in ((left, "lower right"), (right, "upper right")):
        axes.set_xscale("log")
        plain(axes)
        axes.legend(fontsize=8, frameon=False, loc=corner)
    write_figure(figure, path)


def _draw(
    left: Any, right: Any, curve: StillCurve, factor: float, label: str, colour: str, line: str, mark: str
) -> None:
    """A curve on both sides."""
    told = [point.to_json() for point in curve.points]
    drawn = {"color": colour, "linestyle": line, "marker": mark, "markersize": 4}
    left.plot([t["kbit"] for t in told], [t["top1_percent"] for t in told], label=label, **drawn)
    size = [KILO * t["kbit"] / BITS_A_BYTE for t in told]
    right.plot(size, factor * np.array([t["nats"] for t in told]) ** POWER, label=curve.name, **drawn)
