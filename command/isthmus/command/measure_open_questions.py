"""`isthmus measure open-question-1` and `-2`, ready to be put into a typer app. Heavy imports wait until they run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.common.options import option
from isthmus.measure.options import Outputs

PhotosOption = Annotated[
    Path,
    typer.Option(
        show_default=False, metavar="PATH", help="The photographs they were trained on: a packed .npz or a folder."
    ),
]


@dataclass(frozen=True, slots=True)
class JointTraining:
    """What is trained on, and for how long."""

    panel: ClassVar[str] = "What is measured"
    runs: Path = option(Path("runs/image"), "Folder of `isthmus train image`: q<n>.pt.", metavar="DIR")
    adaptive: Path | None = option(
        None,
        "Folder of adaptive-q<n>.pt, trained where it is not there, and of what is finished.",
        automatic="that of --runs",
        metavar="DIR",
    )
    quality: int = option(3, "Of the codec to go on training.", least=1, most=8)
    steps: int = option(500, "Of each variant's training.", least=1)
    compiled: bool = option(True, "Compile the networks (torch.compile; needs a C++ compiler).")


@dataclass(frozen=True, slots=True)
class AdaptedHyperpriors:
    """What is measured, and on which images."""

    panel: ClassVar[str] = "What is measured"
    runs: Path = option(Path("runs/image"), "Folder of `isthmus train image`: q<n>.pt.", metavar="DIR")
    hyper: Path | None = option(None, "Folder of hyper-q<n>.pt.", automatic="that of --runs", metavar="DIR")
    qualities: str = option("3,6", "Which, comma apart, 1 to 8.")
    kodak: Path | None = option(
        None, "Another folder of images to measure on, such as Kodak's.", automatic="none", metavar="DIR"
    )


@command_frame
@with_options(JointTraining, Outputs)
def measure_open_question_1(*, photos: PhotosOption, given: Given) -> None:
    """Can the transforms be trained together with the adaptive bottleneck? Needs the extra `train`, and hours.

    It goes on from the checkpoints of `isthmus train image --qualities 3`: some twenty minutes on one core.
    """
    from isthmus.measure.command_line import command_line
    from isthmus.training.studies.joint import JointEffort
    from isthmus.training.studies.open_question_1 import run

    options = given.of(JointTraining)
    words = f"isthmus measure open-question-1 --photos {photos.name}"
    command = command_line(words, options, without=("runs", "adaptive", "compiled"))
    where = (options.runs, options.adaptive or options.runs, photos, given.of(Outputs).folder())
    asked = JointEffort(steps=options.steps)
    typer.echo(str(run(*where, command, asked, quality=options.quality, is_compiled=options.compiled)))


@command_frame
@with_options(AdaptedHyperpriors, Outputs)
def measure_open_question_2(*, photos: PhotosOption, given: Given) -> None:
    """Does adaptation pay upon a scale hyperprior? Needs the extra `train`, and minutes.

    It takes the checkpoints of `isthmus train image --qualities 3,6 --hyperprior 3,6`: an hour or so on one core.
    """
    from isthmus.command.train_image import numbers
    from isthmus.measure.command_line import command_line
    from isthmus.training.studies.open_question_2 import run

    options = given.of(AdaptedHyperpriors)
    words = f"isthmus measure open-question-2 --photos {photos.name}"
    command = command_line(words, options, without=("runs", "hyper"))
    where = (options.runs, options.hyper or options.runs)
    found = run(*where, tuple(numbers(options.qualities)), photos, options.kodak, given.of(Outputs).folder(), command)
    typer.echo(str(found))
