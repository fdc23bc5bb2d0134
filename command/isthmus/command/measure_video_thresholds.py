"""`isthmus measure video-thresholds`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.options import Given, with_options
from isthmus.measure.options import Outputs
from isthmus.measure.video.options import ThresholdOptions


@command_frame
@with_options(ThresholdOptions, Outputs)
def measure_video_thresholds(*, given: Given) -> None:
    """Choose the video encoder's thresholds, on the tuning videos and moved training photographs alone."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.packages import require_packages
    from isthmus.measure.track import tracked
    from isthmus.measure.video.threshold_run import search_thresholds, write_thresholds

    console, options = table_console(), given.of(ThresholdOptions)
    require_packages(("cv2", "av"), "measure,video")
    with tracked(console) as track:
        search = search_thresholds(options, track)
    command = command_line("isthmus measure video-thresholds", options)
    written = write_thresholds(search, command, given.of(Outputs).folder(options))
    console.print(search.table().to_rich())
    console.print("written:", written, soft_wrap=True)
