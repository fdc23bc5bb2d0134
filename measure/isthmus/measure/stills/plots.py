"""The picture of labelled stills: kilobits an image on a log axis, top-1 up, a curve for each codec and format."""

from __future__ import annotations

from pathlib import Path

from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.stills.measurement import StillCurve, StillMeasurement

SIZE_INCHES = (8.8, 5.6)
DOTS_PER_INCH = 120
# Okabe and Ito: safe for colour-blind eyes.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")
GREYS = ("#777777", "#9a947d", "#444444", "#b0b0b0")


def draw_stills_png(measurement: StillMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    axes = figure.add_subplot()
    whole = measurement.top1_whole_percent
    axes.axhline(whole, color="#c9c4ae", linewidth=1.2, label=f"whole network, {whole:.1f} %")
    for place, curve in enumerate(measurement.curves):
        share = 100 * curve.macs_edge / curve.macs_whole if curve.macs_whole else 0
        label = f"{curve.name}: {share:.0f} % of the MACs on the edge"
        axes.plot(*_line(curve), marker="o", markersize=4, color=COLOURS[place % len(COLOURS)], label=label)
    for place, curve in enumerate(measurement.rivals):
        label = f"{curve.name.upper()}, whole network in the cloud"
        colour = GREYS[place % len(GREYS)]
        axes.plot(*_line(curve), linestyle="--", marker="s", markersize=3, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_xlabel("kilobits an image (whole packets and files)")
    axes.set_ylabel("top-1, %")
    axes.set_title(f"{measurement.images} images of {measurement.data}", loc="left", fontsize=10)
    plain(axes)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    write_figure(figure, path)


def _line(curve: StillCurve) -> tuple[list[float], list[float]]:
    told = [point.to_json() for point in curve.points]
    return [t["kbit"] for t in told], [t["top1_percent"] for t in told]
