"""Training of point-cloud networks: a network that knows its loss, and the clouds it learns from."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.common.errors import InputError
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.plan import Moment, Plan, Plateau, warm_cosine
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer

VALIDATION_BATCH = 64
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    `kind` "plateau": the rate falls tenfold after `patience` epochs without a better validation loss, and training ends
    after `early_stop` of them. `kind` "cosine": warm-up, then a cosine to zero over `epochs`.
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

    def plan(self, clouds: int) -> Plan:
        """Over so many training clouds; the epoch with the best validation loss is kept."""
        is_plateau = self.kind == "plateau"
        return Plan(
            epochs=self.epochs,
            steps=max(1, clouds // self.batch_size),
            decay=Plateau(self.patience, self.early_stop) if is_plateau else warm_cosine(self.warmup_fraction),
            average_decay=self.ema_decay,
            is_best_kept=True,
        )


@dataclass(frozen=True, slots=True)
class CurveRun:
    """Where a curve is trained, and from what.

    Attributes:
        folder: of its checkpoints and finished points.
        seed: of everything random.
        start: checkpoint of another curve, which its first network goes on from; None: from scratch.
        device: that it is trained on.
    """

    folder: Path
    seed: int = 0
    start: Path | None = None
    device: torch.device = CPU


class CloudNetwork(nn.Module, ABC):
    """A network with the loss it is trained by."""

    @abstractmethod
    def loss(self, points: Tensor, labels: Tensor, progress: float) -> Tensor:
        """Scalar loss of a batch, points ``[3, batch, points]``; `progress` runs from 0 to 1 over training."""

    @abstractmethod
    def validate(self, points: Tensor, labels: Tensor) -> dict[str, float]:
        """Sums over a batch: `loss` (lower is better) and whatever should be logged; points ``[3, batch, points]``."""

    @abstractmethod
    def draw(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """Training points ``[3, batch, points]`` of stored clouds ``[batch, points, 3]``, augmented."""


class CloudRecipe(Recipe):
    """A `CloudNetwork` on a set of clouds, every one of which is seen once an epoch.

    Args:
        validation: points ``[3, clouds, points]`` and labels ``[clouds]``.
    """

    model: CloudNetwork

    def __init__(
        self, network: CloudNetwork, train: CloudSet, validation: tuple[Tensor, Tensor], schedule: Schedule
    ) -> None:
        self.model = network
        self._schedule = schedule
        self._points, self._labels = torch.from_numpy(train.points), torch.from_numpy(train.labels)
        self._validation = validation
        self._order = torch.empty(0, dtype=torch.int64)

    def groups(self) -> list[Group]:
        return [Group(list(self.model.parameters()), self._schedule.learning_rate, self._schedule.weight_decay)]

    def begin_epoch(self, generator: torch.Generator) -> None:
        self.model.train()
        self._order = torch.randperm(len(self._labels), generator=generator)

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        size = self._schedule.batch_size
        index = self._order[at.step * size : (at.step + 1) * size]
        device = next(self.model.parameters()).device
        batch = self.model.draw(self._points[index], generator).to(device)
        loss = self.model.loss(batch, self._labels[index].to(device), at.progress)
        yield Cost(loss, {"train_loss": loss.item()})

    def validate(self, judged: nn.Module) -> dict[str, float]:
        """Means of the network's own validation sums."""
        assert isinstance(judged, CloudNetwork)  # the model, or a copy of it
        (points, labels), device = self._validation, next(judged.parameters()).device
        sums: dict[str, float] = {}
        for i in range(0, len(labels), VALIDATION_BATCH):
            part = slice(i, i + VALIDATION_BATCH)
            for name, value in judged.validate(points[:, part].to(device), labels[part].to(device)).items():
                sums[name] = sums.get(name, 0.0) + value
        return {name: value / len(labels) for name, value in sums.items()}


def fit(
    network: CloudNetwork,
    train: CloudSet,
    validation: tuple[Tensor, Tensor],
    schedule: Schedule,
    *,
    seed: int,
    checkpoint: Path | None = None,
    label: str = "train",
) -> dict[str, Any]:
    """Train `network` in place; it ends with the weights of its best validation epoch.

    Args:
        validation: points ``[3, clouds, points]`` and labels ``[clouds]``.
        checkpoint: where an unfinished run goes on.

    Returns the history: best epoch, its metrics, epochs run, seconds.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    recipe = CloudRecipe(network, train, validation, schedule)
    done = Trainer(recipe, schedule.plan(len(train)), generator, label=label, resume=checkpoint).run()
    metrics = {name: value for name, value in done.best.items() if name not in ("epoch", "train_loss")}
    return {
        "best_epoch": done.best["epoch"],
        "epochs": len(done.history),
        "seconds": round(done.seconds),
        **metrics,
    }


def fit_into(
    path: Path,
    network: CloudNetwork,
    train: CloudSet,
    validation: tuple[Tensor, Tensor],
    schedule: Schedule,
    *,
    seed: int,
    parts: Mapping[str, nn.Module],
    told: Mapping[str, Any],
) -> None:
    """`fit`, a killed run of which goes on, and keep it in `path`: the weights of `parts`, and what is `told` of it.

    Args:
        validation: points ``[3, clouds, points]`` and labels ``[clouds]``.
    """
    unfinished = path.with_suffix(".ckpt")
    label = f"{path.parent.name} {path.stem}"
    history = fit(network, train, validation, schedule, seed=seed, checkpoint=unfinished, label=label)
    weights = {name: {k: v.cpu() for k, v in module.state_dict().items()} for name, module in parts.items()}
    content = {**told, "history": history, "schedule": asdict(schedule), "class_names": train.class_names}
    save_checkpoint(path, content | weights)
    path.with_suffix(".json").write_text(json.dumps(history, indent=1) + "\n")
    unfinished.unlink(missing_ok=True)


def begun_from(path: Path, train: CloudSet) -> dict[str, Tensor]:
    """Weights ``[...]`` by name of a network that `fit_into` has made, for another one to go on from.

    Raises:
        InputError: it is none, or of other classes.
    """
    saved = load_checkpoint(path, expected=("class_names", "state"))
    if saved["class_names"] != train.class_names:
        raise InputError(
            f"{path}: expected a network of the classes {train.class_names} to go on from, got one of "
            f"{saved['class_names']}: give another --start, or --start none"
        )
    state: dict[str, Tensor] = saved["state"]
    return state


def is_fitted(path: Path, train: CloudSet, schedule: Schedule) -> bool:
    """Whether `fit_into` has made this file, from these clouds.

    Raises:
        InputError: it has, from others, or by another schedule.
    """
    if not path.exists():
        return False
    saved = load_checkpoint(path, expected=("class_names", "clouds", "schedule"))
    for what, found, wanted in (
        ("the classes", saved["class_names"], train.class_names),
        ("the clouds with the CRC", saved["clouds"], train.crc32()),
        ("the schedule", saved["schedule"], asdict(schedule)),
    ):
        if found != wanted:
            raise InputError(f"{path}: expected a network of {what} {wanted}, got one of {found}: give another --runs")
    return True
