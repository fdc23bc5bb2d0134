"""One training loop: progress, schedule, averaging, validation, checkpoint and resume.

A recipe supplies the model and what a batch costs; the loop owns everything that is the same for all of them.
Killed at any time, it goes on from the last finished epoch, with the same random numbers it would have drawn.
"""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.common.errors import InputError
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.reporter import Reporter

GRADIENT_CLIP = 1.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    `kind` "plateau": Adam's rate falls tenfold after `patience` epochs without a better validation loss, and
    training ends after `early_stop` of them. `kind` "cosine": warm-up, then a cosine to zero over `epochs`.
    """

    epochs: int
    kind: str = "cosine"
    learning_rate: float = 1e-3
    batch_size: int = 32
    patience: int = 10
    early_stop: int = 15
    ema_decay: float = 0.0
    weight_decay: float = 0.0
    warmup_fraction: float = 0.05


class Recipe(nn.Module, ABC):
    """A model with the loss it is trained by."""

    @abstractmethod
    def loss(self, points: Tensor, labels: Tensor, progress: float) -> Tensor:
        """Scalar loss of a batch, points ``[3, batch, points]``; `progress` runs from 0 to 1 over training."""

    @abstractmethod
    def validate(self, points: Tensor, labels: Tensor) -> dict[str, float]:
        """Sums over a batch: `loss` (lower is better) and whatever should be logged."""

    @abstractmethod
    def draw(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """Training points ``[3, batch, points]`` of stored clouds ``[batch, points, 3]``, augmented."""


@dataclass(slots=True)
class Best:
    """The epoch to keep."""

    loss: float = math.inf
    epoch: int = -1
    state: dict[str, Tensor] | None = None
    metrics: dict[str, float] | None = None


def fit(
    recipe: Recipe,
    train: CloudSet,
    validation: tuple[Tensor, Tensor],
    schedule: Schedule,
    *,
    seed: int,
    checkpoint: Path | None = None,
    label: str = "train",
) -> dict[str, Any]:
    """Train `recipe` in place; it ends with the weights of its best validation epoch.

    Returns the history: best epoch, its metrics, epochs run, seconds.
    """
    device = next(recipe.parameters()).device
    points = torch.from_numpy(train.points)
    labels = torch.from_numpy(train.labels)
    optimizer = torch.optim.AdamW(recipe.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    average = copy.deepcopy(recipe) if schedule.ema_decay else None
    best, start, stale, rate_scale, seconds = Best(), 0, 0, 1.0, 0.0
    if checkpoint is not None and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False, map_location=device)
        recipe.load_state_dict(saved["recipe"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        torch.set_rng_state(saved["rng"])
        best, start, stale, rate_scale, seconds = saved["progress"]
        if average is not None:
            average.load_state_dict(saved["average"])
    steps = max(1, len(train) // schedule.batch_size)
    began = time.monotonic() - seconds
    epoch = start
    reporter = Reporter(label, schedule.epochs, steps)
    for epoch in range(start, schedule.epochs):
        if schedule.kind == "plateau" and stale >= schedule.early_stop:
            break
        recipe.train()
        order = torch.randperm(len(train), generator=generator)
        total = 0.0
        for step in range(steps):
            progress = (epoch + step / steps) / schedule.epochs
            rate = schedule.learning_rate * (
                rate_scale if schedule.kind == "plateau" else cosine(progress, schedule.warmup_fraction)
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            index = order[step * schedule.batch_size : (step + 1) * schedule.batch_size]
            batch = recipe.draw(points[index], generator).to(device)
            loss = recipe.loss(batch, labels[index].to(device), progress)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(recipe.parameters(), GRADIENT_CLIP)
            optimizer.step()
            if average is not None:
                update_average(average, recipe, schedule.ema_decay, epoch * steps + step)
            total += loss.item()
            reporter.step(epoch, step)
        judged = average if average is not None else recipe
        metrics = evaluate(judged, *validation)
        if metrics["loss"] < best.loss:
            best = Best(metrics["loss"], epoch, copy.deepcopy(judged.state_dict()), metrics)
            stale = 0
        else:
            stale += 1
            if schedule.kind == "plateau" and stale % (schedule.patience + 1) == schedule.patience:
                rate_scale *= 0.1
        seconds = time.monotonic() - began
        reporter.epoch(epoch, {"train loss": total / steps, **metrics}, seconds)
        if checkpoint is not None:
            save_checkpoint(
                checkpoint,
                {
                    "recipe": recipe.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "generator": generator.get_state(),
                    "rng": torch.get_rng_state(),
                    "progress": (best, epoch + 1, stale, rate_scale, seconds),
                    "average": average.state_dict() if average is not None else None,
                },
            )
    reporter.close()
    if best.state is None or best.metrics is None:
        raise InputError(f"expected a finite validation loss, {label} never had one: lower the learning rate")
    recipe.load_state_dict(best.state)
    return {"best_epoch": best.epoch + 1, "epochs": epoch + 1, "seconds": round(seconds), **best.metrics}


def cosine(progress: float, warmup: float) -> float:
    """Learning-rate factor: linear up over `warmup`, then a half cosine to zero."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the exponential average of the weights one step, faster while it is young."""
    decay = min(decay, (1 + step) / (10 + step))
    for a, b in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)


@torch.no_grad()
def evaluate(recipe: Recipe, points: Tensor, labels: Tensor, batch_size: int = 64) -> dict[str, float]:
    """Means of the recipe's own validation sums, points ``[3, clouds, points]``."""
    recipe.eval()
    device = next(recipe.parameters()).device
    sums: dict[str, float] = {}
    for i in range(0, len(labels), batch_size):
        part = recipe.validate(points[:, i : i + batch_size].to(device), labels[i : i + batch_size].to(device))
        for key, value in part.items():
            sums[key] = sums.get(key, 0.0) + value
    recipe.train()
    return {key: value / len(labels) for key, value in sums.items()}


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside, then rename: a kill in the middle leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
