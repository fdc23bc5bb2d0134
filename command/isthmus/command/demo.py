"""`isthmus demo`: a cloud and an edge on this machine; clouds of points, a photograph and a video across, pictures."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from isthmus.command.frame import command_frame, print_note, require_packages, table_console
from isthmus.command.options import Given, with_options
from isthmus.common.errors import InputError, IsthmusError, MissingDependencyError
from isthmus.common.image.signal import IMAGE
from isthmus.common.options import option
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.video.signal import LABELLING_CODEC, VIDEO

if TYPE_CHECKING:
    from rich.console import Console

# Of the extra `measure`: the cloud's, and what draws.
DEMO_PACKAGES = ("grpc_health", "grpc_reflection", "matplotlib", "plotly", "scipy")
SHOWN_PER_CLASS = 1
SHOWN_IMAGES, SHOWN_VIDEOS = 3, 3
DEMO_CURVES = "pc-full-any-q*,pc-lite-any-q*,pc-micro-any-q*"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What crosses, by which codecs, and where the pictures go."""

    panel: ClassVar[str] = "Options"
    data: Path | None = option(
        None,
        "Your data: a labelled set, or point cloud files (classified, not scored), images or videos, or a folder of "
        "them.",
        automatic="ModelNet10 where it lies beside the project, else generated furniture; a photograph; and a "
        "photograph under a moving camera",
    )
    codec: str = option(POINT_CLOUD.default_codec, "Codec of the table of single point clouds.", metavar="NAME")
    image_codec: str = option(IMAGE.default_family, "Codec of the photograph, or a family.", metavar="NAME")
    label_codec: str = option(LABELLING_CODEC, "Codec that names what a photograph shows.", metavar="NAME")
    video_codec: str = option(VIDEO.default_codec, "Codec of the video.", metavar="NAME")
    clouds: int = option(300, "Point clouds that each codec of the curve is measured on.", least=10)
    out: Path = option(Path("out/demo"), "Where the pictures and the page go.", metavar="DIR")


@command_frame
@with_options(DemoOptions)
def demo(*, given: Given) -> None:
    """Start a cloud and an edge, send clouds, a photograph and a video across, print what came back, draw the rates."""
    from isthmus.common.zoo import find_zoos

    require_packages("the demo", "measure", DEMO_PACKAGES)
    from isthmus.command.demo_data import DemoData, demo_data
    from isthmus.measure.cloud_process import CloudProcess

    options, console = given.of(DemoOptions), table_console()
    data, out = options.data, options.out
    shown = DemoData(is_labelled=True) if data is None else demo_data(data, options.codec)
    if shown.note:
        print_note(shown.note)
    clouds, images, videos = (shown.of(signal.name) for signal in (POINT_CLOUD, IMAGE, VIDEO))
    with CloudProcess(find_zoos()) as cloud:
        if clouds:
            _classify_files(console, [str(path) for path in clouds], options.codec, cloud.address)
        elif shown.is_labelled or not (images or videos):
            _demo_labelled(console, data, options.codec, options.clouds, out, cloud.address)
        if images:
            _show_images(console, images, options.image_codec, out, cloud.address)
        elif data is None:
            _show_shipped_photo(console, options.image_codec, out, cloud.address)
            _show_label(console, options.label_codec, cloud.address)
        if videos:
            _show_videos(console, videos, options.video_codec, out, cloud.address)
        elif data is None:
            _show_moved_photo(console, options.video_codec, out, cloud.address)


def _classify_files(console: Console, inputs: list[str], codec: str, address: str) -> None:
    from isthmus.command.classes import class_note
    from isthmus.edge.job import Job
    from isthmus.edge.pointcloud.job import run

    console.print(f"A cloud listens on {address}; an edge sends it, coded by {codec}:")
    if note := class_note(codec, None):
        console.print(note, highlight=False, markup=False)
    run(Job(tuple(inputs), address, codec))


def _show_images(console: Console, images: Sequence[Path], codec: str, out: Path, address: str) -> None:
    from isthmus.command.image.demo import image_codec_folder, show_photo

    folder = image_codec_folder(codec)
    for path in images[:SHOWN_IMAGES]:
        show_photo(console, path, folder, address, out)
    if len(images) > SHOWN_IMAGES:
        console.print(f"These are the first {SHOWN_IMAGES} of {len(images)} images.")


