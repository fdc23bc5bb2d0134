"""Training of several networks side by side: each with its own rate, plateau, best epoch and end.

What `isthmus.training.trainer` does for one network under a plateau schedule, for all of a `StackedRecipe`: the
gradient of each is clipped by itself, each one's rate falls when its own validation loss stands still, and one that is
given up leaves the stack, which then goes on narrower. A killed training goes on from its last saved epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.common.errors import InputError
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.pointcloud.augment import draw_points, normalize
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.fit import Schedule
from isthmus.training.pointcloud.stacked_recipe import StackedRecipe
from isthmus.training.pointcloud.thesis_recipe import ThesisRecipe
from isthmus.training.reporter import Reporter
from isthmus.training.trainer import PLATEAU_FACTOR

CLIP_NORM = 1.0
SAVE_EVERY_S = 60.0
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class Member:
    """One network of a stack, between epochs.

    Attributes:
        trade_off: its lambda.
        state: its weights, by their names in `ThesisRecipe`.
        moments: of its optimizer, by ``exp_avg`` or ``exp_avg_sq`` and the weights' names, flat.
        steps: that it has taken.
        epochs: that it has been judged after.
        rate: factor on its learning rate.
        stale: epochs since its best.
        best: row of its best epoch.
        best_state: weights of that epoch.
        is_done: whether it has been given up, or is at its last epoch.
    """

    trade_off: float
    state: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    steps: int = 0
    epochs: int = 0
    rate: float = 1.0
    stale: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_state: dict[str, Tensor] = field(default_factory=dict)
    is_done: bool = False

    def judged(self, row: dict[str, float], state: Callable[[], dict[str, Tensor]], schedule: Schedule) -> None:
        """After an epoch: is it the best, does the rate fall, is it over? `state` gives weights ``[...]`` by name."""
        self.epochs += 1
        if row["loss"] < self.best.get("loss", math.inf):
            self.best, self.best_state, self.stale = {"epoch": self.epochs, **row}, state(), 0
        else:
            self.stale += 1
            if self.stale % (schedule.patience + 1) == schedule.patience:
                self.rate *= PLATEAU_FACTOR
        self.is_done = self.epochs >= schedule.epochs or self.stale >= schedule.early_stop


@dataclass(frozen=True, slots=True)
class StackRun:
    """One training of a stack.

    Attributes:
        points: of a cloud.
        seed: of the order of clouds, the points drawn of them, and the noise.
        label: its name, for people.
        resume: checkpoint of an unfinished run.
    """

    points: int
    seed: int
    label: str
    resume: Path


class _Step:
    """A stack with its optimizer, made of members and written back into them."""

    def __init__(self, members: Sequence[Member], networks: Sequence[ThesisRecipe], rate: float) -> None:
        self.members = members
        for network, member in zip(networks, members, strict=True):
            network.load_state_dict(member.state)
        self.recipe = StackedRecipe(networks)
        self._rate = rate
        rows = {name: self.recipe.rows(value) for name, value in self.recipe.learned.items()}
        self._rows = [{name: nn.Parameter(row[number]) for name, row in rows.items()} for number in range(len(members))]
        groups = [{"params": list(row.values()), "lr": rate, "weight_decay": 0.0} for row in self._rows]
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        for member, own in zip(members, self._rows, strict=True):
            for name, moments in member.moments.items():
                at = {key: moments[key].clone() for key in MOMENTS}
                self._optimizer.state[own[name]] = {"step": torch.tensor(float(member.steps)), **at}

    def take(self, points: Tensor, labels: Tensor) -> Tensor:
        """One step of all; their losses ``[members]``."""
        losses = self.recipe.losses(points, labels)
        found = torch.autograd.grad(losses.sum(), list(self.recipe.learned.values()))
        gradients = [self.recipe.rows(gradient) for gradient in found]
        norms = torch.stack([torch.linalg.vector_norm(g, dim=1) for g in gradients]).norm(dim=0)
        factors = (CLIP_NORM / (norms + 1e-6)).clamp_max(1.0)[:, None]
        for group, member in zip(self._optimizer.param_groups, self.members, strict=True):
            group["lr"] = self._rate * member.rate
        by_network = zip(*(gradient.mul_(factors).unbind(0) for gradient in gradients), strict=True)
        for own, rows in zip(self._rows, by_network, strict=True):
            for parameter, gradient in zip(own.values(), rows, strict=True):
                parameter.grad = gradient
        self._optimizer.step()
        return losses.detach()

    def write_back(self, steps: int) -> None:
        """Into the members, as they are after so many more steps."""
        for number, (member, own) in enumerate(zip(self.members, self._rows, strict=True)):
            member.state = self.recipe.state(number)
            state = {name: self._optimizer.state[parameter] for name, parameter in own.items()}
            member.moments = {name: {key: s[key].clone() for key in MOMENTS} for name, s in state.items()}
            member.steps += steps


class StackTrainer:
    """One training of several networks on the same clouds; `run` does it.

    Args:
        networks: makes that many networks of the stack's shape.
        members: with their first weights; what a checkpoint holds takes their place.
        validation: points ``[3, clouds, points]`` and labels ``[clouds]``.
        run: see there.

    Raises:
        InputError: the checkpoint is of another training.
    """

    def __init__(
        self,
        networks: Callable[[Sequence[float]], list[ThesisRecipe]],
        members: list[Member],
        train: CloudSet,
        validation: tuple[Tensor, Tensor],
        schedule: Schedule,
        run: StackRun,
    ) -> None:
        self._networks, self._members, self._schedule = networks, members, schedule
        self._points, self._labels = torch.from_numpy(train.points), torch.from_numpy(train.labels)
        self._validation, self._count = validation, run.points
        self._label, self._resume = run.label, run.resume
        self._generator = torch.Generator().manual_seed(run.seed)
        torch.manual_seed(run.seed)
        self._epochs, self._seconds = 0, 0.0
        self._identity: dict[str, Any] = {
            "trade_offs": [member.trade_off for member in members],
            "schedule": {"epochs": schedule.epochs, "batch_size": schedule.batch_size},
            "clouds": train.crc32(),
            "points": run.points,
            "seed": run.seed,
        }
        if run.resume.exists():
            self._load()

    def run(self) -> tuple[list[Member], float]:
        """Train to the end; the members with their best weights, and the seconds that it took in all."""
        began, saved = time.monotonic() - self._seconds, time.monotonic()
        reporter = Reporter(self._label, self._schedule.epochs)
        while active := [member for member in self._members if not member.is_done]:
            with torch.random.fork_rng(devices=[]):  # first weights that are overwritten draw nothing of the noise
                networks = self._networks([member.trade_off for member in active])
            step = _Step(active, networks, self._schedule.learning_rate)
            steps = 0
            while not any(member.is_done for member in active):
                steps += self._epoch(step)
                self._judge(step)
                self._seconds = time.monotonic() - began
                reporter.step(self._epochs)
                is_late = time.monotonic() - saved > SAVE_EVERY_S
                if is_late or any(member.is_done for member in active):
                    step.write_back(steps)
                    steps, saved = 0, time.monotonic()
                    self._save()
            told = {"left": float(sum(not member.is_done for member in active))}
            reporter.row(f"{self._epochs}/{self._schedule.epochs}", told, self._seconds)
        reporter.close()
        return self._members, self._seconds

    def _epoch(self, step: _Step) -> int:
        """Every training cloud once; how many steps that were."""
        size = self._schedule.batch_size
        order = torch.randperm(len(self._labels), generator=self._generator)
        steps = max(1, len(order) // size)
        for number in range(steps):
            index = order[number * size : (number + 1) * size]
            batch = normalize(draw_points(self._points[index], self._count, self._generator))
            step.take(batch, self._labels[index])
        self._epochs += 1
        return steps

    def _judge(self, step: _Step) -> None:
        judged = step.recipe.judge(*self._validation)
        for number, member in enumerate(step.members):
            row = {
                "loss": judged.loss[number].item(),
                "bits": judged.bits[number].item(),
                "top1_percent": judged.top1_percent[number].item(),
            }
            member.judged(row, lambda number=number: step.recipe.state(number), self._schedule)  # type: ignore[misc]

    def _save(self) -> None:
        save_checkpoint(
            self._resume,
            {
                "training": self._identity,
                "members": [{f.name: getattr(member, f.name) for f in fields(Member)} for member in self._members],
                "generator": self._generator.get_state(),
                "torch_generator": torch.get_rng_state(),
                "epochs": self._epochs,
                "seconds": self._seconds,
            },
        )

    def _load(self) -> None:
        saved = load_checkpoint(self._resume, expected=("training", "members", "generator"))
        if saved["training"] != self._identity:
            raise InputError(
                f"{self._resume}: expected a checkpoint of {self._identity}, got one of {saved['training']}: train "
                "with the options that it was begun with, or remove it, or give another --runs"
            )
        self._members = [Member(**member) for member in saved["members"]]
        self._generator.set_state(saved["generator"])
        torch.set_rng_state(saved["torch_generator"])
        self._epochs, self._seconds = saved["epochs"], saved["seconds"]
