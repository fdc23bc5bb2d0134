"""What a training is of: the networks, what learns how fast, and what a batch costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isthmus.training.plan import Moment


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that learn alike; `rate` is their learning rate where the schedule is at its peak."""

    parameters: Sequence[nn.Parameter]
    rate: float
    weight_decay: float = 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a batch costs: `total` is lowered, the mean of each of `parts` over a round is told."""

    total: Tensor
    parts: dict[str, float]


class Recipe(ABC):
    """What is trained, and by which loss.

    Attributes:
        model: what is averaged, validated, and kept at its best.
    """

    model: nn.Module

    @abstractmethod
    def groups(self) -> list[Group]:
        """Every parameter that learns."""

    @abstractmethod
    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        """The costs of one step; the gradient of each is taken before the next is asked for."""

    def clipped(self) -> list[list[nn.Parameter]]:
        """Sets of parameters, the gradient of each of which is clipped to `Plan.clip_norm`. Default: `model`'s."""
        return [list(self.model.parameters())]

    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by name. Default: `model`."""
        return {"model": self.model}

    def begin_epoch(self, generator: torch.Generator) -> None:  # noqa: ARG002
        """Before an epoch's first step, and where a run goes on. Default: networks are put into training mode."""
        for module in self.modules().values():
            module.train()

    def validate(self, judged: nn.Module) -> dict[str, float]:  # noqa: ARG002
        """Figures of `model`, or of its average, in evaluation mode, on validation data. Default: none.

        `loss` is what decides which round is the best, where `Plan.is_best_kept`.
        """
        return {}
