"""One curve by one command: all rate points of one configuration, for one kind of input, by our recipe.

Every finished point is a file, and an unfinished one has a checkpoint, so that a killed run goes on where it was.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from isthmus.models.pointcloud.categorical import CategoricalCodec
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.fit import CurveRun, Schedule, begun_from, fit_into, is_fitted
from isthmus.training.pointcloud.isthmus_recipe import Backbone, Pretraining, SymbolLearning
from isthmus.training.pointcloud.rate_points import Effort, Variant, ladder
from isthmus.training.pointcloud.views import features_of, views
from isthmus.training.precision import fastest

FEATURE_VIEWS = 16
FEATURE_BATCH = 32
PRETRAINED = "pretrained.pt"


def train_isthmus_curve(
    config_name: str,
    variant: Variant,
    train: CloudSet,
    validation: CloudSet,
    effort: Effort,
    run: CurveRun,
) -> list[Path]:
    """Train every point of the curve's `ladder`; returns the files of the points.

    Raises:
        InputError: the folder holds points of other classes, or trained for longer or shorter.
    """
    folder, seed, device = run.folder, run.seed, run.device
    held_out = views(validation, variant.validation_points, random_heading=variant.random_heading)
    torch.manual_seed(seed)
    backbone = Backbone(CONFIGS[config_name], fastest() if config_name == "full" else torch.float32)
    pretraining = Pretraining(backbone, len(train.class_names), variant.augmentation).to(device)
    if run.start is not None:
        pretraining.load_state_dict(begun_from(run.start, train))
    begun, of_these = folder / PRETRAINED, {"clouds": train.crc32()}
    schedule = Schedule(effort.pretrain, learning_rate=4e-3, ema_decay=0.998, weight_decay=1e-3)
    if not is_fitted(begun, train, schedule):
        fit_into(begun, pretraining, train, held_out, schedule, seed=seed, parts={"state": pretraining}, told=of_these)
    pretrained = load_checkpoint(begun)["state"]
    pretraining.load_state_dict(pretrained)
    backbone.eval()
    seen, judged = train, held_out
    if effort.cached:
        seen, judged = _features(backbone, variant, train, seed), (_fixed_features(backbone, held_out[0]), held_out[1])
    done = []
    for number, point in enumerate(ladder(config_name, variant.name), 1):
        path = folder / f"q{number}.pt"
        done.append(path)
        schedule = point_schedule(effort, number)
        if is_fitted(path, train, schedule):
            continue
        torch.manual_seed(seed + number)
        pretraining.load_state_dict(pretrained)
        codec = CategoricalCodec(backbone.g_a.out_channels, len(train.class_names), point.alphabet)
        learning = SymbolLearning(codec, point.trade_off, None if effort.cached else backbone, variant.augmentation)
        fit_into(
            path,
            learning.to(device),
            seen,
            judged,
            schedule,
            seed=seed + number,
            parts={"backbone": backbone, "codec": codec},
            told={**of_these, "point": asdict(point), "seed": seed, "config": config_name, "variant": variant.name},
        )
    return done


def _features(backbone: Backbone, variant: Variant, train: CloudSet, seed: int) -> CloudSet:
    """Features ``[clouds, views, channels]`` in the place of points."""
    features = features_of(backbone, variant.augmentation, train, FEATURE_VIEWS, seed)
    return CloudSet(features.numpy(), train.labels, train.class_names)


def point_schedule(effort: Effort, number: int) -> Schedule:
    """How the symbols of a rate point are trained, `number` from 1."""
    return Schedule(effort.symbols[number - 1], learning_rate=2e-3, ema_decay=0.998, weight_decay=1e-3)


@torch.no_grad()
def _fixed_features(backbone: Backbone, points: Tensor) -> Tensor:
    """Features ``[1, clouds, channels]`` of points ``[3, clouds, points]``."""
    device, starts = next(backbone.parameters()).device, range(0, points.shape[1], FEATURE_BATCH)
    return torch.cat([backbone(points[:, i : i + FEATURE_BATCH].to(device)).cpu() for i in starts])[None]
