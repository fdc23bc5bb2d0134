"""What a run of the video measure leaves behind: results files, pictures and pages."""

from __future__ import annotations

import math
from pathlib import Path

from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.measure.video.equal import H264, equal_summary
from isthmus.measure.video.measurement import VideoMeasurement
from isthmus.measure.video.page import write_link_page, write_video_page
from isthmus.measure.video.plots import draw_link_png, draw_video_png
from isthmus.measure.video.point import BOOTSTRAP_SEED, UNKNOWN
from isthmus.measure.video.run import VideoRun
from isthmus.measure.video.studies import study_of

NATURAL = ".natural"
VERSIONED = ("numpy", "onnxruntime", "grpcio", "protobuf", "pillow", "av", "opencv-python-headless")
CHOSEN = (
    "The encoder's thresholds: on tuning videos and moved training photographs (isthmus measure video-thresholds). On "
    "these clips nothing was chosen but, clip by clip, the setting of H.264 in the table of clips."
)
LINK_CHOSEN = "And, here, the settings of H.264 and JPEG, as the table of the ways says."


def video_summary(measurement: VideoMeasurement, root: str) -> dict[str, float]:
    """All numbers that documents quote of one set of clips."""
    found = measurement.summary(root) | equal_summary(measurement, root)
    study = study_of(measurement.codec).root
    is_natural = root == study + NATURAL
    if is_natural:
        found[f"{study}.edge_time_ratio_predicted_over_intra"] = found[f"{root}.edge_time_ratio"]
    names = [name for name in measurement.videos if name in measurement.clip_names]
    if names and is_natural:
        untuned = f"{study}.untuned"
        part = measurement.only(names)
        h264 = part.nearest(H264, part.default.right_percent)
        found |= {
            f"{untuned}.clips": len(names),
            f"{untuned}.frames": part.frames,
            f"{untuned}.bits_a_frame": part.default.bits_a_frame,
            f"{untuned}.agreement_percent": part.default.right_percent,
            f"{untuned}.intra_bits_a_frame": part.intra.bits_a_frame,
            f"{untuned}.intra_agreement_percent": part.intra.right_percent,
            f"{untuned}.h264_bits_a_frame": h264.bits_a_frame if h264 else UNKNOWN,
            f"{untuned}.h264_agreement_percent": h264.right_percent if h264 else UNKNOWN,
        }
    return {key: float(value) for key, value in found.items() if math.isfinite(value)}


def write_video_outputs(run: VideoRun, command: str, folder: Path, *, page: bool = True) -> tuple[Path, ...]:
    """Write results files, pictures and pages, and gather the summary; answers their paths."""
    written: list[Path] = []
    for named in run.measurements:
        measurement, name, root = named.measurement, named.clips.name, named.clips.root
        provenance = Provenance.of(command, measurement.data, BOOTSTRAP_SEED, VERSIONED, chosen=CHOSEN)
        summary = video_summary(measurement, root)
        written.append(write_results(folder, Results(name, provenance, summary, measurement.detail())))
        written.append(folder / f"{name}.png")
        draw_video_png(measurement, written[-1])
        if page:
            write_video_page(measurement, command, written[-1], folder / f"{name}.html")
            written.append(folder / f"{name}.html")
    for link in run.link:
        last = run.measurements[-1].clips
        name, root = f"{last.name.removesuffix('_natural')}_link", f"{last.root.removesuffix('.natural')}.link"
        provenance = Provenance.of(command, link.data, 0, VERSIONED, chosen=f"{CHOSEN} {LINK_CHOSEN}")
        written.append(write_results(folder, Results(name, provenance, link.summary(root), link.detail())))
        plot = folder / f"{name}.png"
        draw_link_png(link, plot)
        written.append(plot)
        if page:
            write_link_page(link, command, plot, folder / f"{name}.html")
            written.append(folder / f"{name}.html")
    gather_summary(folder)
    return tuple(written)
