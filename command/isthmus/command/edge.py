"""The command `isthmus edge`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame, end, is_watched, print_note
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import SIGNAL_KINDS, SIGNAL_OPTIONS, CodecOptions
from isthmus.common.options import option
from isthmus.edge.image.options import ImageOptions
from isthmus.edge.pointcloud.options import PointCloudOptions
from isthmus.edge.video.options import VideoOptions

# Seconds for each wait for the cloud: a large image takes it longer than any cloud of points.
CLOUD_TIMEOUT_S = 10.0
IMAGE_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class CloudOptions:
    """Where the cloud is, and how long it may take."""

    panel: ClassVar[str] = "The cloud"
    cloud: str = option("127.0.0.1:50051", "Where the cloud listens.", metavar="HOST:PORT")
    timeout_s: float = option(
        0.0, "Limit for each wait for the cloud, in seconds.", least=0, automatic="10, for images 120"
    )


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How results are told."""

    panel: ClassVar[str] = "Output"
    json: bool = option(False, "One JSON object a line, for programs.")


@command_frame
@with_options(CodecOptions, CloudOptions, *SIGNAL_KINDS, OutputOptions)
def edge(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES",
            help="Files of point clouds, images or videos, and folders; - reads one from standard input, camera:0 is "
            "a camera.",
        ),
    ],
    *,
    given: Given,
) -> None:
    """Encode point clouds, images or videos here; the cloud says what is to be seen, or reconstructs the images."""
    from isthmus.command.classes import class_note
    from isthmus.edge.signal_choice import choose_codec

    inputs, about, where = tuple(files), given.of(CodecOptions), given.of(CloudOptions)
    as_json = given.of(OutputOptions).json
    has_quality = bool(given.values.get("quality") or given.values.get("max_bytes"))
    kind, chosen = choose_codec(
        inputs, about.codec, about.zoo, about.format, has_quality, video=given.values.get("video", False)
    )
    options = given.only(SIGNAL_OPTIONS[kind.signal], SIGNAL_KINDS, chosen)
    if not as_json and is_watched() and (note := class_note(chosen, about.zoo)):
        print_note(note)
    if isinstance(options, VideoOptions):
        from isthmus.edge.video.policy import VideoPolicy
        from isthmus.edge.video.sender import VideoJob
        from isthmus.edge.video.sender import run as run_videos

        policy = replace(
            VideoPolicy(), mode=options.mode, key_interval=options.key_interval, uses_vectors=options.vectors
        )
        failed_count = run_videos(
            VideoJob(
                inputs,
                where.cloud,
                chosen,
                about.zoo,
                policy,
                realtime=options.realtime,
                fps=options.fps,
                limit=options.limit,
                format=about.format,
                top_k=options.top_k,
                timeout_s=where.timeout_s or CLOUD_TIMEOUT_S,
            ),
            as_json=as_json,
        )
    elif isinstance(options, ImageOptions):
        from isthmus.common.image.coder import Adaptation
        from isthmus.edge.image.job import ImageJob
        from isthmus.edge.image.job import run as run_images

        failed_count = run_images(
            ImageJob(
                inputs,
                where.cloud,
                chosen,
                about.zoo,
                options.quality,
                options.max_bytes,
                about.format,
                Adaptation(options.adaptation),
                options.save,
                where.timeout_s or IMAGE_TIMEOUT_S,
            ),
            as_json=as_json,
        )
    else:
        assert isinstance(options, PointCloudOptions)  # for the type checker: there are three
        from isthmus.edge.pointcloud.job import EdgeJob, run

        failed_count = run(
            EdgeJob(
                inputs,
                where.cloud,
                chosen,
                about.zoo,
                options.up or None,
                about.format or None,
                options.points,
                options.top_k,
                options.batch,
                where.timeout_s or CLOUD_TIMEOUT_S,
            ),
            as_json=as_json,
        )
    end(failed_count)
