"""Tables of a video measurement, for the terminal, for documents and for the page."""

from __future__ import annotations

from isthmus.measure.table import Table, number
from isthmus.measure.video.measurement import VideoMeasurement
from isthmus.measure.video.point import FrameKind, lost_points, right_percent, saved_percent


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
    """What the terminal and the page show, in order; those without rows are left out."""
    tables = (
        comparison_table(measurement),
        methods_table(measurement),
        others_table(measurement),
        video_times_table(measurement),
        clips_table(measurement),
    )
    return tuple(table for table in tables if table.rows)
