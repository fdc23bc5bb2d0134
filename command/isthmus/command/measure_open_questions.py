"""`isthmus measure open-question-1` and `-2`, ready to be put into a typer app. Heavy imports wait until they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import command_frame
from isthmus.measure.options import RESULTS

RunsOption = Annotated[Path, typer.Option(help="Folder of the trained image codecs, q<n>.pt.")]
PhotosOption = Annotated[Path, typer.Option(help="The photographs they were trained on: a packed .npz or a folder.")]
OutOption = Annotated[Path, typer.Option(help="Folder for the results.")]


@command_frame
def measure_open_question_1(
    *,
    photos: PhotosOption,
    runs: RunsOption = Path("runs/image"),
    adaptive: Annotated[
        Path | None, typer.Option(help="Folder of adaptive-q<n>.pt and of what is finished. Default: that of --runs.")
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=8, help="Of the codec to go on training.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Of each variant's training.")] = 500,
    out: OutOption = RESULTS,
) -> None:
    """Can the transforms be trained together with the adaptive bottleneck? Needs the extra `train`, and hours."""
    from isthmus.training.studies.open_question_1 import run

    typer.echo(str(run(runs, adaptive or runs, photos, out, steps=steps, quality=quality)))


@command_frame
def measure_open_question_2(
    *,
    photos: PhotosOption,
    runs: RunsOption = Path("runs/image"),
    hyper: Annotated[Path | None, typer.Option(help="Folder of hyper-q<n>.pt. Default: that of --runs.")] = None,
    qualities: Annotated[str, typer.Option(help="Which, comma apart.")] = "3,6",
    kodak: Annotated[Path | None, typer.Option(help="Another folder of images to measure on, such as Kodak's.")] = None,
    out: OutOption = RESULTS,
) -> None:
    """Does adaptation pay upon a scale hyperprior? Needs the extra `train`, and minutes."""
    from isthmus.training.studies.open_question_2 import run

    words = qualities.split(",")
    if not all(word.isdecimal() for word in words):
        raise typer.BadParameter(f"--qualities: expected numbers, comma apart, got {qualities!r}")
    typer.echo(str(run(runs, hyper or runs, tuple(int(word) for word in words), photos, kodak, out)))
