"""How long and how fast a training goes: epochs of steps, the learning rate's schedule, and when it is validated.

A training is a number of epochs of a number of steps; one that counts in steps only is one epoch. Steps are grouped
into *rounds*: at the end of each, what was learned is validated, told and saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a training is: `step` of `epoch`, both from 0."""

    epoch: int
    step: int
    epochs: int
    steps: int

    @property
    def progress(self) -> float:
        """From 0 to 1 over the training."""
        return (self.epoch + self.step / self.steps) / self.epochs

    @property
    def number(self) -> int:
        """Of the step in the training, from 0."""
        return self.epoch * self.steps + self.step


Decay = Callable[[Moment], float]


def cosine(progress: float, warmup: float) -> float:
    """Learning-rate factor: linear up over `warmup`, then a half cosine to zero."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def warm_cosine(warmup: float) -> Decay:
    """`cosine` of the progress."""
    return lambda at: cosine(at.progress, warmup)


@dataclass(frozen=True, slots=True)
class Plateau:
    """The rate falls tenfold after `patience` rounds without a better validation; training ends after `early_stop`."""

    patience: int
    early_stop: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how fast, and what is kept.

    Attributes:
        steps: of an epoch.
        decay: factor on every group's rate; a `Plateau` instead of it looks at the validation.
        epochs: 1 for a training that counts in steps only.
        round_steps: steps of a round; 0: an epoch.
        clip_norm: largest norm of the gradient of each of the recipe's clipped sets.
        average_decay: of the moving average of the weights; 0 for none. Where there is one, it is validated and kept.
        is_best_kept: the model ends with the weights of its best round, not of its last.
    """

    steps: int
    decay: Decay | Plateau
    epochs: int = 1
    round_steps: int = 0
    clip_norm: float = 1.0
    average_decay: float = 0.0
    is_best_kept: bool = False

    @property
    def total(self) -> int:
        """Steps of the training."""
        return self.epochs * self.steps

    @property
    def unit(self) -> str:
        """What its rounds are counted in."""
        return "step" if self.round_steps else "epoch"

    def moment(self, number: int) -> Moment:
        """Of a step, from 0."""
        return Moment(*divmod(number, self.steps), self.epochs, self.steps)

    def ends_round(self, done: int) -> bool:
        """Whether a round ends with so many steps done."""
        return done == self.total or done % (self.round_steps or self.steps) == 0
