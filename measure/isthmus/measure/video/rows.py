"""Tables of a video measurement and of the emulated link, for the terminal, for documents and for the page."""

from __future__ import annotations

import numpy as np

from isthmus.measure.curve import pareto_front
from isthmus.measure.table import Table, number, with_rows
from isthmus.measure.video.link import LinkMeasurement
from isthmus.measure.video.measurement import VideoMeasurement
from isthmus.measure.video.point import FrameKind, lost_points, right_percent, saved_percent
from isthmus.measure.video.thresholds import GRID, ThresholdSearch


def methods_table(measurement: VideoMeasurement) -> Table:
    """The swept codec's settings: bits, answers, and what the frames were sent as."""
    intra = measurement.intra
    columns = (
        "way",
        "bits a frame",
        "saved %",
        f"{measurement.score} %",
        "lost, points",
        "as intra %",
        "sure %",
        "NRMSE",
        "key %",
        "motion %",
        "residual %",
    )
    rows = tuple(
        (
            p.name,
            number(p.bits_a_frame, 1),
            number(saved_percent(p, intra).value, 1),
            number(p.right_percent, 2),
            number(lost_points(p, intra).value, 2),
            number(p.same_percent, 2),
            number(p.sure_percent, 2),
            number(p.mean_nrmse, 4),
            *(number(p.share_percent(kind), 1) for kind in FrameKind),
        )
        for p in measurement.points
        if p.codec == measurement.codec
    )
    return Table(f"{measurement.data}: {measurement.codec}, against all intra", columns, rows)


def others_table(measurement: VideoMeasurement) -> Table:
    """Other qualities of the codec, and input codecs with the whole network in the cloud."""
    columns = ("way", "bits a frame", f"{measurement.score} %", "sure %", "NRMSE", "edge ms", "cloud ms")
    rows = tuple(
        (
            f"{p.codec}: {p.name}" if p.codec else p.name,
            number(p.bits_a_frame, 1),
            number(p.right_percent, 2),
            number(p.sure_percent, 2),
            number(p.mean_nrmse, 4),
            number(p.times.mean, 2),
            number(p.times.cloud, 2),
        )
        for p in measurement.points
        if p.codec != measurement.codec
    )
    return Table(f"{measurement.data}: other qualities, and input codecs decoded in the cloud", columns, rows)


def video_times_table(measurement: VideoMeasurement) -> Table:
    """Times and operations of the swept codec."""
    columns = ("way", "key ms", "motion ms", "residual ms", "mean ms", "predicted / key", "edge MMAC", "cloud ms")
    rows = tuple(
        (
            p.name,
            *(number(ms, 2) for ms in (p.times.key, p.times.motion, p.times.residual, p.times.mean)),
            number(p.times.predicted / p.times.key, 3),
            number(p.edge_macs / 1e6, 2),
            number(p.times.cloud, 2),
        )
        for p in measurement.points
        if p.codec == measurement.codec
    )
    return Table(f"{measurement.data}: milliseconds a frame on the edge, median, one core", columns, rows)


def comparison_table(measurement: VideoMeasurement) -> Table:
    """The default setting against all intra, with intervals, and at equal answers against every curve."""
    default, intra = measurement.default, measurement.intra
    columns = (f"{default.name}, against", "bits saved %", "95 % of clip draws", f"{measurement.score}, points")
    saved, lost = saved_percent(default, intra), lost_points(default, intra)
    right = right_percent(default)
    rows = [
        (
            f"all intra ({number(right.value, 2)} % right: {number(right.low, 2)} to {number(right.high, 2)})",
            number(saved.value, 2),
            f"{number(saved.low, 2)} to {number(saved.high, 2)}",
            number(0.0 - lost.value, 2, signed=True),
        )
    ]
    for family in measurement.families:
        bits = measurement.bits_for(family, default.right_percent)
        rows.append((f"{family}, equally right", number(100 * (1 - default.bits_a_frame / bits), 1), "–", "0"))
    return Table(f"{measurement.data}: what the default setting saves", columns, tuple(rows))


