"""The picture of complexity: ratios beside the published claim, and where the time goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.measure.complexity.measurement import QUANTITIES, ComplexityMeasurement
from isthmus.measure.complexity.sides import ANALYSIS, HISTOGRAM, HYPERPRIOR, SYNTHESIS, TABLES
from isthmus.measure.plot import new_figure, plain, write_figure

SIZE_INCHES = (11.6, 4.6)
DOTS_PER_INCH = 110
CLAIM = (25, 130)
"""How many times less the thesis's networks are said to cost than comparable methods."""
COLOURS = {"macs": "#0072B2", "instructions": "#009E73", "time": "#D55E00"}
PART_COLOURS = {HISTOGRAM: "#CC79A7", ANALYSIS: "#56B4E9", SYNTHESIS: "#0072B2", TABLES: "#999999"}


def draw_complexity_png(measurement: ComplexityMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    ratios, times = figure.subplots(1, 2, width_ratios=(1, 1))
    _ratios(ratios, measurement)
    _times(times, measurement)
    write_figure(figure, path)


def _ratios(axes: Any, measurement: ComplexityMeasurement) -> None:
    """Hyperprior over thesis, three bars a contest."""
    quantities = [q for q in QUANTITIES if measurement.comparisons[0].ratio(q) == measurement.comparisons[0].ratio(q)]
    width = 0.8 / len(quantities)
    for k, quantity in enumerate(quantities):
        places = [i + (k - (len(quantities) - 1) / 2) * width for i in range(len(measurement.comparisons))]
        values = [comparison.ratio(quantity) for comparison in measurement.comparisons]
        bars = axes.bar(places, values, width, color=COLOURS[quantity], label=quantity.replace("macs", "MACs"))
        axes.bar_label(bars, [f"{value:.1f}" for value in values], fontsize=7)
    axes.axhspan(*CLAIM, color="#eee8cc", zorder=0, label="published claim, MACs")
    axes.axhline(1, color="#777777", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xticks(
        range(len(measurement.comparisons)), [c.title.replace(", ", ",\n") for c in measurement.comparisons]
    )
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title("A hyperprior's cost over that of the thesis's networks", loc="left", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    plain(axes)


def _times(axes: Any, measurement: ComplexityMeasurement) -> None:
    """Time of each side, part on part, over that of the contest's hyperprior."""
    sides = [(c, side) for c in measurement.comparisons for side in c.sides]
    for place, (comparison, side) in enumerate(sides):
        share = 100 / comparison.total("time", HYPERPRIOR)
        left = 0.0
        for name, colour in PART_COLOURS.items():
            took = comparison.total("time", side, (name,)) * share
            axes.barh(place, took, left=left, color=colour)
            left += took
        axes.text(left, place, f" {left / share:.1f} ms", va="center", fontsize=7)
    for name, colour in PART_COLOURS.items():
        axes.barh(0, 0, color=colour, label=name.replace("_", " "))
    axes.axvline(100, color="#777777", linewidth=0.8)
    axes.set_yticks(range(len(sides)), [f"{c.title}: {side}" for c, side in sides], fontsize=8)
    axes.invert_yaxis()
    size = f"{measurement.width} x {measurement.height}"
    axes.set_xlabel(f"time of an image of {size}, one thread, % of the hyperprior's")
    axes.legend(fontsize=8, frameon=False)
    plain(axes)
