"""`isthmus train motion-factors`. Heavy imports wait until it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class MotionFactorOptions:
    """Which networks, and how."""

    panel: ClassVar[str] = "The networks"
    networks: str = option(
        "",
        "Which, comma apart: a kind of pooling (max, mean), its factor and a seed from 0 to 2, as in max-n3-seed0.",
        automatic="all eighteen",
    )
    epochs: int = option(10, "Of each network's training.", least=1)
    runs: Path = option(
        Path("runs/motion-factors"), "Folder of checkpoints; a killed run goes on there.", metavar="DIR"
    )
    threads: int = option(1, "CPU threads.", least=1)


@command_frame
@with_options(MotionFactorOptions)
def train_motion_factors_command(
    data: Annotated[
        Path,
        typer.Option(
            show_default=False, metavar="FILE", help="Labelled images of 64 x 64 with a training split, a packed .npz."
        ),
    ],
    *,
    given: Given,
) -> None:
    """Train the small networks of `isthmus measure motion-factors`: poolings by 2, 3 and 4, each from three seeds.

    Seven to fifteen minutes each on one core, less where it has bfloat16. The measurement takes those that are there.
    """
    import torch

    from isthmus.data.image.labelled import load_labelled_images
    from isthmus.training.studies.motion_factors import FactorEffort, train_motion_factors

    options = given.of(MotionFactorOptions)
    torch.set_num_threads(options.threads)
    names = tuple(name for name in options.networks.split(",") if name) or FactorEffort().names
    effort = FactorEffort(epochs=options.epochs, names=names)
    for path in train_motion_factors(load_labelled_images(data, "train"), options.runs, effort):
        print(path)
