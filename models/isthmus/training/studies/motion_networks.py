"""Small networks that differ in one thing: how a stage halves its sampling, or whether motion was trained for.

`isthmus measure motion` measures on them how well latents move as the picture does, after one, two, three and four
halvings (the thesis's next check: ablate the number and the kind of pooling layers). Nothing is quantised here, so the
loss is cross-entropy, and where asked for the error of warped latents (`training.video.classifier`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from isthmus.common.errors import InputError
from isthmus.data.image.labelled import LabelledImages, load_labelled_images, split_train_validation
from isthmus.models.video.classifier import Pooling, SplitClassifier, SplitShape
from isthmus.training.video.classifier import decode_all, train_split, validate_split
from isthmus.training.video.split_loss import LogisticRate, SplitEffort

FOUR_HALVINGS = (16, 24, 32, 48, 48)
THREE_HALVINGS = (16, 24, 32, 48)
CLOUD_WIDTHS = (64, 96)
MOTION_WEIGHT = 0.5
SIDE = 64


@dataclass(frozen=True, slots=True)
class MotionNetwork:
    """One network of the ablation.

    Attributes:
        name: of its checkpoint.
        pooling: how it halves.
        widths: of its stages.
        motion_weight: of the error of warped latents in its loss.
        epochs: of its training.
    """

    name: str
    pooling: Pooling
    widths: tuple[int, ...] = FOUR_HALVINGS
    motion_weight: float = 0.0
    epochs: int = 3


NETWORKS = (
    MotionNetwork("max-s8", Pooling.MAX, THREE_HALVINGS, epochs=6),
    MotionNetwork("blur-s8-motion", Pooling.BLUR, THREE_HALVINGS, MOTION_WEIGHT, epochs=6),
    *(MotionNetwork(kind.value, kind) for kind in Pooling),
    *(MotionNetwork(f"{kind.value}-motion", kind, motion_weight=MOTION_WEIGHT) for kind in (Pooling.BLUR, Pooling.MAX)),
)
"""In the order of their training: the pair of stride 8 first, then every kind with four halvings."""


@dataclass(frozen=True, slots=True)
class NetworkEffort:
    """The same for every network of the ablation; `epochs` of 0: each as it has it."""

    epochs: int = 0
    batch: int = 64
    train_share: int = 2
    """One in so many of the training images is used."""
    learning_rate: float = 4e-3
    names: tuple[str, ...] = field(default=tuple(network.name for network in NETWORKS))


def train_motion_networks(images: LabelledImages, runs: Path, effort: NetworkEffort, seed: int = 0) -> list[Path]:
    """Train the networks one after the other into `runs`; a finished one stays, a killed one goes on.

    Args:
        images: training split, of any size; they are trained at 64 x 64.

    Raises:
        InputError: a name that is no network's.
    """
    known = {network.name: network for network in NETWORKS}
    for name in effort.names:
        if name not in known:
            raise InputError(f"networks: expected some of {list(known)}, got {name!r}")
    whole, held = split_train_validation(images)
    train = whole.take(np.arange(0, len(whole), effort.train_share))
    found = []
    for name in effort.names:
        network = known[name]
        shape = SplitShape(
            classes=len(images.class_names),
            edge_widths=network.widths,
            cloud_widths=CLOUD_WIDTHS,
            blocks=1,
            pooling=network.pooling,
        )
        how = SplitEffort(
            epochs=effort.epochs or network.epochs,
            batch=effort.batch,
            learning_rate=effort.learning_rate,
            rate_weight=0.0,
            motion_weight=network.motion_weight,
        )
        runs.mkdir(parents=True, exist_ok=True)
        found.append(train_split(shape, train, held, runs / f"{name}.pt", how, seed=seed))
    return found


def top1_percent(model: SplitClassifier, labelled: Path) -> float:
    """Accuracy on the test split of labelled images, of the size 64 x 64 that the networks were trained at."""
    images = load_labelled_images(labelled, "test")
    rate = LogisticRate(model.shape.latent_channels)
    found = validate_split(
        model.eval(), rate, decode_all(images, SIDE), torch.from_numpy(images.labels), is_quantised=False
    )
    return found["top1_percent"]
