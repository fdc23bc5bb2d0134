"""The picture of pooling factors: how far latents move, and how well, against the stride that n and k make."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.measure.motion_factors.measurement import FactorMeasurement
from isthmus.measure.plot import new_figure, plain, write_figure

SIZE_INCHES = (11.0, 4.2)
DOTS_PER_INCH = 110
COLOURS = {2: "#0072B2", 3: "#009E73", 4: "#D55E00"}
DASHES = {"max": "-", "mean": "--"}
PANELS = (("gain", "v' over v / n^k"), ("nrmse", "NRMSE, random affine maps"))


def draw_factors_png(measurement: FactorMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    for axes, (quantity, title) in zip(figure.subplots(1, 2), PANELS, strict=True):
        for pooling, factor in dict.fromkeys(cell[:2] for cell in measurement.cells):
            cells = [cell for cell in measurement.cells if cell[:2] == (pooling, factor)]
            spreads = [measurement.spread(cell, quantity) for cell in cells]
            known = [i for i, spread in enumerate(spreads) if np.isfinite(spread.mean)]
            axes.errorbar(
                [factor ** cells[i][2] for i in known],
                [spreads[i].mean for i in known],
                [spreads[i].deviation for i in known],
                marker="o",
                capsize=3,
                color=COLOURS.get(factor, "#777777"),
                linestyle=DASHES.get(pooling, ":"),
                label=f"{pooling}, {factor} x {factor}",
            )
        axes.set_xscale("log", base=2)
        axes.set_xlabel("stride, n^k")
        axes.set_title(title, loc="left", fontsize=10)
        plain(axes)
    gains, _ = figure.axes
    gains.axhline(1, color="#777777", linewidth=0.8)
    gains.legend(fontsize=8, frameon=False)
    write_figure(figure, path)
