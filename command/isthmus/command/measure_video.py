"""`isthmus measure video`. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import print_error

PIPED_WIDTH = 170  # into a file or a pipe, tables are not cut to a terminal's width


def measure_video(
    *,
    codec: Annotated[
        str,
        typer.Option(
            help="Names or patterns of codecs, comma apart. The first is swept; of the others all intra and "
            "the default setting are measured."
        ),
    ] = "video-tiny-q3,video-tiny-*",
    labelled: Annotated[
        str,
        typer.Option(
            help="Labelled images to move: a packed .npz or a folder of classes; none for none. Default: "
            "tinyimagenet50 where it lies beside the project."
        ),
    ] = "",
    labelled_clips: Annotated[int, typer.Option(min=0, help="Images taken, evenly spread; 0 for all.")] = 500,
    labelled_frames: Annotated[int, typer.Option(min=2, help="Frames of each of their clips.")] = 16,
    natural: Annotated[
        str,
        typer.Option(
            help="Packed sequences (.npz), a video, or a folder of videos; none for none. Default: DAVIS and "
            "the videos that lie beside the project, else moved photographs of scikit-image."
        ),
    ] = "",
    natural_frames: Annotated[int, typer.Option(min=2, help="Frames of each natural clip at most.")] = 64,
    natural_clips: Annotated[int, typer.Option(min=0, help="Natural clips taken; 0 for all.")] = 0,
    natural_side: Annotated[
        int, typer.Option(min=0, help="Shorter side in pixels that larger natural clips are made to; 0 for none.")
    ] = 0,
    inputs: Annotated[str, typer.Option(help="Input codecs, comma apart: h264, jpeg; or none.")] = "h264,jpeg",
    live: Annotated[bool, typer.Option(help="Send the default setting over a live wire.")] = True,
    link: Annotated[bool, typer.Option(help="Emulate a link: latency against bandwidth.")] = True,
    bandwidths: Annotated[
        str, typer.Option(help="Of the emulated link, Mbit/s, comma apart.")
    ] = "0.02,0.05,0.1,0.3,1,3,10",
    delay_ms: Annotated[float, typer.Option(min=0, help="Of the emulated link, one way.")] = 20.0,
    slow_down: Annotated[float, typer.Option(help="By which the edge is slower than this machine.")] = 10.0,
    fps: Annotated[float, typer.Option(help="Of the camera before the emulated link.")] = 25.0,
    in_flight: Annotated[int, typer.Option(min=1, help="Frames that may be unanswered when one is taken.")] = 1,
    tune: Annotated[
        bool, typer.Option("--tune", help="Measure on the videos that thresholds may be tuned on, and on those alone.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few clips and settings, to see that it runs.")] = False,
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    cloud: Annotated[str, typer.Option(help="HOST:PORT of a running cloud. Default: one is started.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the results, the pictures and the pages.")] = Path("results"),
    page: Annotated[bool, typer.Option(help="Write the HTML pages.")] = True,
) -> None:
    """Accuracy against rate of latents that move, all bits counted, beside all intra, H.264 and JPEG."""
    from rich.console import Console

    from isthmus.common.errors import InputError, IsthmusError
    from isthmus.measure.track import tracked
    from isthmus.measure.video.link import LinkOptions
    from isthmus.measure.video.options import VideoOptions, video_command_line
    from isthmus.measure.video.outputs import write_video_outputs
    from isthmus.measure.video.rows import link_table, link_ways_table, video_tables
    from isthmus.measure.video.run import measure_videos, require_video_packages

    console = Console()
    try:
        try:
            rates = tuple(float(value) for value in bandwidths.split(","))
        except ValueError:
            raise InputError(f"--bandwidths: expected numbers, comma apart, got {bandwidths!r}") from None
        options = VideoOptions(
            codecs=_names(codec),
            labelled=labelled,
            labelled_clips=labelled_clips,
            labelled_frames=labelled_frames,
            natural=natural,
            natural_frames=natural_frames,
            natural_clips=natural_clips,
            natural_side=natural_side,
            inputs=() if inputs == "none" else _names(inputs),
            is_tuning=tune,
            is_quick=quick,
            is_live=live,
            with_link=link,
            link=LinkOptions(rates, delay_ms, slow_down, fps, in_flight),
            zoo=zoo,
            cloud=cloud,
        )
        require_video_packages(options)
        with tracked(console) as track:
            run = measure_videos(options, track)
        written = write_video_outputs(run, video_command_line(options), out, page=page)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for named in run.measurements:
        for table in video_tables(named.measurement):
            console.print(table.to_rich())
        for note in named.measurement.notes:
            console.print(note)
    for measured in run.link:
        console.print(link_ways_table(measured).to_rich())
        console.print(link_table(measured).to_rich())
    console.print("written:", *(str(path) for path in written))


def _names(joined: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(name for name in (part.strip() for part in joined.split(",")) if name)
