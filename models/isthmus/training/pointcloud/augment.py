"""Training-time views of a cloud, on whole batches ``[3, batch, points]``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def normalize(points: Tensor) -> Tensor:
    """Centre each cloud of ``[3, batch, points]`` on its mean and scale it into the unit ball, as the edge does.

    The thesis does so at every draw.
    """
    centred = points - points.mean(2, keepdim=True)
    radius = centred.square().sum(0).amax(1).sqrt().clamp_min(1e-9)
    return centred / radius[None, :, None]


def draw_points(clouds: Tensor, points: int, generator: torch.Generator) -> Tensor:
    """`points` of the stored points of clouds ``[batch, stored, 3]``, the same ones for the whole batch."""
    columns = torch.randperm(clouds.shape[1], generator=generator)[:points]
    return clouds[:, columns].permute(2, 0, 1)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What a training cloud goes through; the defaults change nothing but the draw.

    `heading_degrees` is the half-range of the random heading (180: any), `tilt_degrees` of a random tilt, `scale` the
    relative half-range of a random scale of each axis, `jitter` the standard deviation of noise on each coordinate
    (unit ball), `drop` the largest share of points lost on one side of a random plane, `clump` the largest share of
    points replaced by copies near one point.
    """

    min_points: int
    max_points: int
    heading_degrees: float = 0.0
    tilt_degrees: float = 0.0
    scale: float = 0.0
    jitter: float = 0.0
    drop: float = 0.0
    clump: float = 0.0

    def draw(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """Training points ``[3, batch, points]`` of stored clouds ``[batch, stored, 3]``."""
        low, high = math.log2(self.min_points), math.log2(self.max_points)
        count = round(2 ** (low + (high - low) * _uniform((), generator).item()))
        p = draw_points(clouds, count, generator).contiguous()
        batch = p.shape[1]
        if self.drop:
            p = self._drop(p, generator)
        if self.clump:
            p = self._clump(p, generator)
        if self.heading_degrees or self.tilt_degrees or self.scale:
            p = torch.einsum("bij,jbp->ibp", self._matrices(batch, generator), p)
        if self.jitter:
            sigma = self.jitter * _uniform((1, batch, 1), generator)
            p = p + sigma * torch.randn(p.shape, generator=generator)
        return normalize(p)

    def _matrices(self, batch: int, generator: torch.Generator) -> Tensor:
        scale = 1 + self.scale * (2 * _uniform((batch, 3), generator) - 1)
        angle = math.radians(self.heading_degrees) * (2 * _uniform((batch,), generator) - 1)
        tilt = math.radians(self.tilt_degrees) * (2 * _uniform((batch, 2), generator) - 1)
        matrix = torch.diag_embed(scale)
        for axis, a in ((0, tilt[:, 0]), (1, tilt[:, 1]), (2, angle)):
            matrix = _rotation(axis, a) @ matrix
        return matrix

    def _drop(self, p: Tensor, generator: torch.Generator) -> Tensor:
        """Cut one side of a random plane away, for half of the clouds; survivors fill the gaps."""
        batch, count = p.shape[1:]
        share = self.drop * _uniform((batch,), generator) * (_uniform((batch,), generator) < 0.5)
        normal = torch.nn.functional.normalize(torch.randn((3, batch, 1), generator=generator), dim=0)
        order = (p * normal).sum(0).argsort(1)  # [batch, points], far side last
        kept = (count * (1 - share)).long().clamp_min(1)[:, None]
        position = torch.arange(count)[None] % kept
        chosen = order.gather(1, position)
        return p.gather(2, chosen[None].expand(3, -1, -1))

    def _clump(self, p: Tensor, generator: torch.Generator) -> Tensor:
        """Uneven density, for half of the clouds: some points give way to copies of those nearest to one of them."""
        batch, count = p.shape[1:]
        share = self.clump * _uniform((batch,), generator) * (_uniform((batch,), generator) < 0.5)
        centre = p[:, :, :1]
        near = (p - centre).square().sum(0).argsort(1)
        moved = (count * share).long()[:, None]
        index = torch.arange(count)[None].expand(batch, -1)
        pool = (count // 8) or 1
        chosen = torch.where(index < moved, near.gather(1, index % pool), index)
        return p.gather(2, chosen[None].expand(3, -1, -1))


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator)


def _rotation(axis: int, angle: Tensor) -> Tensor:
    """Rotations by `angle` ``[batch]`` about one axis, ``[batch, 3, 3]``."""
    i, j = [k for k in range(3) if k != axis]
    out = torch.eye(3).repeat(len(angle), 1, 1)
    out[:, i, i] = out[:, j, j] = angle.cos()
    out[:, i, j] = -angle.sin()
    out[:, j, i] = angle.sin()
    return out
