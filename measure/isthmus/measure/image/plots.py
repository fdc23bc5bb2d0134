"""The picture of an image measurement: rate against PSNR beside baselines, and what adapting the tables saves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.measure.curve import Float64
from isthmus.measure.image.measurement import ImageMeasurement
from isthmus.measure.image.point import CHOSEN, CONTEXT, IDEAL, PLAIN, STATIC, SYNTHESIZED
from isthmus.measure.image.rows import saved_percent
from isthmus.measure.plot import new_figure, plain, write_figure

SIZE_INCHES = (12.4, 6.2)
DOTS_PER_INCH = 120
MAX_BITS_PER_PIXEL = 2.0
# Okabe and Ito: safe for colour-blind eyes. A colour a family of ours, grey for files, pale for what is quoted.
FAMILY_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")
BASELINE_COLOURS = {"jpeg": "#9a9a9a", "webp": "#777777", "jpeg2000": "#555555", "avif": "#222222"}
BASELINE_NAMES = {"jpeg": "JPEG", "webp": "WebP", "jpeg2000": "JPEG 2000", "avif": "AVIF"}
BASELINE_MARKERS = {"jpeg": "s", "webp": "^", "jpeg2000": "v", "avif": "D"}
PUBLISHED_STYLES = {
    "published_factorized": ("bmshj2018-factorized", "#8fc1e3"),
    "published_adaptive": ("thesis, adaptive", "#b39ddb"),
    "published_hyperprior": ("bmshj2018-hyperprior", "#8fd3b6"),
    "published_av1": ("AV1", "#e3c98f"),
    "published_vtm": ("VVC (VTM)", "#e3a8a8"),
}
KIND_STYLES = {
    CONTEXT: ("tables by context", "-", "o", 2.2),
    CHOSEN: ("chosen tables", "-", "s", 1.5),
    SYNTHESIZED: ("synthesized tables", "--", "^", 1.5),
    PLAIN: ("plain parametric code", ":", "x", 1.3),
    IDEAL: ("ideal: true histogram, free", "-", "", 1.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One curve as it is drawn, in matplotlib's words."""

    label: str
    points: Float64
    colour: str
    dash: str
    marker: str
    width: float


def rate_lines(measurement: ImageMeasurement) -> list[Line]:
    """All curves of rate against PSNR, in drawing order."""
    lines = [
        Line(f"{label}, as published", measurement.published[name].points, colour, "-", "", 3.0)
        for name, (label, colour) in PUBLISHED_STYLES.items()
        if name in measurement.published
    ]
    for name, curve in measurement.baselines.items():
        marker = BASELINE_MARKERS.get(name, "s")
        lines.append(
            Line(BASELINE_NAMES.get(name, name), curve.points, BASELINE_COLOURS.get(name, "#777777"), "-", marker, 1.2)
        )
    for place, family in enumerate(measurement.families):
        colour = FAMILY_COLOURS[place % len(FAMILY_COLOURS)]
        best = measurement.best_kind(family)
        if best != STATIC:
            lines.append(Line(f"{family}, base", measurement.curves[family, STATIC].points, colour, ":", "", 1.4))
        label = f"{family}, {KIND_STYLES[best][0]}" if best != STATIC else family
        lines.append(Line(label, measurement.curves[family, best].points, colour, "-", "o", 2.2))
    return lines


def draw_image_png(measurement: ImageMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    left, right = figure.subplots(1, 2, width_ratios=(1.55, 1))
    _draw_rates(left, measurement)
    _draw_savings(right, measurement)
    for axes in (left, right):
        plain(axes)
    write_figure(figure, path)


def _draw_rates(axes: Any, measurement: ImageMeasurement) -> None:
    lines = rate_lines(measurement)
    for line in lines:
        axes.plot(
            line.points[:, 0],
            line.points[:, 1],
            color=line.colour,
            linestyle=line.dash,
            marker=line.marker,
            markersize=4,
            linewidth=line.width,
            label=line.label,
        )
    ours = [measurement.curves[f, STATIC].points for f in measurement.families] or [line.points for line in lines]
    most = min(MAX_BITS_PER_PIXEL, 1.12 * max(float(points[:, 0].max()) for points in ours))
    seen = [psnr for line in lines for bits, psnr in line.points.tolist() if bits <= most] or [30.0]
    axes.set_xlim(0, most)
    axes.set_ylim(max(min(seen), 22) - 0.5, max(seen) + 0.5)
    axes.set_xlabel("bits a pixel (whole packet, whole file)")
    axes.set_ylabel("PSNR of RGB, dB")
    axes.set_title(f"{measurement.data}, mean of {len(measurement.images)} images", loc="left", fontsize=11)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _draw_savings(axes: Any, measurement: ImageMeasurement) -> None:
    for place, family in enumerate(measurement.families):
        for kind, (label, dash, marker, width) in KIND_STYLES.items():
            saved = saved_percent(measurement, family, kind)
            if not saved:
                continue
            colour = "#9a947d" if kind == IDEAL else FAMILY_COLOURS[place % len(FAMILY_COLOURS)]
            bits, percent = zip(*saved, strict=True)
            several = len(measurement.families) > 1
            axes.plot(
                bits,
                percent,
                color=colour,
                linestyle=dash,
                marker=marker,
                markersize=4,
                linewidth=width,
                label=f"{family}: {label}" if several else label,
            )
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_xlabel("bits a pixel of the base")
    axes.set_ylabel("bits saved, %, side information counted")
    axes.set_title("What adapting the tables to each image saves", loc="left", fontsize=11)
    axes.legend(fontsize=8, frameon=False)
