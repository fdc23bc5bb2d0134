"""The networks of drawn shapes, trained: batches of scenes, a cosine schedule, a minute or two each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.data.image.shape_scenes import SHAPE_NAMES, Scene, draw_scenes
from isthmus.models.shapes.networks import PyramidDetector, UNet
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer

BATCH, RATE = 8, 4e-3
SCENES = 2000
FOCUS, BALANCE = 2.0, 0.5
"""Of the focal loss (Lin et al., 2017); a quarter for what is there leaves scores too low to be answered."""
BOX_WEIGHT = 2.0
NEAR = 0.75
"""Strides from a shape's centre to the places that find it."""
LEVEL_SIDES = (18.0, 28.0)
"""Shapes of up to so many pixels belong to the first and second level, others to the third."""


@dataclass(frozen=True, slots=True)
class ShapeEffort:
    """How long: steps of the detector's training and of the U-Net's, and scenes that they are drawn from."""

    detector_steps: int = 3500
    unet_steps: int = 400
    scenes: int = SCENES


def train_unet(effort: ShapeEffort, seed: int) -> UNet:
    """A U-Net that tells background and shapes apart."""
    torch.manual_seed(seed)
    model = UNet(1 + len(SHAPE_NAMES))
    _train(_Masks(model, draw_scenes(effort.scenes, seed)), effort.unet_steps, seed, "U-Net")
    return model.eval()


def train_detector(effort: ShapeEffort, seed: int) -> PyramidDetector:
    """A detector that finds shapes."""
    torch.manual_seed(seed)
    model = PyramidDetector(len(SHAPE_NAMES))
    _train(_Boxes(model, draw_scenes(effort.scenes, seed)), effort.detector_steps, seed, "detector")
    return model.eval()


def _train(recipe: Recipe, steps: int, seed: int, label: str) -> None:
    plan = Plan(steps, warm_cosine(0.05), round_steps=max(1, steps // 3), clip_norm=5.0)
    Trainer(recipe, plan, torch.Generator().manual_seed(seed), label=label).run()


def frames_of(scenes: Sequence[Scene]) -> Tensor:
    """Float [n, 3, H, W], 0 to 1."""
    pixels = np.stack([scene.pixels for scene in scenes]).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255


class _Of(Recipe):
    """What both recipes share."""

    model: nn.Module

    def __init__(self, model: nn.Module, scenes: Sequence[Scene]) -> None:
        self.model, self._scenes = model, scenes

    def groups(self) -> list[Group]:
        return [Group(list(self.model.parameters()), RATE, 1e-4)]

    def drawn(self, generator: torch.Generator) -> list[Scene]:
        """A batch."""
        at = torch.randint(len(self._scenes), (BATCH,), generator=generator)
        return [self._scenes[k] for k in at.tolist()]


class _Masks(_Of):
    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        del at
        scenes = self.drawn(generator)
        masks = torch.from_numpy(np.stack([scene.mask for scene in scenes]).astype(np.int64))
        loss = functional.cross_entropy(self.model(frames_of(scenes)), masks)
        yield Cost(loss, {"loss": loss.item()})


class _Boxes(_Of):
    model: PyramidDetector

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        del at
        scenes = self.drawn(generator)
        logits, boxes, places = self.model.raw(frames_of(scenes))
        wanted, target = torch.zeros_like(logits), torch.zeros_like(boxes)
        for k, scene in enumerate(scenes):
            _assign(scene, places, wanted[k], target[k])
        is_there = wanted.amax(1) > 0
        count = is_there.sum().clamp(min=1)
        chance = logits.sigmoid()
        missed = torch.where(wanted > 0, 1 - chance, chance)
        weight = torch.where(wanted > 0, BALANCE, 1 - BALANCE) * missed**FOCUS
        scored = (weight * functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")).sum() / count
        at_boxes = boxes.permute(0, 2, 1)[is_there], target.permute(0, 2, 1)[is_there]
        placed = (1 - _overlaps(*at_boxes)).sum() / count
        loss = scored + BOX_WEIGHT * placed
        yield Cost(loss, {"loss": loss.item(), "box": placed.item()})


def _assign(scene: Scene, places: Tensor, wanted: Tensor, target: Tensor) -> None:
    """Put a scene's boxes to the places about their centres, on the level of their size."""
    for (left, top, right, bottom), kind in zip(scene.boxes.tolist(), scene.classes, strict=True):
        side = max(right - left, bottom - top)
        stride = 8.0 * 2 ** sum(side > most for most in LEVEL_SIDES)
        x, y = (left + right) / 2, (top + bottom) / 2
        away = torch.maximum((places[0] - x).abs(), (places[1] - y).abs())
        near = (places[2] == stride) & (away <= NEAR * stride)
        wanted[:, near] = 0
        wanted[kind, near] = 1
        target[:, near] = torch.tensor([x, y, right - left, bottom - top])[:, None]


def _overlaps(one: Tensor, two: Tensor) -> Tensor:
    """Generalised intersection over union of boxes [n, 4] of centre and size, [n]."""
    low = [box[:, :2] - box[:, 2:] / 2 for box in (one, two)]
    high = [box[:, :2] + box[:, 2:] / 2 for box in (one, two)]
    both = (torch.minimum(*high) - torch.maximum(*low)).clamp(min=0).prod(1)
    hull = (torch.maximum(*high) - torch.minimum(*low)).prod(1)
    union = one[:, 2:].prod(1) + two[:, 2:].prod(1) - both
    return both / union - (hull - union) / hull
