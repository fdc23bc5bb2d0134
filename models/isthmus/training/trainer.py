"""The one training loop: groups of parameters, schedule, clipping, moving average, validation, checkpoint and resume.

A `Recipe` says what is trained and what a batch costs; a `Plan` says how long and how fast; the trainer owns everything
that is the same for all of them. Killed at any time, a training goes on from its last round with the very numbers that
it would have drawn, and ends in the same weights to the bit.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from isthmus.common.errors import InputError
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.plan import Moment, Plan, Plateau
from isthmus.training.recipe import Recipe
from isthmus.training.reporter import Reporter

PLATEAU_FACTOR = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a training.

    Attributes:
        history: a row a round: `epoch` or `step`, from 1, the means of the costs' parts, and the validation.
        best: the row whose weights the model has; empty where no round was validated.
        seconds: of all its runs together.
    """

    history: list[dict[str, float]]
    best: dict[str, float]
    seconds: float


class Trainer:
    """One training; `run` does it.

    Args:
        generator: of everything that is drawn beside torch's own, which the caller has seeded.
        label: its name, for people.
        resume: checkpoint of an unfinished run, gone on from if it is there; the caller removes it when it has kept
            what was trained.

    Raises:
        InputError: the checkpoint is of a training with another plan.
    """

    def __init__(
        self, recipe: Recipe, plan: Plan, generator: torch.Generator, *, label: str, resume: Path | None = None
    ) -> None:
        self._recipe, self._plan, self._generator = recipe, plan, generator
        self._label, self._resume = label, resume
        groups = [group for group in recipe.groups() if group.parameters]
        self._rates = [group.rate for group in groups]
        self._optimizer = torch.optim.AdamW(
            [{"params": list(g.parameters), "lr": g.rate, "weight_decay": g.weight_decay} for g in groups]
        )
        self._device = next(recipe.model.parameters()).device
        self._average = copy.deepcopy(recipe.model) if plan.average_decay else None
        self._done, self._seconds = 0, 0.0
        self._history: list[dict[str, float]] = []
        self._best: dict[str, float] = {}
        self._best_state: dict[str, Tensor] = {}
        self._stale, self._plateau_rate = 0, 1.0
        self._sums: dict[str, float] = {}  # of the costs' parts in this round, and its steps
        self._counted = 0
        if resume is not None and resume.exists():
            self._load(resume)

    def run(self) -> Outcome:
        """Train the recipe's model in place, from where it is to its end.

        Raises:
            InputError: the best round is to be kept, and no round's loss was finite.
        """
        plan, began, start = self._plan, time.monotonic() - self._seconds, self._done
        reporter = Reporter(self._label, plan.total)
        while self._done < plan.total and not self._is_given_up():
            at = plan.moment(self._done)
            if at.step == 0 or self._done == start:
                self._recipe.begin_epoch(self._generator)
            self._step(at)
            self._done += 1
            reporter.step(self._done)
            if plan.ends_round(self._done):
                row = self._end_round(at)
                self._seconds = time.monotonic() - began
                whole = plan.total if plan.round_steps else plan.epochs
                told = {name: value for name, value in row.items() if name != plan.unit}
                reporter.row(f"{row[plan.unit]}/{whole}", told, self._seconds)
                self._save()
        reporter.close()
        self._keep()
        return Outcome(self._history, self._best, self._seconds)

    def _step(self, at: Moment) -> None:
        decay = self._plan.decay
        factor = self._plateau_rate if isinstance(decay, Plateau) else decay(at)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._optimizer.zero_grad(set_to_none=True)
        for cost in self._recipe.costs(at, self._generator):
            cost.total.backward()  # type: ignore[no-untyped-call]
            for name, value in cost.parts.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
        self._counted += 1
        for parameters in self._recipe.clipped():
            nn.utils.clip_grad_norm_(parameters, self._plan.clip_norm)
        self._optimizer.step()
        if self._average is not None:
            update_average(self._average, self._recipe.model, self._plan.average_decay, at.number)

    def _end_round(self, at: Moment) -> dict[str, float]:
        """Validate, and remember what is best; the round's row."""
        judged = self._recipe.model if self._average is None else self._average
        means = {name: total / self._counted for name, total in self._sums.items()}
        self._sums, self._counted = {}, 0
        modes = [(module, module.training) for module in judged.modules()]
        judged.eval()
        with torch.no_grad():
            figures = self._recipe.validate(judged)
        for module, is_training in modes:
            module.training = is_training
        row = {self._plan.unit: at.number + 1 if self._plan.round_steps else at.epoch + 1, **means, **figures}
        self._history.append(row)
        if not self._plan.is_best_kept:
            self._best = row
        elif figures["loss"] < self._best.get("loss", math.inf):
            self._best, self._best_state, self._stale = row, copy.deepcopy(judged.state_dict()), 0
        else:
            self._stale += 1
            decay = self._plan.decay
            if isinstance(decay, Plateau) and self._stale % (decay.patience + 1) == decay.patience:
                self._plateau_rate *= PLATEAU_FACTOR
        return row

    def _is_given_up(self) -> bool:
        return isinstance(self._plan.decay, Plateau) and self._stale >= self._plan.decay.early_stop

    def _keep(self) -> None:
        """Give the model the weights that are to stay."""
        if self._plan.is_best_kept:
            if not self._best:
                raise InputError(
                    f"{self._label}: expected a finite validation loss, never had one: lower the learning rate"
                )
            self._recipe.model.load_state_dict(self._best_state)
        elif self._average is not None:
            self._recipe.model.load_state_dict(self._average.state_dict())

    def _identity(self) -> dict[str, float]:
        """What a checkpoint must agree with to be gone on from."""
        return {
            "epochs": self._plan.epochs,
            "steps": self._plan.steps,
            "parameters": sum(p.numel() for group in self._optimizer.param_groups for p in group["params"]),
        }

    def _save(self) -> None:
        if self._resume is None:
            return
        save_checkpoint(
            self._resume,
            {
                "training": self._identity(),
                "modules": {name: module.state_dict() for name, module in self._recipe.modules().items()},
                "average": self._average.state_dict() if self._average is not None else {},
                "optimizer": self._optimizer.state_dict(),
                "generator": self._generator.get_state(),
                "torch_generator": torch.get_rng_state(),
                "device_generator": torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None,
                "done": self._done,
                "seconds": self._seconds,
                "history": self._history,
                "best": self._best,
                "best_state": self._best_state,
                "stale": self._stale,
                "plateau_rate": self._plateau_rate,
            },
        )

    def _load(self, path: Path) -> None:
        saved = load_checkpoint(path, expected=("training", "modules", "optimizer"))
        if saved["training"] != self._identity():
            raise InputError(
                f"{path}: expected a checkpoint of {self._identity()}, got one of {saved['training']}: train with the "
                "options that it was begun with, or remove it, or choose another folder"
            )
        for name, module in self._recipe.modules().items():
            module.load_state_dict(saved["modules"][name])
        if self._average is not None:
            self._average.load_state_dict(saved["average"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self._generator.set_state(saved["generator"])
        torch.set_rng_state(saved["torch_generator"])
        if saved["device_generator"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(saved["device_generator"], self._device)
        self._done, self._seconds, self._history = saved["done"], saved["seconds"], saved["history"]
        self._best, self._best_state = saved["best"], saved["best_state"]
        self._stale, self._plateau_rate = saved["stale"], saved["plateau_rate"]


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the exponential average of the weights one step, faster while it is young."""
    decay = min(decay, (1 + step) / (10 + step))
    for a, b in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)
