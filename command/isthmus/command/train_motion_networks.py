"""`isthmus train motion-networks`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_motion_networks_command(
    data: Annotated[Path, typer.Option(help="Labelled images of 64 x 64 with a training split, a packed .npz.")],
    runs: Annotated[Path, typer.Option(help="Where checkpoints go; a killed run resumes here.")] = Path("runs/motion"),
    networks: Annotated[
        str,
        typer.Option(
            help="Which, comma apart: a kind of halving (max, mean, stride, blur, max-blur), with -motion if "
            "it is trained for motion (max-motion, blur-motion), or of three halvings and not four "
            "(max-s8, blur-s8, max-s8-motion, blur-s8-motion). Default: all."
        ),
    ] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Of each network's training.")] = 6,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Train the small networks of `isthmus measure motion --checkpoints`: how they halve, trained for motion or not.

    A few minutes each on one core. The measurement takes those that are there.
    """
    import torch

    from isthmus.data.image.labelled import load_labelled_images
    from isthmus.training.studies.motion_networks import NetworkEffort, train_motion_networks

    torch.set_num_threads(threads)
    names = tuple(name for name in networks.split(",") if name) or NetworkEffort().names
    effort = NetworkEffort(epochs=epochs, names=names)
    for path in train_motion_networks(load_labelled_images(data, "train"), runs, effort, seed):
        typer.echo(str(path))
