"""Training-time views of a cloud, on whole batches ``[3, batch, points]``."""

from __future__ import annotations

import torch
from torch import Tensor


def normalize(points: Tensor) -> Tensor:
    """Centre each cloud on its mean and scale it into the unit ball, as the edge does (thesis: every draw)."""
    centred = points - points.mean(2, keepdim=True)
    radius = centred.square().sum(0).amax(1).sqrt().clamp_min(1e-9)
    return centred / radius[None, :, None]


def draw_points(clouds: Tensor, points: int, generator: torch.Generator) -> Tensor:
    """`points` of the stored points of clouds ``[batch, stored, 3]``, the same ones for the whole batch."""
    columns = torch.randperm(clouds.shape[1], generator=generator)[:points]
    return clouds[:, columns].permute(2, 0, 1)
