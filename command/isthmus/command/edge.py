"""The command `isthmus edge`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.command.frame import command_frame, end
from isthmus.common.errors import InputError

if TYPE_CHECKING:
    from isthmus.common.image.coder import Adaptation

# Seconds for each wait for the cloud: a large image takes it longer than any cloud of points.
CLOUD_TIMEOUT_S = 10.0
IMAGE_TIMEOUT_S = 120.0

CLOUD_OPTIONS = ("up", "points", "top_k", "batch")
IMAGE_OPTIONS = ("quality", "max_bytes", "adaptation", "save")
VIDEO_OPTIONS = ("mode", "key_interval", "realtime", "fps", "limit", "vectors", "video")


def check_up(value: str) -> str:
    """Refuse an axis that cannot point up."""
    if value not in ("", "y", "z"):
        raise typer.BadParameter(f"expected y or z, got {value}")
    return value


@command_frame
def edge(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files of point clouds, images or videos, and folders; - reads one from standard input, camera:0 is "
            "a camera."
        ),
    ],
    *,
    cloud: Annotated[str, typer.Option(help="Where the cloud listens, host:port.")] = "127.0.0.1:50051",
    codec: Annotated[
        str,
        typer.Option(
            help="A codec's name or the path of its folder, or a family of image codecs. "
            "[default: pc-lite-any-q10, for images image-light-q4, for videos video-tiny-q3]"
        ),
    ] = "",
    zoo: Annotated[
        Path | None, typer.Option(envvar="ISTHMUS_ZOO", help="Folder of codecs. [default: those that ship]")
    ] = None,
    format_name: Annotated[
        str, typer.Option("--format", help="Format of the files. [default: by suffix; needed for a cloud from -]")
    ] = "",
    up: Annotated[
        str,
        typer.Option(callback=check_up, help="Clouds: axis that points up, y or z. [default: the format's]"),
    ] = "",
    points: Annotated[
        int, typer.Option(min=0, help="Clouds: points each is thinned to. [default: the codec's own number]")
    ] = 0,
    top_k: Annotated[
        int, typer.Option("--top-k", "--top", min=0, help="Clouds and frames of videos: labels for each. [default: 1]")
    ] = 0,
    batch: Annotated[
        int, typer.Option(min=0, help="Clouds coded together in one packet: fewer bits each. [default: 1]")
    ] = 0,
    quality: Annotated[
        int, typer.Option(min=0, max=99, help="Images: quality of the codec's family. [default: as --codec says]")
    ] = 0,
    max_bytes: Annotated[int, typer.Option(min=0, help="Images: best quality whose packet has at most these.")] = 0,
    adaptation: Annotated[
        str,
        typer.Option(
            help="Images: how tables are fitted: auto, static, chosen, synthesized or context. [default: auto]"
        ),
    ] = "",
    save: Annotated[Path | None, typer.Option(help="Images: folder for what the cloud reconstructs, as PNG.")] = None,
    video: Annotated[
        bool, typer.Option("--video", help="Videos: what is named are videos; folders of frames too.")
    ] = False,
    mode: Annotated[
        str, typer.Option(help="Videos: auto, intra (key frames only) or motion (no residuals). [default: auto]")
    ] = "",
    key_interval: Annotated[
        int, typer.Option(min=0, max=255, help="Videos: frames from one key frame to the next at most. [default: 32]")
    ] = 0,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Videos: take the motion vectors that the file carries; no search.")
    ] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Videos: each frame at its time; dropped rather than late.")
    ] = False,
    fps: Annotated[float, typer.Option(min=0.0, help="Videos: frames a second. [default: the video's own]")] = 0.0,
    limit: Annotated[int, typer.Option(min=0, help="Videos: frames of each at most. [default: all]")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
    timeout_s: Annotated[
        float, typer.Option(min=0.0, help="Limit for each wait for the cloud. [default: 10, for images 120]")
    ] = 0.0,
) -> None:
    """Encode point clouds, images or videos here; the cloud says what is to be seen, or reconstructs the images."""
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.edge.signal_choice import choose_codec

    given = {"up": up, "points": points, "top_k": top_k, "batch": batch}
    given |= {"quality": quality, "max_bytes": max_bytes, "adaptation": adaptation, "save": save or ""}
    given |= {
        "mode": mode,
        "key_interval": key_interval,
        "realtime": realtime,
        "fps": fps,
        "limit": limit,
        "vectors": vectors,
        "video": video,
    }
    inputs = tuple(files)
    kind, chosen = choose_codec(inputs, codec, zoo, format_name, quality or max_bytes, video=video)
    if kind is VideoManifest:
        refuse(("up", "points", "batch"), given, f"clouds of points, and codec {chosen} is of videos")
        refuse(IMAGE_OPTIONS, given, f"images, and codec {chosen} is of videos")
        from isthmus.edge.video.policy import VideoPolicy
        from isthmus.edge.video.sender import VideoJob
        from isthmus.edge.video.sender import run as run_videos

        policy = VideoPolicy()
        policy = replace(policy, mode=mode or policy.mode, key_interval=key_interval or policy.key_interval)
        policy = replace(policy, uses_vectors=vectors)
        failed_count = run_videos(
            VideoJob(
                inputs,
                cloud,
                chosen,
                zoo,
                policy,
                realtime=realtime,
                fps=fps,
                limit=limit,
                format=format_name,
                top_k=top_k or 1,
                timeout_s=timeout_s or CLOUD_TIMEOUT_S,
            ),
            as_json=json,
        )
    elif kind is ImageManifest:
        refuse(VIDEO_OPTIONS, given, f"videos, and codec {chosen} is of images")
        refuse(CLOUD_OPTIONS, given, f"clouds of points, and codec {chosen} is of images")
        from isthmus.edge.image.job import ImageJob
        from isthmus.edge.image.job import run as run_images

        failed_count = run_images(
            ImageJob(
                inputs,
                cloud,
                chosen,
                zoo,
                quality,
                max_bytes,
                format_name,
                adaptation_of(adaptation),
                save,
                timeout_s or IMAGE_TIMEOUT_S,
            ),
            as_json=json,
        )
    else:
        refuse(VIDEO_OPTIONS, given, f"videos, and codec {chosen} is of clouds of points")
        refuse(IMAGE_OPTIONS, given, f"images, and codec {chosen} is of clouds of points")
        from isthmus.edge.pointcloud.job import EdgeJob, run

        failed_count = run(
            EdgeJob(
                inputs,
                cloud,
                chosen,
                zoo,
                up or None,
                format_name or None,
                points,
                top_k or 1,
                batch or 1,
                timeout_s or CLOUD_TIMEOUT_S,
            ),
            as_json=json,
        )
    end(failed_count)


def adaptation_of(word: str) -> Adaptation:
    """The adaptation a user named; `AUTO` where none was. InputError for an unknown one."""
    from isthmus.common.image.coder import Adaptation

    try:
        return Adaptation(word or "auto")
    except ValueError:
        raise InputError(f"--adaptation: expected one of {', '.join(Adaptation)}, got {word!r}") from None


def refuse(options: tuple[str, ...], given: dict[str, object], why: str) -> None:
    """InputError if an option was given that is about the other signal."""
    names = ["--" + option.replace("_", "-") for option in options if given[option]]
    if names:
        raise InputError(f"expected no {', '.join(names)}: that is about {why}")
