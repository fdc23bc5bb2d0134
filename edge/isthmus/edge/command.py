"""The command `isthmus edge`, also `python -m isthmus.edge`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from isthmus.common.errors import IsthmusError

# Some inputs could not be classified; the rest was.
EXIT_SOME_FAILED = 1
# The command could not do its work at all.
EXIT_FAILED = 2


def edge(
    files: Annotated[
        list[str], typer.Argument(help="Cloud files and folders of them; - reads one from standard input.")
    ],
    *,
    cloud: Annotated[str, typer.Option(help="Where the cloud listens, host:port.")] = "127.0.0.1:50051",
    codec: Annotated[str, typer.Option(help="A codec's name, or the path of its folder.")] = "pc-lite-any-q10",
    zoo: Annotated[
        Path | None, typer.Option(envvar="ISTHMUS_ZOO", help="Folder of codecs. [default: those that ship]")
    ] = None,
    up: Annotated[str | None, typer.Option(help="Axis that points up, y or z. [default: the format's]")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format of the files. [default: by suffix; needed for -]")
    ] = None,
    points: Annotated[
        int | None, typer.Option(min=1, help="Points each cloud is thinned to. [default: the codec's own number]")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Labels for each cloud.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Clouds coded together in one packet: fewer bits each.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
    timeout_s: Annotated[float, typer.Option(min=0.01, help="Limit for each wait for the cloud.")] = 10.0,
) -> None:
    """Classify point clouds: encode them here, let the cloud say what they are."""
    from isthmus.edge.classify import EdgeJob, run

    if up not in (None, "y", "z"):
        raise typer.BadParameter(f"expected y or z, got {up}", param_hint="--up")
    job = EdgeJob(tuple(files), cloud, codec, zoo, up, format_name, points or 0, top_k, batch, timeout_s)
    try:
        failed_count = run(job, as_json=json)
    except IsthmusError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED) from None
    if failed_count:
        raise typer.Exit(EXIT_SOME_FAILED)


def main() -> None:
    """Entry point of `python -m isthmus.edge`."""
    typer.run(edge)
