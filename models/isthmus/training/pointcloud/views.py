"""What a set of clouds looks like to a network: fixed views to judge by, and the features of augmented ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from isthmus.training.pointcloud.augment import Augmentation
from isthmus.training.pointcloud.datasets import CloudSet, fixed_draw
from isthmus.training.pointcloud.isthmus_recipe import Backbone


def views(clouds: CloudSet, points: int, *, random_heading: bool, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Fixed evaluation points ``[3, clouds, points]`` and labels; random headings are seeded."""
    drawn = fixed_draw(clouds, points)
    if random_heading:
        angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(drawn)).astype(np.float32)
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        x, y, z = drawn[..., 0], drawn[..., 1], drawn[..., 2]
        drawn = np.stack((c * x - s * y, s * x + c * y, z), axis=2)
    return torch.from_numpy(drawn).permute(2, 0, 1).contiguous(), torch.from_numpy(clouds.labels)


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
