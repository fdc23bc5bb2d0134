"""The pages of a video measurement: the plot and all tables, and those of the emulated link."""

from __future__ import annotations

from pathlib import Path

from isthmus.measure.page import Page, picture
from isthmus.measure.video.link import LinkMeasurement
from isthmus.measure.video.measurement import LABELS, VideoMeasurement
from isthmus.measure.video.rows import link_tables, video_tables

_TRUTHS = {
    True: "The truth is the label of the image that was moved.",
    False: "The truth is what the whole network, nothing quantised, says of the original frame.",
}


def write_video_page(measurement: VideoMeasurement, command: str, plot: Path, path: Path) -> None:
    """Write the page, with the picture `plot` (a PNG file) in it."""
    about = (
        f"{len(measurement.clip_names):,} clips, {measurement.frames:,} frames. "
        f"{_TRUTHS[measurement.truth == LABELS]} Every bit of every packet is counted."
    )
    title = f"{measurement.data}: {measurement.codec}"
    Page(title, about, command, measurement.notes, picture(plot), video_tables(measurement)).write(path)


def write_link_page(link: LinkMeasurement, command: str, plot: Path, path: Path) -> None:
    """Write the page of the emulated link, with the picture `plot` in it."""
    about = "Measured frames over an emulated link: virtual time, first in first out."
    Page(f"{link.data}: over a link", about, command, (), picture(plot), link_tables(link)).write(path)
