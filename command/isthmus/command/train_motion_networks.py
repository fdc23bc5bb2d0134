"""`isthmus train motion-networks`. Heavy imports wait until it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.command.train_options import RunOptions
from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class MotionNetworkOptions:
    """Which networks, and how long."""

    panel: ClassVar[str] = "The networks"
    networks: str = option(
        "",
        "Which, comma apart: a kind of halving (max, mean, stride, blur, max-blur), with -motion if it is trained for "
        "motion (max-motion, blur-motion), or of three halvings and not four (max-s8, blur-s8-motion).",
        automatic="all",
    )
    epochs: int = option(0, "Of each network's training.", least=0, automatic="3, and 6 for those of three halvings")
    runs: Path = option(Path("runs/motion"), "Folder of checkpoints; a killed run goes on there.", metavar="DIR")


@command_frame
@with_options(MotionNetworkOptions, RunOptions)
def train_motion_networks_command(
    data: Annotated[
        Path,
        typer.Option(
            show_default=False, metavar="FILE", help="Labelled images of 64 x 64 with a training split, a packed .npz."
        ),
    ],
    *,
    given: Given,
) -> None:
    """Train the small networks of `isthmus measure motion --checkpoints`: how they halve, trained for motion or not.

    A few minutes each on one core. The measurement takes those that are there.
    """
    import torch

    from isthmus.data.image.labelled import load_labelled_images
    from isthmus.training.studies.motion_networks import NetworkEffort, train_motion_networks

    options, run = given.of(MotionNetworkOptions), given.of(RunOptions)
    torch.set_num_threads(run.threads)
    names = tuple(name for name in options.networks.split(",") if name) or NetworkEffort().names
    effort = NetworkEffort(epochs=options.epochs, names=names)
    for path in train_motion_networks(load_labelled_images(data, "train"), options.runs, effort, run.seed):
        print(path)
