"""What a run of the video measure leaves behind: results files, pictures and pages."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.measure.video.page import write_link_page, write_video_page
from isthmus.measure.video.plots import draw_link_png, draw_video_png
from isthmus.measure.video.point import BOOTSTRAP_SEED
from isthmus.measure.video.run import VideoRun

NATURAL_ROOT = "video.natural"
VERSIONED = ("numpy", "onnxruntime", "grpcio", "protobuf", "pillow", "av", "opencv-python-headless")


def write_video_outputs(run: VideoRun, command: str, folder: Path, *, page: bool = True) -> tuple[Path, ...]:
    """Write results files, pictures and pages, and gather the summary; answers their paths."""
    written: list[Path] = []
    for named in run.measurements:
        measurement, name, root = named.measurement, named.clips.name, named.clips.root
        provenance = Provenance.of(command, measurement.data, BOOTSTRAP_SEED, VERSIONED)
        summary = measurement.summary(root)
        ratio = f"{NATURAL_ROOT}.edge_time_ratio"
        if ratio in summary:
            summary["video.edge_time_ratio_predicted_over_intra"] = summary[ratio]
        written.append(write_results(folder, Results(name, provenance, summary, measurement.detail())))
        written.append(folder / f"{name}.png")
        draw_video_png(measurement, written[-1])
        if page:
            write_video_page(measurement, command, written[-1], folder / f"{name}.html")
            written.append(folder / f"{name}.html")
    for link in run.link:
        last = run.measurements[-1].clips
        name, root = f"{last.name.removesuffix('_natural')}_link", f"{last.root.removesuffix('.natural')}.link"
        provenance = Provenance.of(command, link.data, 0, VERSIONED)
        written.append(write_results(folder, Results(name, provenance, link.summary(root), link.detail())))
        plot = folder / f"{name}.png"
        draw_link_png(link, plot)
        written.append(plot)
        if page:
            write_link_page(link, command, plot, folder / f"{name}.html")
            written.append(folder / f"{name}.html")
    gather_summary(folder)
    return tuple(written)
