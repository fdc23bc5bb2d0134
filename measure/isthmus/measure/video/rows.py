"""Tables of a video measurement and of the emulated link, for the terminal, for documents and for the page."""

from __future__ import annotations

import numpy as np

from isthmus.measure.table import Table, number, with_rows
from isthmus.measure.video.equal import (
    H264,
    OverCurve,
    at_equal,
    h264_a_clip,
    our_line,
    over_answers,
    over_closeness,
    rival_lines,
)
from isthmus.measure.video.link import LinkMeasurement
from isthmus.measure.video.measurement import VideoMeasurement, nearest
from isthmus.measure.video.point import ALL_INTRA, FrameKind, VideoPoint, lost_points, saved_percent


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
    edge_only = (
        "edge only, the whole network there",
        number(0, 1),
        number(measurement.whole_percent, 2),
        *("–", number(0, 4)),
        number(measurement.whole_ms, 2),
        number(0, 2),
    )
    rows = (*rows, edge_only)
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


def equal_table(measurement: VideoMeasurement) -> Table:
    """What the default setting saves where it and each rival are right equally often, and over whole curves."""
    columns = (
        "default setting, against",
        "points",
        f"at {measurement.score} %",
        "default, bits",
        "its bits",
        "saved %",
        f"BD-rate, {measurement.score} %",
        "BD-rate, NRMSE %",
    )
    rows = []
    for line in rival_lines(measurement):
        equal = at_equal(measurement, (line,))
        rows.append(
            (
                line.name,
                number(len(line.points), 0),
                number(equal.percent, 2),
                number(equal.our_bits, 0),
                number(equal.bits, 0),
                number(equal.saved_percent, 1),
                _over_cell(over_answers(measurement, line)),
                _over_cell(over_closeness(measurement, line)),
            )
        )
    least = (columns[-1], "points", columns[-2])
    return Table(f"{measurement.data}: {measurement.codec}, equally right", columns, tuple(rows), least=least)


def _over_cell(over: OverCurve) -> str:
    """A BD-rate with the points that it rests on, the default's before the rival's."""
    return f"{number(over.percent, 1)} ({over.points.cell})" if np.isfinite(over.percent) else "–"


def comparison_table(measurement: VideoMeasurement) -> Table:
    """The default setting against all intra of the same quality, which is another number of right answers."""
    columns = (
        "same latents",
        "all intra, bits",
        f"{measurement.score} %",
        "default, bits",
        f"{measurement.score} %",
        "saved %",
        "95 % of clip draws",
        "lost, points",
        "95 % of clip draws",
    )
    rows = []
    intras = {p.codec: p for p in measurement.of_family(ALL_INTRA)}
    for default in our_line(measurement).points:
        intra = intras[default.codec]
        saved, lost = saved_percent(default, intra), lost_points(default, intra)
        rows.append(
            (
                default.codec,
                number(intra.bits_a_frame, 0),
                number(intra.right_percent, 2),
                number(default.bits_a_frame, 0),
                number(default.right_percent, 2),
                number(saved.value, 1),
                f"{number(saved.low, 1)} to {number(saved.high, 1)}",
                number(lost.value, 2),
                f"{number(lost.low, 2)} to {number(lost.high, 2)}",
            )
        )
    title = f"{measurement.data}: what prediction alone changes"
    return Table(title, columns, tuple(rows), least=("95 % of clip draws", f"{measurement.score} %"))


def clips_table(measurement: VideoMeasurement, most: int = 30) -> Table:
    """Each clip under the default setting, beside H.264 that is right there as often; nothing for more than `most`."""
    word = f"{measurement.score} %"
    columns = (
        "clip",
        "frames",
        "sure %",
        "bits a frame",
        "saved %",
        word,
        "NRMSE",
        "key",
        "residual",
        "H.264 as often right",
        "bits a frame",
        word,
    )
    if len(measurement.clip_names) > most:
        return Table("Each clip", columns, ())
    p, intra = measurement.default, measurement.intra
    rows = tuple(
        (
            name,
            number(p.frame_counts[i], 0),
            number(100 * p.sure_frames[i] / p.frame_counts[i], 0),
            number(p.bits[i] / p.frame_counts[i], 0),
            number(100 * (1 - p.bits[i] / intra.bits[i]), 1),
            number(100 * p.right[i] / p.frame_counts[i], 1),
            number(p.nrmse[i], 4),
            number(p.keys[i], 0),
            number(p.corrected[i], 0),
            *_h264_cells(h264, p, i),
        )
        for i, (name, h264) in enumerate(zip(measurement.clip_names, h264_a_clip(measurement), strict=True))
    )
    return Table(f"{measurement.data}: each clip, default setting; * H.264 needs fewer bits", columns, rows)


def _h264_cells(found: VideoPoint | None, default: VideoPoint, clip: int) -> tuple[str, str, str]:
    if found is None:
        return "none", "–", "–"
    mark = " *" if found.bits[clip] < default.bits[clip] else ""
    frames = found.frame_counts[clip]
    return (
        found.name.removeprefix(H264).strip(),
        number(found.bits[clip] / frames, 0) + mark,
        number(100 * found.right[clip] / frames, 1),
    )


def videos_table(measurement: VideoMeasurement) -> Table:
    """Video files alone: the default setting, all intra, and of each input codec the cheapest as often right."""
    columns = ("way", "bits a frame", f"{measurement.score} %", "NRMSE", "as often right")
    names = [name for name in measurement.videos if name in measurement.clip_names]
    title = f"{measurement.data}: {', '.join(names) or 'no video files'}"
    if not names:
        return Table(title, columns, ())
    part = measurement.only(names)
    ours = [*our_line(part).points, *part.of_family(ALL_INTRA)]
    inputs = [nearest(part.of_family(family), part.default.right_percent) for family in part.families]
    rows = tuple(
        (
            f"{p.codec}: {p.name}" if p.codec else p.name,
            number(p.bits_a_frame, 0),
            number(p.right_percent, 2),
            number(p.mean_nrmse, 4),
            "yes" if p.right_percent >= part.default.right_percent else "no",
        )
        for p in (*ours, *(p for p in inputs if p is not None and not p.codec))
    )
    return Table(title, columns, rows)


def video_tables(measurement: VideoMeasurement) -> tuple[Table, ...]:
    """What the terminal and the page show, in order."""
    return with_rows(
        equal_table(measurement),
        comparison_table(measurement),
        videos_table(measurement),
        methods_table(measurement),
        others_table(measurement),
        video_times_table(measurement),
        clips_table(measurement),
    )


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
