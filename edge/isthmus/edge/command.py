"""The command `isthmus edge`, also `python -m isthmus.edge`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.common.errors import InputError, IsthmusError

if TYPE_CHECKING:
    from isthmus.common.image_coder import Adaptation

# Some inputs could not be classified or sent; the rest was.
EXIT_SOME_FAILED = 1
# The command could not do its work at all.
EXIT_FAILED = 2

# Seconds for each wait for the cloud: a large image takes it longer than any cloud of points.
CLOUD_TIMEOUT_S = 10.0
IMAGE_TIMEOUT_S = 120.0

CLOUD_OPTIONS = ("up", "points", "top_k", "batch")
IMAGE_OPTIONS = ("quality", "max_bytes", "adaptation", "save")


def check_up(value: str) -> str:
    """Refuse an axis that cannot point up."""
    if value not in ("", "y", "z"):
        raise typer.BadParameter(f"expected y or z, got {value}")
    return value


def edge(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of point clouds or images, and folders of them; - reads one from standard input."),
    ],
    *,
    cloud: Annotated[str, typer.Option(help="Where the cloud listens, host:port.")] = "127.0.0.1:50051",
    codec: Annotated[
        str,
        typer.Option(
            help="A codec's name or the path of its folder, or a family of image codecs. "
            "[default: pc-lite-any-q10, for images image-light-q4]"
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
    top_k: Annotated[int, typer.Option(min=0, help="Clouds: labels for each. [default: 1]")] = 0,
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
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
    timeout_s: Annotated[
        float, typer.Option(min=0.0, help="Limit for each wait for the cloud. [default: 10, for images 120]")
    ] = 0.0,
) -> None:
    """Encode point clouds or images here; the cloud says what the clouds are, or reconstructs the images."""
    from isthmus.common.manifest import ImageManifest
    from isthmus.edge.signal_choice import choose_codec

    given = {"up": up, "points": points, "top_k": top_k, "batch": batch}
    given |= {"quality": quality, "max_bytes": max_bytes, "adaptation": adaptation, "save": save or ""}
    inputs = tuple(files)
    try:
        kind, chosen = choose_codec(inputs, codec, zoo, format_name, quality or max_bytes)
        if kind is ImageManifest:
            refuse(CLOUD_OPTIONS, given, f"clouds of points, and codec {chosen} is of images")
            from isthmus.edge.image_job import ImageJob
            from isthmus.edge.image_job import run as run_images

            failed_count = run_images(
                ImageJob(
                    inputs, cloud, chosen, zoo, quality, max_bytes, format_name, adaptation_of(adaptation), save,
                    timeout_s or IMAGE_TIMEOUT_S,
                ),
                as_json=json,
            )  # fmt: skip
        else:
            refuse(IMAGE_OPTIONS, given, f"images, and codec {chosen} is of clouds of points")
            from isthmus.edge.classify import EdgeJob, run

            failed_count = run(
                EdgeJob(
                    inputs, cloud, chosen, zoo, up or None, format_name or None, points, top_k or 1, batch or 1,
                    timeout_s or CLOUD_TIMEOUT_S,
                ),
                as_json=json,
            )  # fmt: skip
    except IsthmusError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED) from None
    if failed_count:
        raise typer.Exit(EXIT_SOME_FAILED)


def adaptation_of(word: str) -> Adaptation:
    """The adaptation a user named; `AUTO` where none was. InputError for an unknown one."""
    from isthmus.common.image_coder import Adaptation

    try:
        return Adaptation(word or "auto")
    except ValueError:
        raise InputError(f"--adaptation: expected one of {', '.join(Adaptation)}, got {word!r}") from None


def refuse(options: tuple[str, ...], given: dict[str, object], why: str) -> None:
    """InputError if an option was given that is about the other signal."""
    names = ["--" + option.replace("_", "-") for option in options if given[option]]
    if names:
        raise InputError(f"expected no {', '.join(names)}: that is about {why}")


def main() -> None:
    """Entry point of `python -m isthmus.edge`."""
    typer.run(edge)
