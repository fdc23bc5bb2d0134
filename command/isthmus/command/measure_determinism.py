"""`isthmus measure determinism-image`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import print_error

RESULTS = Path("results")


def measure_determinism_image(
    *,
    images: Annotated[
        Path | None, typer.Option(help="Folder of images. Default: Kodak's, else what scikit-image ships.")
    ] = None,
    codecs: Annotated[str, typer.Option(help="Patterns of codec names, comma apart.")] = "image-*",
    limit: Annotated[int, typer.Option(min=0, help="Take only so many images; 0 for all.")] = 0,
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Rebuild image tables in every runtime, thread count, batch and precision; needs the extra `train`."""
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.measure.determinism.image import CASES, image_determinism
    from isthmus.measure.track import tracked

    console = Console()
    try:
        with tracked(console) as track:
            agreements = image_determinism(images, codecs, limit, zoo, out, track)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    mismatches, silent = sum(a.mismatches for a in agreements), sum(a.silent for a in agreements)
    console.print(
        f"{len(agreements)} codecs, {len(CASES)} ways to run each, {sum(a.comparisons for a in agreements)} integers "
        f"compared: {mismatches} mismatches"
    )
    console.print(
        f"{sum(a.moved for a in agreements)} packets read with a table that is off by one: "
        f"{sum(a.refused for a in agreements)} refused, {sum(a.harmless for a in agreements)} decoded to what was "
        f"sent, {silent} decoded to something else"
    )
    for agreement in agreements:
        if agreement.mismatches or agreement.silent:
            console.print(agreement)
    raise typer.Exit(1 if mismatches or silent else 0)
