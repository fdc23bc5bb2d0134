"""The picture of a sweep over points: accuracy against bits for each number of points, the front, published curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.measure.curve import pareto_front
from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.point_sweep.measurement import PointSweepMeasurement, tested

PANEL_INCHES = (6.6, 5.2)
DOTS_PER_INCH = 110
LOWEST_PERCENT = 20.0
BITS_MARKED = (5, 10, 20, 40, 80, 160, 320, 640, 1280)


def draw_point_sweep_png(measurement: PointSweepMeasurement, path: Path) -> None:
    """Write the picture, a panel a configuration. Needs matplotlib (extra `measure`)."""
    configs = measurement.configs
    figure = new_figure((PANEL_INCHES[0] * len(configs), PANEL_INCHES[1]), DOTS_PER_INCH)
    from matplotlib import colormaps
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    for place, config in enumerate(configs):
        axes = figure.add_subplot(1, len(configs), place + 1)
        counts = measurement.point_counts(config)
        colours = colormaps["viridis"]([0.9 * i / max(1, len(counts) - 1) for i in range(len(counts))])
        published = [c.points for name, c in measurement.published.items() if name.startswith(f"thesis-{config}-")]
        if published:
            theirs = pareto_front(np.concatenate(published))
            label = "front over P, published (ModelNet40)"
            axes.plot(*theirs.T, color="#e6b8a2", linewidth=3, label=label, zorder=1)
        for count, colour in zip(counts, colours, strict=True):
            rows = sorted(measurement.curve(config, count), key=lambda row: row.coded_bits)
            axes.plot(
                [row.coded_bits for row in rows],
                [row.top1_percent for row in rows],
                color=colour,
                marker="o",
                markersize=3,
                linewidth=0.8,
                label=f"P = {count:,}",
            )
        for spread in measurement.spreads:
            if spread.config == config:
                axes.errorbar(
                    spread.coded_bits,
                    spread.top1_percent,
                    xerr=spread.coded_bits_deviation,
                    yerr=spread.top1_deviation,
                    color="#999999",
                    linewidth=0.8,
                    zorder=0,
                )
        front = measurement.front(config)
        axes.plot(*tested(front).T, color="#D55E00", linewidth=1.8, label="front over P, by validation")
        axes.plot(
            [p.coded_bits for p in front],
            [p.top1_percent for p in front],
            color="#D55E00",
            marker="D",
            markersize=4,
            linestyle="",
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(BITS_MARKED))
        axes.set_ylim(LOWEST_PERCENT, 100)
        axes.set_xlabel("bits a cloud (coded payload, one cloud a packet)")
        axes.set_ylabel("top-1, %")
        axes.set_title(f"{config}, {measurement.data}; grey: three seeds, ± deviation", loc="left", fontsize=10)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        plain(axes)
    lines, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    write_figure(figure, path)
