"""The thesis's curve: its recipe at every lambda. What the comparison with it rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.fit import CurveRun, Schedule, begun_from, fit_into, is_fitted
from isthmus.training.pointcloud.thesis_recipe import LAMBDAS, SCHEDULE, ThesisRecipe
from isthmus.training.pointcloud.views import views
from isthmus.training.precision import fastest

FIRST = "lambda0.pt"


def _short(epochs: int) -> Schedule:
    return Schedule(epochs=epochs, kind="cosine", learning_rate=1e-3, batch_size=32)


# The thesis trains every lambda from scratch. So do we for lite and micro; the full width would take a day on two
# cores, so its largest lambda is trained from scratch (at 1,024 points; fewer points go on from there) and each smaller
# one goes on from the one before. The codecs that ship were trained by these very schedules, one a lambda.
FULL = (
    replace(SCHEDULE, epochs=50, patience=7, early_stop=10),
    replace(SCHEDULE, epochs=12, patience=3, early_stop=7),
    *(_short(8),) * 3,
    *(_short(5),) * 4,
)
FULL_FEWER_POINTS = (_short(12), *(_short(5),) * 8)
STARTS = {("full", "p256"): "full-thesis-p1024"}
"""Curve whose network of the largest lambda another one goes on from."""


def lambda_schedules(config_name: str, epochs: int = 0, *, is_begun: bool) -> tuple[Schedule, ...]:
    """How each lambda is trained, the largest first.

    Args:
        epochs: of each; 0: as the tables have it.
        is_begun: whether the first goes on from another curve.
    """
    schedules = (SCHEDULE,) * len(LAMBDAS)
    if config_name == "full":
        schedules = FULL_FEWER_POINTS if is_begun else FULL
    return tuple(replace(schedule, epochs=epochs) for schedule in schedules) if epochs else schedules


def train_thesis_curve(
    config_name: str,
    points: int,
    train: CloudSet,
    validation: CloudSet,
    run: CurveRun,
    epochs: int = 0,
) -> list[Path]:
    """The thesis's recipe at every lambda. The full width is annealed from one lambda to the next (cost).

    Args:
        points: of a cloud.
        epochs: of each lambda; 0: as `lambda_schedules` has it.

    Raises:
        InputError: the folder holds points of other classes, or trained for longer or shorter.
    """
    folder, seed, start = run.folder, run.seed, run.start
    held_out = views(validation, points, random_heading=False)
    anneal = config_name == "full"
    dtype = fastest() if anneal else torch.float32
    done: list[Path] = []
    previous: dict[str, Tensor] | None = begun_from(start, train) if start is not None else None
    schedules = lambda_schedules(config_name, epochs, is_begun=start is not None)
    for i, trade_off in enumerate(LAMBDAS):
        path = folder / f"lambda{i}.pt"
        done.append(path)
        torch.manual_seed(seed + i)
        recipe = ThesisRecipe(CONFIGS[config_name], len(train.class_names), points, trade_off, dtype).to(run.device)
        if is_fitted(path, train, schedules[i]):
            previous = load_checkpoint(path)["state"]
            continue
        if previous is not None and (anneal or i == 0):
            recipe.load_state_dict(previous)
        told = {"clouds": train.crc32(), "lambda": trade_off, "seed": seed + i, "config": config_name, "points": points}
        fit_into(path, recipe, train, held_out, schedules[i], seed=seed + i, parts={"state": recipe}, told=told)
        previous = recipe.state_dict()
    return done
