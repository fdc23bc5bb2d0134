"""The picture of a plan: latency of a frame by bandwidth, a line each for the best cuts and for no cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.split.plots import COLOURS, DOTS_PER_INCH, SIZE_INCHES
from isthmus.split.plan import Plan
from isthmus.split.plan_table import ways_told
from isthmus.split.ways import KILO, Link

BANDWIDTHS = np.geomspace(0.03, 30, 121)
WITHOUT = {"edge only": "-.", "cloud only (JPEG)": "--", "cloud only (AVIF)": ":"}
GREY = "#555555"


def draw_latency_png(plan: Plan, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    axes = figure.add_subplot()
    ways = ways_told(plan)
    delay_ms = plan.options.delay_ms
    curves = {way.name: [way.latency_ms(Link(float(b), delay_ms)) for b in BANDWIDTHS] for way in ways}
    cuts = [way for way in ways if way.name not in WITHOUT]
    for way in ways:
        is_cut = way.name not in WITHOUT
        size = f", {way.bits / KILO:,.1f} kbit" if way.bits else ""
        axes.plot(
            BANDWIDTHS,
            curves[way.name],
            color=COLOURS[cuts.index(way) % len(COLOURS)] if is_cut else GREY,
            linestyle="-" if is_cut else WITHOUT[way.name],
            linewidth=1.6,
            label=f"{way.name}{size}",
        )
    if curves:
        axes.fill_between(BANDWIDTHS, 0, np.min(list(curves.values()), axis=0), color="#f2efe6", zorder=0)
    axes.axvline(plan.options.bandwidth_mbit_per_s, color="#bbbbbb", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(BANDWIDTHS[0], BANDWIDTHS[-1])
    marks = (0.03, 0.1, 0.3, 1, 3, 10, 30)
    axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    low, high = axes.get_ylim()
    heights = [m * 10**k for k in range(-3, 7) for m in (1, 2, 5) if low <= m * 10**k <= high]
    axes.set_yticks(heights, [f"{h:g}" for h in heights])
    axes.minorticks_off()
    axes.set_xlabel("Mbit/s")
    axes.set_ylabel("ms from frame to answer")
    axes.set_title(
        f"{plan.network}, {delay_ms:g} ms each way; answers as near to the whole network's on every way",
        loc="left",
        fontsize=10,
    )
    plain(axes)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    write_figure(figure, path)