def _show_shipped_photo(console: Console, codec: str, out: Path, address: str) -> None:
    """The photograph that a dependency ships; a line where it or a codec for it is missing."""
    from isthmus.command.image.demo import image_codec_folder, shipped_photo, show_photo

    try:
        photo, folder = shipped_photo(), image_codec_folder(codec)
    except (MissingDependencyError, InputError) as error:
        _say_missing(console, "photograph", error)
        return
    show_photo(console, photo, folder, address, out)


def _show_label(console: Console, codec: str, address: str) -> None:
    """What a photograph shows, named by the cloud; a line where it or the codec is missing."""
    from isthmus.command.image.demo import shipped_photo
    from isthmus.command.image.label_demo import PHOTO, show_label
    from isthmus.common.zoo import find_codec

    try:
        photo = shipped_photo(PHOTO)
        find_codec(codec)
    except (MissingDependencyError, InputError) as error:
        _say_missing(console, "label", error)
        return
    show_label(console, photo, codec, address)


def _show_videos(console: Console, videos: Sequence[Path], codec: str, out: Path, address: str) -> None:
    from isthmus.command.video.demo import MAX_FRAMES, show_video
    from isthmus.common.zoo import find_codec
    from isthmus.data.video.clips import video_files

    folder, shown = find_codec(codec), videos[:SHOWN_VIDEOS]
    clips = video_files(shown, MAX_FRAMES)
    for index in range(len(clips)):
        show_video(console, clips.clip(index), folder, address, out)
    if len(videos) > len(shown):
        console.print(f"These are the first {len(shown)} of {len(videos)} videos.")


def _show_moved_photo(console: Console, codec: str, out: Path, address: str) -> None:
    """A camera that moves over a photograph of a dependency; a line where that, OpenCV or a codec is missing."""
    from isthmus.command.image.demo import shipped_photo
    from isthmus.command.video.demo import PHOTO, PHOTO_CLASS, moved_photo, show_video
    from isthmus.common.zoo import find_codec

    try:
        folder, clip = find_codec(codec), moved_photo(shipped_photo(PHOTO))
    except (MissingDependencyError, InputError) as error:
        _say_missing(console, "video", error)
        return
    show_video(console, clip, folder, address, out, PHOTO_CLASS)


def _say_missing(console: Console, what: str, error: IsthmusError) -> None:
    from rich.markup import escape

    console.print(f"\n[yellow]No {what} crosses:[/yellow] {escape(str(error))}", highlight=False, soft_wrap=True)


def _demo_labelled(console: Console, data: Path | None, codec: str, clouds: int, out: Path, address: str) -> None:
    import numpy as np

    from isthmus.measure.key import slug
    from isthmus.measure.pointcloud.options import LiveOptions, PointCloudOptions
    from isthmus.measure.pointcloud.page import write_page
    from isthmus.measure.pointcloud.plots import draw_png
    from isthmus.measure.pointcloud.rows import rates_table
    from isthmus.measure.pointcloud.run import default_test_set, measure
    from isthmus.measure.track import tracked

    test_set = default_test_set(data)
    console.print(f"[bold]Data:[/bold] {test_set.name}, {len(test_set)} labelled clouds.")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for label, name in enumerate(test_set.class_names):
            for index in np.flatnonzero(test_set.labels == label)[:SHOWN_PER_CLASS]:
                paths.append(Path(folder) / f"{slug(name)}_{index}.npy")
                np.save(paths[-1], test_set.cloud(int(index)))
        with contextlib.chdir(folder):  # short names in the table
            _classify_files(console, [p.name for p in paths], codec, address)
    console.print("\n[bold]Rate against accuracy[/bold] of the codecs for any heading, every bit over the wire:")
    options = PointCloudOptions(
        data=data,
        codecs=DEMO_CURVES,
        cloud=address,
        baselines="none",
        limit_clouds=clouds,
    )
    with tracked(console) as track:
        measurement = measure(options, LiveOptions(timed_clouds=50), track)
    console.print(rates_table(measurement.codecs).to_rich())
    for note in measurement.notes:
        console.print(note)
    out.mkdir(parents=True, exist_ok=True)
    draw_png(measurement, out / "rate_accuracy.png")
    write_page(measurement, "isthmus demo", out / "rate_accuracy.html")
    console.print(f"Picture: {out / 'rate_accuracy.png'}   page: {out / 'rate_accuracy.html'}")
