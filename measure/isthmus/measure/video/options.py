"""What the video measure is asked for, and the command that asks for the same again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.measure.command_line import command_line
from isthmus.measure.video.input_codecs import H264, JPEG
from isthmus.measure.video.link import LinkOptions

DEFAULT_CODECS = ("video-tiny-q3", "video-tiny-*")
NONE = "none"
DEFAULT_NATURAL_SIDE = 0
"""As they are: DAVIS is 416 x 240, and wider videos are made 416 wide."""


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """What to measure; see `isthmus measure video --help`.

    Attributes:
        codecs: names or patterns of codecs; the first codec found is swept, of the others all intra and the default.
        labelled: labelled images to move; "" for the default where it lies beside the project, "none" for none.
        labelled_clips: images taken, 0 for all.
        labelled_frames: of each clip.
        natural: packed sequences, a video, or a folder of videos; "" and "none" as above.
        natural_frames: of each video file at most.
        natural_clips: clips taken, 0 for all.
        natural_side: pixels of their shorter side, to which larger ones are made; 0 leaves them as they are.
        inputs: input codecs to sweep.
        is_tuning: natural clips are the videos that thresholds may be tuned on, and those alone.
        is_quick: fewer settings, clips and frames: to see that it runs.
        is_live: whether the default setting goes over a live wire.
        with_link: whether to emulate a link.
        link: how.
        zoo: of the codecs, None for the one that ships.
        cloud: address of a running cloud; empty to start one.
    """

    codecs: tuple[str, ...] = DEFAULT_CODECS
    labelled: str = ""
    labelled_clips: int = 500
    labelled_frames: int = 16
    natural: str = ""
    natural_frames: int = 64
    natural_clips: int = 0
    natural_side: int = DEFAULT_NATURAL_SIDE
    inputs: tuple[str, ...] = (H264, JPEG)
    is_tuning: bool = False
    is_quick: bool = False
    is_live: bool = True
    with_link: bool = True
    link: LinkOptions = field(default_factory=LinkOptions)
    zoo: Path | None = None
    cloud: str = ""


def video_command_line(options: VideoOptions) -> str:
    """The command that measures the same again, paths by their name alone."""
    default = VideoOptions()
    return command_line(
        "isthmus measure video",
        ("--codec", ",".join(options.codecs), ",".join(default.codecs)),
        ("--labelled", options.labelled and Path(options.labelled).name, default.labelled),
        ("--labelled-clips", options.labelled_clips, default.labelled_clips),
        ("--labelled-frames", options.labelled_frames, default.labelled_frames),
        ("--natural", options.natural and Path(options.natural).name, default.natural),
        ("--natural-frames", options.natural_frames, default.natural_frames),
        ("--natural-clips", options.natural_clips, default.natural_clips),
        ("--natural-side", options.natural_side, default.natural_side),
        ("--inputs", ",".join(options.inputs) or NONE, ",".join(default.inputs)),
        ("--bandwidths", _listed(options.link.bandwidths_mbit_per_s), _listed(default.link.bandwidths_mbit_per_s)),
        ("--delay-ms", f"{options.link.delay_ms:g}", f"{default.link.delay_ms:g}"),
        ("--slow-down", f"{options.link.slow_down:g}", f"{default.link.slow_down:g}"),
        ("--fps", f"{options.link.fps:g}", f"{default.link.fps:g}"),
        ("--in-flight", options.link.max_in_flight, default.link.max_in_flight),
        ("--tune", options.is_tuning, False),
        ("--quick", options.is_quick, False),
        ("--no-live", not options.is_live, False),
        ("--no-link", not options.with_link, False),
    )


def _listed(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values)
