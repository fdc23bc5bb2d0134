"""A picture seen twice, the second time through a random affine map, and latents warped by that map."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_maps(
    count: int, generator: torch.Generator, *, zoom: tuple[float, float], turn: float, shift: float, shear: float
) -> Tensor:
    """Affine maps ``[count, 2, 3]`` of normalised coordinates; `turn`, `shear` in degrees, `shift` of half a side."""
    u = torch.rand(count, 5, generator=generator) * 2 - 1
    scale = (zoom[0] + zoom[1]) / 2 + u[:, 0] * (zoom[1] - zoom[0]) / 2
    angle, slant = u[:, 1] * math.radians(turn), torch.tan(u[:, 2] * math.radians(shear))
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cos, -sin + cos * slant, u[:, 3] * shift, sin, cos + sin * slant, u[:, 4] * shift], 1)
    return rows.reshape(count, 2, 3)


def compose(first: Tensor, second: Tensor) -> Tensor:
    """The maps ``u -> first(second(u))``, ``[count, 2, 3]`` each."""
    a, b = first[:, :, :2], second[:, :, :2]
    return torch.cat([a @ b, a @ second[:, :, 2:] + first[:, :, 2:]], 2)


def two_views(raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(first, second, T) of pictures ``[n, 3, H, W]`` in [0, 1]: second(u) = first(T u)."""
    count = len(raw)
    base = random_maps(count, generator, zoom=(0.7, 1.05), turn=8, shift=0.15, shear=3)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    base[:, :, 0] *= flip[:, None]
    between = random_maps(count, generator, zoom=(0.9, 1.1), turn=10, shift=0.3, shear=5)
    gain = 1 + 0.5 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5) * 0.4
    gain = gain * (1 + 0.7 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5))
    lift = 0.2 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    views = []
    for theta in (base, compose(base, between)):
        grid = F.affine_grid(theta, list(raw.shape), align_corners=False)
        view = F.grid_sample(raw, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        views.append(((view * gain + lift) + 0.01 * torch.randn(view.shape, generator=generator)).clamp(0, 1))
    return views[0], views[1], between


def warped(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """(latents warped by T, bicubic; mask ``[n, 1, h, w]`` of the places whose source lies inside)."""
    grid = F.affine_grid(theta, list(y.shape), align_corners=False)
    side = torch.tensor([y.shape[3], y.shape[2]], dtype=grid.dtype)
    mask = (grid.abs() <= 1 - 1 / side).all(-1)[:, None]
    return F.grid_sample(y, grid, mode="bicubic", padding_mode="border", align_corners=False), mask
