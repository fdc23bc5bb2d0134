"""One curve by one command: all rate points of one configuration, for one kind of input, by one recipe.

Every finished point is a file, and an unfinished one has a checkpoint, so that a killed run goes on where it was.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.models.pointcloud.categorical import Alphabet, CategoricalCodec
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.pointcloud.augment import Augmentation
from isthmus.training.pointcloud.datasets import CloudSet, fixed_draw
from isthmus.training.pointcloud.isthmus_recipe import Backbone, Pretraining, SymbolLearning
from isthmus.training.pointcloud.thesis_recipe import LAMBDAS, SCHEDULE, ThesisRecipe
from isthmus.training.trainer import Schedule, fit

FEATURE_VIEWS = 16
CPU = torch.device("cpu")

# The thesis trains every lambda from scratch. So do we for lite and micro; the full width would take a day on two
# cores, so its largest lambda is trained from scratch (at 1,024 points; fewer points go on from there) and each smaller
# one goes on from the one before.
FULL_FIRST = replace(SCHEDULE, epochs=40, patience=7, early_stop=10)
FULL_FEWER_POINTS = Schedule(epochs=12, kind="cosine", learning_rate=1e-3, batch_size=32)
FULL_NEXT = Schedule(epochs=5, kind="cosine", learning_rate=1e-3, batch_size=32)


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Alphabet and trade-off (lambda, in bits a nat) of one point of a curve."""

    alphabet: Alphabet
    trade_off: float
    patience: int = 1  # times the usual epochs


LADDER = (
    RatePoint(Alphabet(2, 4), 6.0),
    RatePoint(Alphabet(2, 8), 12.0),
    RatePoint(Alphabet(2, 8), 30.0),
    RatePoint(Alphabet(2, 16), 40.0),
    RatePoint(Alphabet(2, 16), 100.0),
    RatePoint(Alphabet(2, 32), 150.0),
    RatePoint(Alphabet(3, 32), 250.0),
    RatePoint(Alphabet(4, 32), 600.0),
    RatePoint(Alphabet(8, 16), 2000.0),
    RatePoint(Alphabet(16, 8), 8000.0),
)


# Micro's symbols stay under the best accuracy of its unquantised features: one more point, larger and longer trained.
MORE_POINTS = {("micro", "p1024"): (RatePoint(Alphabet(16, 16), 30000.0, patience=3),)}


@dataclass(frozen=True, slots=True)
class Variant:
    """What the codec is for: the clouds it will see."""

    name: str
    augmentation: Augmentation
    validation_points: int
    random_heading: bool


def _aligned(points: int) -> Augmentation:
    return Augmentation(points, points, heading_degrees=10, tilt_degrees=4, scale=0.15, jitter=0.02)