def clips_table(measurement: VideoMeasurement, most: int = 30) -> Table:
    """Each clip under the default setting; nothing where there are more than `most`."""
    columns = ("clip", "frames", "bits a frame", "saved %", f"{measurement.score} %", "NRMSE", "key", "residual")
    if len(measurement.clip_names) > most:
        return Table("Each clip", columns, ())
    p, intra = measurement.default, measurement.intra
    rows = tuple(
        (
            name,
            number(p.frame_counts[i], 0),
            number(p.bits[i] / p.frame_counts[i], 1),
            number(100 * (1 - p.bits[i] / intra.bits[i]), 1),
            number(100 * p.right[i] / p.frame_counts[i], 1),
            number(p.nrmse[i], 4),
            number(p.keys[i], 0),
            number(p.corrected[i], 0),
        )
        for i, name in enumerate(measurement.clip_names)
    )
    return Table(f"{measurement.data}: each clip, default setting", columns, rows)


def video_tables(measurement: VideoMeasurement) -> tuple[Table, ...]:
    """What the terminal and the page show, in order."""
    return with_rows(
        comparison_table(measurement),
        methods_table(measurement),
        others_table(measurement),
        video_times_table(measurement),
        clips_table(measurement),
    )


def thresholds_table(search: ThresholdSearch) -> Table:
    """Of all settings that were tried, those that none beats in bits and agreement, and which was chosen."""
    columns = (
        *(name.replace("_", " ") for name in GRID),
        "bits a frame",
        "agreement %",
        "lost, points",
        "network ran %",
        "edge ms",
    )
    curve = np.array([(t.bits_a_frame, t.agreement_percent) for t in search.trials])
    front = {tuple(point) for point in pareto_front(curve)}
    shown = [t for t in search.trials if t is search.chosen or (t.bits_a_frame, t.agreement_percent) in front]
    rows = tuple(
        (
            *(f"{t.values[name]:g}" if t.values else "all intra" if name == first else "–" for name in GRID),
            number(t.bits_a_frame, 1),
            number(t.agreement_percent, 2),
            number(search.lost_points(t), 2) + (" *" if t is search.chosen else ""),
            number(t.network_percent, 1),
            number(t.edge_ms, 2),
        )
        for first in (next(iter(GRID)),)
        for t in (search.intra, *sorted(shown, key=lambda t: t.bits_a_frame))
    )
    return Table(f"{search.data}: {len(search.trials)} settings of {search.codec}, the front; * chosen", columns, rows)


def link_table(measurement: LinkMeasurement) -> Table:
    """Latency and answers a second, a row a bandwidth; the soonest is marked."""
    options = measurement.options
    columns = ("Mbit/s", *measurement.ways)
    rows = []
    for bandwidth in options.bandwidths_mbit_per_s:
        found = [measurement.row(way, bandwidth) for way in measurement.ways]
        latencies = [r.outcome.latency_p50_ms if r else np.inf for r in found]
        cells = [
            "–"
            if r is None
            else f"{number(r.outcome.latency_p50_ms, 0)} ms, {number(r.outcome.answered_fps, 1)}/s"
            + (" *" if r.outcome.latency_p50_ms == min(latencies) else "")
            for r in found
        ]
        rows.append((f"{bandwidth:g}", *cells))
    title = (
        f"{measurement.data}: median latency and answers a second; {options.delay_ms:g} ms each way, the edge "
        f"{options.slow_down:g} times slower than this machine, {options.fps:g} frames a second, * the soonest"
    )
    return Table(title, columns, tuple(rows))


def link_ways_table(measurement: LinkMeasurement) -> Table:
    """What each way is."""
    first = measurement.options.bandwidths_mbit_per_s[0]
    rows = tuple(
        (r.way, r.setting, number(r.right_percent, 2)) for r in measurement.rows if r.bandwidth_mbit_per_s == first
    )
    return Table("The ways", ("way", "setting", "right %"), rows)


def link_tables(measurement: LinkMeasurement) -> tuple[Table, ...]:
    """What the page of the emulated link shows, in order."""
    return link_table(measurement), link_ways_table(measurement)
