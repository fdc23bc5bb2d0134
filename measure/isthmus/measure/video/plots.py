"""The pictures of a video measurement: bits a frame against accuracy or agreement; over a link, latency."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.video.link import (
    CLOUD_H264,
    CLOUD_H264_SPARE,
    CLOUD_JPEG,
    EDGE_ONLY,
    SPLIT,
    SPLIT_INTRA,
    LinkMeasurement,
)
from isthmus.measure.video.measurement import LABELS, VideoMeasurement
from isthmus.measure.video.point import ALL_INTRA, MOTION, MOTION_RESIDUAL, FrameKind, VideoPoint

SIZE_INCHES = (12.4, 6.2)
LINK_SIZE_INCHES = (8.6, 5.2)
DOTS_PER_INCH = 120
# Okabe and Ito: safe for colour-blind eyes. A colour a family of ours, grey for input codecs.
STYLES = {
    ALL_INTRA: ("#0072B2", "-", "s"),
    MOTION: ("#009E73", "--", "^"),
    MOTION_RESIDUAL: ("#D55E00", "-", "o"),
}
INPUT_STYLES = {
    "H.264 veryfast": ("#777777", "-", "v"),
    "H.264 medium": ("#222222", "-", "D"),
    "H.264 medium, one I frame": ("#222222", ":", "P"),
    "H.265 medium": ("#5b4a8a", "-.", "<"),
    "AV1 preset 4": ("#8a5a3c", "-.", ">"),
    "JPEG": ("#9a9a9a", "--", "s"),
}
OTHER_STYLE = ("#CC79A7", "-", "x")
LINK_COLOURS = {
    SPLIT: "#D55E00",
    SPLIT_INTRA: "#0072B2",
    EDGE_ONLY: "#009E73",
    CLOUD_H264: "#222222",
    CLOUD_H264_SPARE: "#CC79A7",
    CLOUD_JPEG: "#9a9a9a",
}


@dataclass(frozen=True, slots=True, eq=False)
class VideoLine:
    """One curve as it is drawn."""

    label: str
    points: tuple[VideoPoint, ...]
    colour: str
    dash: str
    marker: str


def video_lines(measurement: VideoMeasurement) -> list[VideoLine]:
    """Input codecs, then ours: all intra over the qualities, and the settings of the swept codec."""
    lines = []
    for family in measurement.families:
        points = measurement.of_family(family)
        if family in STYLES and family != ALL_INTRA:
            points = tuple(p for p in points if p.codec == measurement.codec)
        style = STYLES.get(family, INPUT_STYLES.get(family, OTHER_STYLE))
        lines.append(VideoLine(family, points, *style))
    defaults = [p for p in measurement.of_family(MOTION_RESIDUAL) if p.is_default]
    if len(defaults) > 1:
        lines.append(VideoLine(f"{MOTION_RESIDUAL}, every quality", tuple(defaults), "#E69F00", ":", "o"))
    return sorted(lines, key=lambda line: line.label in STYLES)


def draw_video_png(measurement: VideoMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    from matplotlib.ticker import FuncFormatter

    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    _draw_rates(left, measurement)
    left.xaxis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:,.0f}"))
    _draw_shares(right, measurement)
    for axes in (left, right):
        plain(axes)
    write_figure(figure, path)


def _draw_rates(axes: Any, measurement: VideoMeasurement) -> None:
    for line in video_lines(measurement):
        bits = [p.bits_a_frame for p in line.points]
        percent = [p.right_percent for p in line.points]
        axes.plot(
            bits,
            percent,
            color=line.colour,
            linestyle=line.dash,
            marker=line.marker,
            markersize=5,
            linewidth=1.8,
            label=line.label,
        )
    default = measurement.default
    axes.plot(
        [default.bits_a_frame],
        [default.right_percent],
        marker="*",
        markersize=17,
        color=STYLES[MOTION_RESIDUAL][0],
        markeredgecolor="white",
        linestyle="none",
        label="default setting",
        zorder=5,
    )
    if measurement.truth == LABELS:
        axes.axhline(measurement.whole_percent, color="#888888", linewidth=0.9, linestyle=":")
        axes.annotate(
            "whole network, original frames",
            (1, measurement.whole_percent),
            (-4, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color="#666666",
        )
    axes.set_xscale("log")
    axes.set_xlabel("bits a frame (whole packets)")
    axes.set_ylabel("top-1 accuracy, %" if measurement.truth == LABELS else "top-1 agreement, %")
    clips = f"{len(measurement.clip_names):,} clips, {measurement.frames:,} frames"
    axes.set_title(f"{measurement.data}: {clips}", loc="left", fontsize=11)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _draw_shares(axes: Any, measurement: VideoMeasurement) -> None:
    """What frames were sent as, a setting of the swept codec; a bar a setting."""
    points = [p for p in measurement.points if p.codec == measurement.codec and p.family != ALL_INTRA]
    places = np.arange(len(points))[::-1]
    begin = np.zeros(len(points))
    for kind, colour, label in (
        (FrameKind.KEY, "#0072B2", "key"),
        (FrameKind.RESIDUAL, "#D55E00", "motion + residual"),
        (FrameKind.MOTION, "#9fd9c3", "motion alone"),
    ):
        share = np.array([p.share_percent(kind) for p in points])
        axes.barh(places, share, left=begin, color=colour, label=label, height=0.7)
        begin += share
    names = [p.name for p in points]
    axes.set_yticks(places, names, fontsize=7)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the frames")
    axes.set_title(f"What {measurement.codec} sent frames as", loc="left", fontsize=11)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.09), ncols=3)


def draw_link_png(measurement: LinkMeasurement, path: Path) -> None:
    """Latency against bandwidth. Needs matplotlib (extra `measure`)."""
    figure = new_figure(LINK_SIZE_INCHES, DOTS_PER_INCH)
    from matplotlib.ticker import FuncFormatter

    axes = figure.add_subplot()
    for way in measurement.ways:
        rows = [r for r in measurement.rows if r.way == way]
        axes.plot(
            [r.bandwidth_mbit_per_s for r in rows],
            [r.outcome.latency_p50_ms for r in rows],
            label=f"{way} ({rows[0].setting}, {rows[0].right_percent:.1f} % right)",
            color=LINK_COLOURS.get(way, "#CC79A7"),
            marker="o",
            markersize=4,
            linewidth=2.2 if way == SPLIT else 1.5,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_tick_params(which="minor", labelsize=7)
    axes.set_xlabel("bandwidth, Mbit/s")
    axes.set_ylabel("median latency, ms")
    axes.set_title(f"{measurement.data}, edge {measurement.options.slow_down:g} times slower", loc="left", fontsize=11)
    axes.legend(fontsize=8, frameon=False)
    plain(axes)
    write_figure(figure, path)