VARIANTS = {
    "p1024": Variant("p1024", _aligned(1024), 1024, random_heading=False),
    "p256": Variant("p256", _aligned(256), 256, random_heading=False),
    "any": Variant(
        "any",
        Augmentation(256, 2048, heading_degrees=180, tilt_degrees=6, scale=0.25, jitter=0.025, drop=0.25, clump=0.3),
        1024,
        random_heading=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """Epochs of each stage. `cached` trains the symbols on stored features of a frozen edge half."""

    pretrain: int
    symbols: int
    cached: bool
    start_from: str = ""  # variant whose pretrained network this one's pretraining goes on from, if it is there


EFFORTS = {
    ("full", "p1024"): Effort(24, 30, cached=True),
    ("full", "p256"): Effort(12, 30, cached=True, start_from="p1024"),
    ("full", "any"): Effort(16, 30, cached=True, start_from="p1024"),
    ("lite", "p1024"): Effort(100, 25, cached=False),
    ("lite", "p256"): Effort(100, 20, cached=False),
    ("lite", "any"): Effort(100, 18, cached=False),
    ("micro", "p1024"): Effort(100, 25, cached=False),
    ("micro", "p256"): Effort(100, 30, cached=False),
    ("micro", "any"): Effort(100, 18, cached=False),
}


def views(clouds: CloudSet, points: int, random_heading: bool, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Fixed evaluation points ``[3, clouds, points]`` and labels; random headings are seeded."""
    drawn = fixed_draw(clouds, points)
    if random_heading:
        angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(drawn)).astype(np.float32)
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        x, y, z = drawn[..., 0], drawn[..., 1], drawn[..., 2]
        drawn = np.stack((c * x - s * y, s * x + c * y, z), axis=2)
    return torch.from_numpy(drawn).permute(2, 0, 1).contiguous(), torch.from_numpy(clouds.labels)


def train_isthmus_curve(
    config_name: str,
    variant: Variant,
    train: CloudSet,
    validation: CloudSet,
    folder: Path,
    seed: int,
    effort: Effort,
    device: torch.device = CPU,
) -> list[Path]:
    """Train every point of `LADDER`; returns the files of the finished points."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = len(train.class_names)
    held_out = views(validation, variant.validation_points, variant.random_heading)
    torch.manual_seed(seed)
    dtype = torch.bfloat16 if config_name == "full" else torch.float32
    backbone = Backbone(CONFIGS[config_name], dtype)
    pretraining = Pretraining(backbone, classes, variant.augmentation).to(device)
    start = folder / "pretrained.pt"
    before = folder.parent / f"{config_name}-{effort.start_from}" / "pretrained.pt"
    if effort.start_from and before.exists():
        pretraining.load_state_dict(torch.load(before, weights_only=False, map_location=device)["state"])
    if not start.exists():
        schedule = Schedule(effort.pretrain, learning_rate=4e-3, ema_decay=0.998, weight_decay=1e-3)
        history = fit(
            pretraining,
            train,
            held_out,
            schedule,
            seed=seed,
            checkpoint=folder / "pretrained.ckpt",
            label=f"{folder.name} pretrain",
        )
        _save(start, {"state": pretraining.state_dict(), "history": history, "schedule": asdict(schedule)})
    pretrained = torch.load(start, weights_only=False, map_location=device)["state"]
    pretraining.load_state_dict(pretrained)
    backbone.eval()
    cache = held_cache = None
    if effort.cached:
        cache = CloudSet(
            features_of(backbone, variant.augmentation, train, FEATURE_VIEWS, seed).numpy(),
            train.labels,
            train.class_names,
        )
        with torch.no_grad():
            parts = [backbone(held_out[0][:, i : i + 32].to(device)).cpu() for i in range(0, len(held_out[1]), 32)]
        held_cache = (torch.cat(parts)[None], held_out[1])
    done = []
    ladder = (*LADDER, *MORE_POINTS.get((config_name, variant.name), ()))
    for number, point in enumerate(ladder, 1):
        path = folder / f"q{number}.pt"
        done.append(path)
        if path.exists():
            continue
        torch.manual_seed(seed + number)
        pretraining.load_state_dict(pretrained)
        codec = CategoricalCodec(backbone.g_a.out_channels, classes, point.alphabet)
        recipe = SymbolLearning(codec, point.trade_off, None if effort.cached else backbone, variant.augmentation).to(
            device
        )
        schedule = Schedule(effort.symbols * point.patience, learning_rate=2e-3, ema_decay=0.998, weight_decay=1e-3)
        history = fit(
            recipe,
            cache or train,
            held_cache or held_out,
            schedule,
            seed=seed + number,
            checkpoint=folder / f"q{number}.ckpt",
            label=f"{folder.name} q{number}",
        )
        _save(
            path,
            {
                "backbone": backbone.state_dict(),
                "codec": codec.state_dict(),
                "history": history,
                "point": asdict(point),
                "schedule": asdict(schedule),
                "seed": seed,
                "config": config_name,
                "variant": variant.name,
                "class_names": train.class_names,
            },
        )
        (folder / f"q{number}.ckpt").unlink(missing_ok=True)
    return done


@torch.no_grad()
def features_of(backbone: Backbone, augmentation: Augmentation, train: CloudSet, count: int, seed: int) -> Tensor:
    """`count` augmented views of every training cloud as float16 features ``[clouds, count, channels]``."""
    backbone.eval()
    device = next(backbone.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    points = torch.from_numpy(train.points)
    out = torch.empty(len(train), count, backbone.g_a.out_channels, dtype=torch.float16)
    for view in range(count):
        for i in range(0, len(train), 32):
            batch = augmentation.draw(points[i : i + 32], generator).to(device)
            out[i : i + 32, view] = backbone(batch).half().cpu()
    return out


def train_thesis_curve(
    config_name: str,
    points: int,
    train: CloudSet,
    validation: CloudSet,
    folder: Path,
    seed: int,
    device: torch.device = CPU,
) -> list[Path]:
    """The thesis's recipe at every lambda. The full width is annealed from one lambda to the next (cost)."""
    folder.mkdir(parents=True, exist_ok=True)
    held_out = views(validation, points, random_heading=False)
    anneal = config_name == "full"
    dtype = torch.bfloat16 if anneal else torch.float32
    done: list[Path] = []
    previous: dict[str, Tensor] | None = None
    first = FULL_FIRST
    larger = folder.parent / f"{config_name}-thesis-p1024" / "lambda0.pt"
    if anneal and points < 1024 and larger.exists():
        previous, first = torch.load(larger, weights_only=False, map_location=device)["state"], FULL_FEWER_POINTS
    for i, trade_off in enumerate(LAMBDAS):
        path = folder / f"lambda{i}.pt"
        done.append(path)
        schedule = (first if i == 0 else FULL_NEXT) if anneal else SCHEDULE
        torch.manual_seed(seed + i)
        recipe = ThesisRecipe(CONFIGS[config_name], len(train.class_names), points, trade_off, dtype).to(device)
        if path.exists():
            previous = torch.load(path, weights_only=False, map_location=device)["state"]
            continue
        if anneal and previous is not None:
            recipe.load_state_dict(previous)
        history = fit(
            recipe,
            train,
            held_out,
            schedule,
            seed=seed + i,
            checkpoint=folder / f"lambda{i}.ckpt",
            label=f"{folder.name} {trade_off:g}",
        )
        previous = recipe.state_dict()
        _save(
            path,
            {
                "state": previous,
                "history": history,
                "lambda": trade_off,
                "schedule": asdict(schedule),
                "seed": seed + i,
                "config": config_name,
                "points": points,
                "class_names": train.class_names,
            },
        )
        (folder / f"lambda{i}.ckpt").unlink(missing_ok=True)
    return done


def _save(path: Path, content: dict[str, Any]) -> None:
    """Weights on the CPU, whatever made them, and the history beside them to read."""
    content = {
        key: {k: v.cpu() for k, v in value.items()} if key in ("state", "backbone", "codec") else value
        for key, value in content.items()
    }
    torch.save(content, path)
    path.with_suffix(".json").write_text(json.dumps(content["history"], indent=1) + "\n")
