"""The picture of rebuilt distributions: a histogram of their errors over images, a colour a way, a row a codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.measure.distributions.measurement import WAYS, DistributionMeasurement
from isthmus.measure.plot import new_figure, plain, write_figure

ROW_INCHES = (7.6, 3.2)
DOTS_PER_INCH = 110
COLUMNS = 24
# Okabe and Ito: safe for colour-blind eyes.
COLOURS = {"static": "#777777", "chosen": "#0072B2", "synthesized": "#D55E00"}


def draw_distributions_png(measurement: DistributionMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    count = len(measurement.rows)
    figure = new_figure((ROW_INCHES[0], ROW_INCHES[1] * count), DOTS_PER_INCH)
    for place, row in enumerate(measurement.rows):
        axes = figure.add_subplot(count, 1, place + 1)
        edges = np.linspace(0, max(row.of_images(way).max() for way in WAYS) * 1.02, COLUMNS + 1)
        for way in WAYS:
            median = float(np.median(row.of_images(way)))
            style = {"bins": edges, "color": COLOURS[way], "alpha": 0.55, "label": f"{way}, median {median:.4f}"}
            axes.hist(row.of_images(way), **style)
            axes.axvline(median, color=COLOURS[way], linewidth=1.2)
        axes.set_title(
            f"{row.codec}, {len(row.of_images(WAYS[0]))} images of {measurement.data}", loc="left", fontsize=10
        )
        axes.set_xlabel("error of an image's distributions (NRMSE, mean over channels)")
        axes.set_ylabel("images")
        plain(axes)
        axes.legend(fontsize=8, frameon=False)
    write_figure(figure, path)
