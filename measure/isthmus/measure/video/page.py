"""The page of a video measurement: one HTML file with the plot and all tables; no network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from isthmus.measure.pointcloud.page import PAGE_STYLE, table_section
from isthmus.measure.table import Table
from isthmus.measure.video.measurement import LABELS, VideoMeasurement
from isthmus.measure.video.rows import video_tables

_STYLE = "img { display: block; max-width: 100%; height: auto; }"
_TRUTHS = {
    True: "The truth is the label of the image that was moved.",
    False: "The truth is what the whole network, nothing quantised, says of the original frame.",
}


def write_video_page(measurement: VideoMeasurement, command: str, plot: Path, path: Path) -> None:
    """Write the page, with the picture `plot` (a PNG file) in it."""
    title = f"{measurement.data}: {measurement.codec}"
    about = (
        f"{len(measurement.clip_names):,} clips, {measurement.frames:,} frames. "
        f"{_TRUTHS[measurement.truth == LABELS]} Every bit of every packet is counted."
    )
    write_tables_page(title, about, command, measurement.notes, (plot,), video_tables(measurement), path)


def write_tables_page(
    title: str,
    about: str,
    command: str,
    notes: Sequence[str],
    plots: Sequence[Path],
    tables: Sequence[Table],
    path: Path,
) -> None:
    """A page of pictures (PNG files) and tables under a title."""
    told = "".join(f"<p class='about'>{escape(note)}</p>" for note in notes)
    pictures = "".join(
        f"<img alt='{escape(plot.stem)}' src='data:image/png;base64,"
        f"{base64.b64encode(plot.read_bytes()).decode('ascii')}'>"
        for plot in plots
    )
    page = (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{PAGE_STYLE}{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p class='about'>{escape(about)} <code>{escape(command)}</code></p>{told}{pictures}"
        f"{''.join(table_section(table) for table in tables)}</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
