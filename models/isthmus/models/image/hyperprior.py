"""A scale hyperprior on the light codec's latents, at a twentieth of its analysis transform's cost.

::

    y ──|.|── h_a ── round ── z ── h_s ── log-scale of every latent ── table index

``h_s`` ends in one number a latent, on a logarithmic grid: an index of 0 is a scale of `SMALLEST_SCALE`, every further
one a factor of `SCALE_RATIO`. Trained, the number is continuous and the latent is a Gaussian of that scale around its
channel's mean, integrated over the unit interval. Frozen (`hyperprior_graph`), the number is an exact integer, and each
index has its own integer table.

All convolutions are 3 x 3 or 1 x 1; what comes back up does so by pixel shuffles.

Source: Ballé et al. 2018 (arXiv 1802.01436). Integer indices instead of float scales: Ballé et al. 2019 (ICLR).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.bottleneck import EntropyBottleneck
from isthmus.models.image.transforms import STRIDE

HYPER_STRIDE = 64  # pixels a position of z stands for
SCALE_LEVELS = 32
SMALLEST_SCALE = 0.1
LARGEST_SCALE = 64.0
SCALE_RATIO = (LARGEST_SCALE / SMALLEST_SCALE) ** (1 / (SCALE_LEVELS - 1))
INITIAL_GAIN = 3.0
HYPER_TOP = 63  # largest magnitude of z: clipped there on both sides
# Least probability: a Gaussian's tail underflows long before a table's escape would give up.
LIKELIHOOD_FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class HyperShape:
    """Channels of the latents (M), of z (N), and widths of the hidden layers."""

    latent_channels: int
    hyper_channels: int = 48
    analysis_width: int = 64
    synthesis_width: int = 48


class HyperAnalysis(nn.Module):
    """h_a: latents ``[n, M, 4a, 4b]`` to ``z`` ``[n, N, a, b]``, not rounded, within `HYPER_TOP`."""

    def __init__(self, shape: HyperShape) -> None:
        super().__init__()
        width = shape.analysis_width
        self.layers = nn.Sequential(
            nn.Conv2d(shape.latent_channels, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, shape.hyper_channels, 3, stride=2, padding=1),
        )
        with torch.no_grad():
            for layer in (self.layers[0], self.layers[-1]):
                layer.weight.mul_(INITIAL_GAIN)  # type: ignore[operator]  # or z would round to zero at first

    def forward(self, y: Tensor) -> Tensor:
        """``y`` ``[n, M, 4a, 4b]`` to ``z`` ``[n, N, a, b]``, not rounded."""
        z: Tensor = self.layers(y.abs())
        return z.clamp(-HYPER_TOP, HYPER_TOP)


class HyperSynthesis(nn.Module):
    """h_s: integers ``z`` ``[n, N, a, b]`` to the scale index ``[n, M, 4a, 4b]``, continuous and unbounded."""

    def __init__(self, shape: HyperShape) -> None:
        super().__init__()
        width = shape.synthesis_width
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(shape.hyper_channels, 4 * width, 3, padding=1),
                nn.Conv2d(width, 4 * width, 3, padding=1),
                nn.Conv2d(width, shape.latent_channels, 1),
            ]
        )
        last = self.convolutions[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        with torch.no_grad():
            last.weight.mul_(SCALE_LEVELS / 8)  # the output counts in indices, not in nats
            last.bias.fill_(SCALE_LEVELS / 4)

    def forward(self, z_hat: Tensor) -> Tensor:
        """``z`` ``[n, N, a, b]`` to scale indices ``[n, M, 4a, 4b]``."""
        h = z_hat
        for convolution in self.convolutions[:-1]:
            h = F.pixel_shuffle(F.relu(convolution(h)), 2)
        index: Tensor = self.convolutions[-1](h)
        return index


class Hyperprior(nn.Module):
    """h_a, h_s, the bottleneck over z, and the means of the latents, to be trained on frozen latents."""

    def __init__(self, shape: HyperShape) -> None:
        super().__init__()
        self.shape = shape
        self.h_a, self.h_s = HyperAnalysis(shape), HyperSynthesis(shape)
        self.entropy = EntropyBottleneck(shape.hyper_channels)
        self.mean = nn.Parameter(torch.zeros(shape.latent_channels))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(bits of the rounded latents, bits of z), each of all of ``y`` ``[n, M, 4a, 4b]`` together.

        In training, z is noisy for its own rate and rounded, gradient passed straight through, for ``h_s``.
        """
        z = self.h_a(y)
        z_hat = z + (torch.round(z) - z).detach()
        index = self.h_s(z_hat)
        y_bits = gaussian_bits(torch.round(y), self.mean[:, None, None], index).sum()
        noisy = z + torch.empty_like(z).uniform_(-0.5, 0.5) if self.training else z_hat
        columns = noisy.permute(0, 2, 3, 1).reshape(-1, noisy.shape[1])
        z_bits = -torch.log2(self.entropy.likelihood(columns)).sum()
        return y_bits, z_bits


class _Grid(torch.autograd.Function):
    """A clip to the grid of indices whose gradient passes outside too, where it leads back in."""

    @staticmethod
    def forward(ctx: Any, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return index.clamp(0, SCALE_LEVELS - 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (index,), (gradient,) = ctx.saved_tensors, gradients
        leads_out = ((index < 0) & (gradient > 0)) | ((index > SCALE_LEVELS - 1) & (gradient < 0))
        return gradient.masked_fill(leads_out, 0)


def gaussian_bits(symbols: Tensor, mean: Tensor, index: Tensor) -> Tensor:
    """Bits of integers under Gaussians integrated over the unit interval, ``[n, M, h, w]``.

    `symbols` and the scale indices `index` are ``[n, M, h, w]``, `mean` broadcasts to them; `index` is clipped to the
    grid.
    """
    on_grid: Tensor = _Grid.apply(index)  # type: ignore[no-untyped-call]
    inverse = torch.exp(on_grid * -math.log(SCALE_RATIO)) * (math.sqrt(0.5) / SMALLEST_SCALE)
    distance = torch.abs(symbols - mean)
    likelihood = (torch.erf((0.5 - distance) * inverse) - torch.erf((-0.5 - distance) * inverse)) / 2
    return -torch.log2(likelihood + LIKELIHOOD_FLOOR)


def macs_per_pixel(model: Hyperprior) -> tuple[float, float]:
    """Multiplications with addition a pixel of the image, of (h_a, h_s): counted from the weights' shapes."""
    h_a = h_s = 0.0
    stride = STRIDE
    for layer in model.h_a.layers:
        if isinstance(layer, nn.Conv2d):
            stride *= layer.stride[0]
            h_a += layer.weight.numel() / stride**2
    stride = HYPER_STRIDE
    for convolution in model.h_s.convolutions:
        h_s += convolution.weight.numel() / stride**2  # type: ignore[operator]
        stride //= 2
    return h_a, h_s
