"""The thesis's codec over its whole range: a network for each number of points, lambda and seed.

The thesis trains one for each P and lambda and draws the front over all of them. Those of one width, one P and one seed
see the same clouds, and are trained side by side (`stack_trainer`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.checkpoint import save_checkpoint
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.fit import Schedule, is_fitted
from isthmus.training.pointcloud.stack_trainer import Member, StackRun, StackTrainer
from isthmus.training.pointcloud.thesis_recipe import SCHEDULE, ThesisRecipe
from isthmus.training.pointcloud.views import views

SWEPT_POINTS = (8, 16, 32, 64, 128, 256, 512, 1024)
SWEPT_LAMBDAS = (10.0, 14.0, 20.0, 28.0, 40.0, 80.0, 160.0, 240.0, 320.0, 1000.0, 4000.0, 8000.0, 16000.0)
SEEDED_LAMBDAS = (10.0, 40.0, 160.0, 1000.0, 16000.0)
"""Those that are trained by every seed; the first seed trains all."""


@dataclass(frozen=True, slots=True)
class SweepCurve:
    """The networks of one width, number of points and seed, which are trained side by side."""

    config: str
    points: int
    seed: int
    trade_offs: tuple[float, ...]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.config}-p{self.points}-seed{self.seed}"

    def codec_name(self, trade_off: float) -> str:
        """Of the codec that one of its networks becomes."""
        seed = f"-seed{self.seed}" if self.seed else ""
        return f"pc-{self.config}-p{self.points}-lambda{trade_off:g}{seed}"

    def path(self, folder: Path, trade_off: float) -> Path:
        """The file of one of its networks, in the folder of all curves."""
        return folder / self.name / f"lambda{trade_off:g}.pt"


def sweep_curves(
    configs: Sequence[str], points: Sequence[int], seeds: int, trade_offs: Sequence[float] = SWEPT_LAMBDAS
) -> list[SweepCurve]:
    """All first seeds, then the others, which train those of `trade_offs` that are `SEEDED_LAMBDAS`."""
    seeded = tuple(t for t in trade_offs if t in SEEDED_LAMBDAS)
    return [
        SweepCurve(config, count, seed, seeded if seed else tuple(trade_offs))
        for seed in range(seeds)
        for config in configs
        for count in points
        if seeded or not seed
    ]


def curves_to_train(curves: Sequence[SweepCurve], is_there: Callable[[str], bool]) -> list[SweepCurve]:
    """Those whose codecs are not there yet, with the trade-offs that are missing."""
    wanted = [(c, tuple(t for t in c.trade_offs if not is_there(c.codec_name(t)))) for c in curves]
    return [replace(curve, trade_offs=missing) for curve, missing in wanted if missing]


def sweep_schedule(epochs: int = 0) -> Schedule:
    """The thesis's; so many `epochs` at most, 0: as it has them."""
    return replace(SCHEDULE, epochs=epochs) if epochs else SCHEDULE


def train_sweep_curve(
    curve: SweepCurve, train: CloudSet, validation: CloudSet, folder: Path, schedule: Schedule
) -> dict[Path, str]:
    """Train the networks of a curve that are not there yet; files of all, with the names of their codecs.

    Raises:
        InputError: the folder holds networks of other clouds, or of another schedule.
    """
    codecs = {curve.path(folder, trade_off): curve.codec_name(trade_off) for trade_off in curve.trade_offs}
    missing = [t for t, path in zip(curve.trade_offs, codecs, strict=True) if not is_fitted(path, train, schedule)]
    if not missing:
        return codecs
    unfinished = folder / curve.name / "unfinished.ckpt"
    make = partial(_networks, curve, len(train.class_names))
    torch.manual_seed(curve.seed)
    members = [Member(t, network.state_dict()) for t, network in zip(missing, make(missing), strict=True)]
    trainer = StackTrainer(
        make,
        members,
        train,
        views(validation, curve.points, random_heading=False),
        schedule,
        StackRun(curve.points, curve.seed, curve.name, unfinished),
    )
    done, seconds = trainer.run()
    for member in done:
        _keep(curve.path(folder, member.trade_off), curve, member, seconds / len(done), train, schedule)
    unfinished.unlink(missing_ok=True)
    return codecs


def _networks(curve: SweepCurve, classes: int, trade_offs: Sequence[float]) -> list[ThesisRecipe]:
    config = CONFIGS[curve.config]
    return [ThesisRecipe(config, classes, curve.points, trade_off, torch.float32) for trade_off in trade_offs]


def _keep(path: Path, curve: SweepCurve, member: Member, seconds: float, train: CloudSet, schedule: Schedule) -> None:
    """The file of one network, as `fit_into` writes it."""
    best = {name: value for name, value in member.best.items() if name != "epoch"}
    history = {"best_epoch": member.best["epoch"], "epochs": member.epochs, "seconds": round(seconds), **best}
    content = {
        "clouds": train.crc32(),
        "lambda": member.trade_off,
        "seed": curve.seed,
        "config": curve.config,
        "points": curve.points,
        "history": history,
        "schedule": asdict(schedule),
        "class_names": train.class_names,
        "state": member.best_state,
    }
    save_checkpoint(path, content)
