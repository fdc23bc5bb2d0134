"""The thesis's curve: its recipe at every lambda. What the comparison with it rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.pointcloud.curve import CPU
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.fit import Schedule, fit_into, is_fitted
from isthmus.training.pointcloud.thesis_recipe import LAMBDAS, SCHEDULE, ThesisRecipe
from isthmus.training.pointcloud.views import views

# The thesis trains every lambda from scratch. So do we for lite and micro; the full width would take a day on two
# cores, so its largest lambda is trained from scratch (at 1,024 points; fewer points go on from there) and each smaller
# one goes on from the one before.
FULL_FIRST = replace(SCHEDULE, epochs=40, patience=7, early_stop=10)
FULL_FEWER_POINTS = Schedule(epochs=12, kind="cosine", learning_rate=1e-3, batch_size=32)
FULL_NEXT = Schedule(epochs=5, kind="cosine", learning_rate=1e-3, batch_size=32)


def train_thesis_curve(
    config_name: str,
    points: int,
    train: CloudSet,
    validation: CloudSet,
    folder: Path,
    seed: int,
    device: torch.device = CPU,
    epochs: int = 0,
) -> list[Path]:
    """The thesis's recipe at every lambda. The full width is annealed from one lambda to the next (cost).

    Args:
        points: of a cloud.
        epochs: of each lambda; 0: as the thesis has it.

    Raises:
        InputError: the folder holds points of other classes, or trained for longer or shorter.
    """
    held_out = views(validation, points, random_heading=False)
    anneal = config_name == "full"
    dtype = torch.bfloat16 if anneal else torch.float32
    done: list[Path] = []
    previous: dict[str, Tensor] | None = None
    first = FULL_FIRST
    larger = folder.parent / f"{config_name}-thesis-p1024" / "lambda0.pt"
    if anneal and points < 1024 and larger.exists():
        previous, first = load_checkpoint(larger, expected=("state",))["state"], FULL_FEWER_POINTS
    for i, trade_off in enumerate(LAMBDAS):
        path = folder / f"lambda{i}.pt"
        done.append(path)
        schedule = (first if i == 0 else FULL_NEXT) if anneal else SCHEDULE
        if epochs:
            schedule = replace(schedule, epochs=epochs)
        torch.manual_seed(seed + i)
        recipe = ThesisRecipe(CONFIGS[config_name], len(train.class_names), points, trade_off, dtype).to(device)
        if is_fitted(path, train, schedule):
            previous = load_checkpoint(path)["state"]
            continue
        if anneal and previous is not None:
            recipe.load_state_dict(previous)
        told = {"clouds": train.crc32(), "lambda": trade_off, "seed": seed + i, "config": config_name, "points": points}
        fit_into(path, recipe, train, held_out, schedule, seed=seed + i, parts={"state": recipe}, told=told)
        previous = recipe.state_dict()
    return done
