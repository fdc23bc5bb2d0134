"""The picture of the split measure: bits a frame on a log axis, top-1 up, a curve for each cut."""

from __future__ import annotations

from pathlib import Path

from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.split.measurement import SplitMeasurement

SIZE_INCHES = (8.8, 5.6)
DOTS_PER_INCH = 120
# Okabe and Ito: safe for colour-blind eyes.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def draw_split_png(measurement: SplitMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    axes = figure.add_subplot()
    whole = measurement.top1_whole_percent
    axes.axhline(whole, color="#9a947d", linewidth=1.2, label=f"whole network, {whole:.1f} %")
    for place, curve in enumerate(measurement.curves):
        share = 100 * curve.edge_macs / measurement.macs
        axes.plot(
            [p.bits_per_frame for p in curve.points],
            [p.top1_percent for p in curve.points],
            marker="o",
            markersize=4,
            color=COLOURS[place % len(COLOURS)],
            label=f"{curve.tensor}: stride {curve.stride}, {share:.0f} % of the MACs on the edge",
        )
        for p in curve.points:
            axes.annotate(
                str(p.bits),
                (p.bits_per_frame, p.top1_percent),
                xytext=(3, -9),
                textcoords="offset points",
                fontsize=7,
                color="#666666",
            )
    axes.plot(
        [p.bits_per_frame for p in measurement.jpeg],
        [p.top1_percent for p in measurement.jpeg],
        color="#777777",
        linestyle="--",
        marker="s",
        markersize=3,
        label="JPEG, whole network in the cloud",
    )
    axes.set_xscale("log")
    axes.set_xlabel("bits a frame (whole packets; numbers: bits of the quantiser)")
    axes.set_ylabel("top-1, %")
    axes.set_title(
        f"{measurement.model} on {measurement.data}: {measurement.calibration} images calibrate, "
        f"{measurement.tested} others tested",
        loc="left",
        fontsize=10,
    )
    plain(axes)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    write_figure(figure, path)
