"""The picture of a sweep of lambda_q: gap closed and bits of side information against the weight."""

from __future__ import annotations

from pathlib import Path

from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.side_weight.measurement import SideWeightMeasurement

SIZE_INCHES = (7.6, 4.2)
DOTS_PER_INCH = 110
THESIS_WEIGHT = 1 / 6


def draw_side_weight_png(measurement: SideWeightMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    axes = figure.add_subplot()
    weights = [row.weight for row in measurement.rows]
    axes.plot(weights, [row.gap_closed_percent for row in measurement.rows], marker="o", color="#D55E00")
    axes.set_ylabel("gap closed, %", color="#D55E00")
    axes.axvline(THESIS_WEIGHT, color="#c9c4ae", linewidth=1.2, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlabel("weight of side information in the loss; dotted: the thesis's 1/6")
    axes.set_title(f"{measurement.codec}, {measurement.way}, {measurement.data}", loc="left", fontsize=10)
    plain(axes)
    side = axes.twinx()
    side.plot(weights, [row.side_bits for row in measurement.rows], marker="s", markersize=4, color="#0072B2")
    side.set_ylabel("bits of q, an image", color="#0072B2")
    side.spines["top"].set_visible(False)
    write_figure(figure, path)
