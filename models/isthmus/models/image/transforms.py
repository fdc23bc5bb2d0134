"""Analysis and synthesis transforms of images: a light pair, the default, and the reference of 2018.

Every ``g_a`` takes pixels in [0, 1] whose sides are multiples of `STRIDE` and gives latents at a sixteenth of their
resolution; every ``g_s`` goes back.

The light pair is made for a weak edge, and for short training. Its main path is linear, on patches of 16 x 16 pixels,
and starts as the cosine transform; a small network beside it adds what that misses. The network works on patches from
its first layer on (space to depth), so that no convolution ever runs at full resolution, and has no normalisation
across channels; ``g_s`` is the heavier half and rises with pixel shuffles, since a transposed convolution is slow in
every runtime.

Source of the reference: Ballé et al. 2018 (arXiv 1802.01436), the factorized-prior model of the thesis, chapter 2; GDN
from Ballé et al. 2016 (arXiv 1511.06281).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16
LEAST_FILTER_GAIN = 0.1  # of a coefficient that is hardly worth coding, so that it may come back
PATCH = 4  # the light pair's first layer sees patches of 4 x 4 pixels


@dataclass(frozen=True, slots=True)
class PatchShape:
    """Widths of the light pair: at a quarter, an eighth and a sixteenth of the resolution."""

    quarter: int = 48
    eighth: int = 112
    latent_channels: int = 256
    synthesis_eighth: int = 96
    synthesis_quarter: int = 48


@dataclass(frozen=True, slots=True)
class ReferenceShape:
    """Width of the hidden layers (N) and of the latents (M) of bmshj2018-factorized."""

    hidden_channels: int = 128
    latent_channels: int = 192


class ResidualBlock(nn.Module):
    """``x + B(relu(A(x)))`` of ``[n, C, h, w]``, where A narrows or widens and B comes back."""

    def __init__(self, channels: int, hidden: int, *, kernels: tuple[int, int]) -> None:
        super().__init__()
        first, second = kernels
        self.a = nn.Conv2d(channels, hidden, first, padding=first // 2)
        self.b = nn.Conv2d(hidden, channels, second, padding=second // 2)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, channels, h, w]`` both ways."""
        added: Tensor = self.b(F.relu(self.a(x)))
        return x + added


class PatchAnalysis(nn.Module):
    """``[n, 3, H, W]`` in [0, 1] to ``y`` ``[n, M, H/16, W/16]``; about 4.8 kMAC a pixel.

    A linear transform of patches of 16 x 16 pixels, which starts as the discrete cosine transform, and beside it a
    small network that looks around and adds to each coefficient what the transform misses.
    """

    def __init__(self, shape: PatchShape) -> None:
        super().__init__()
        quarter, eighth, latent = shape.quarter, shape.eighth, shape.latent_channels
        self.linear = nn.Sequential(nn.PixelUnshuffle(STRIDE), nn.Conv2d(3 * STRIDE * STRIDE, latent, 1))
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(PATCH),
            nn.Conv2d(3 * PATCH * PATCH, quarter, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(quarter, eighth, 3, stride=2, padding=1),
            ResidualBlock(eighth, eighth // 2, kernels=(3, 1)),
            nn.ReLU(),
            nn.Conv2d(eighth, latent, 3, stride=2, padding=1),
        )
        self.gain = nn.Parameter(torch.zeros(latent))
        self.filter_gain = nn.Parameter(torch.ones(latent))
        self.scale = nn.Buffer(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Pixels ``[n, 3, H, W]`` to ``y`` ``[n, M, H/16, W/16]``."""
        x = x - 0.5
        y: Tensor = self.linear(x) + self.gain[:, None, None] * self.layers(x)
        return self.scale * self.filter_gain[:, None, None] * y


class PatchSynthesis(nn.Module):
    """``y_hat`` ``[n, M, h, w]`` to ``[n, 3, 16h, 16w]``; about 12.6 kMAC a pixel.

    The inverse linear transform gives a first picture; a network that sees latents and picture corrects it.
    """

    def __init__(self, shape: PatchShape) -> None:
        super().__init__()
        quarter, eighth = shape.synthesis_quarter, shape.synthesis_eighth
        patch = 3 * PATCH * PATCH
        self.linear = nn.Sequential(
            nn.Conv2d(shape.latent_channels, 3 * STRIDE * STRIDE, 1), nn.PixelShuffle(STRIDE // PATCH)
        )
        self.layers = nn.Sequential(
            nn.Conv2d(shape.latent_channels, 4 * eighth, 3, padding=1),
            nn.PixelShuffle(2),
            ResidualBlock(eighth, eighth, kernels=(3, 3)),
            nn.Conv2d(eighth, 4 * quarter, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.embedding = nn.Conv2d(patch, quarter, 1)
        self.correction = nn.Sequential(
            ResidualBlock(quarter, 32, kernels=(3, 3)),
            nn.ReLU(),
            nn.Conv2d(quarter, patch, 3, padding=1),
        )
        self.gain = nn.Parameter(torch.zeros(patch))
        self.filter_gain = nn.Parameter(torch.ones(shape.latent_channels))
        self.scale = nn.Buffer(torch.ones(()))
        self.shuffle = nn.PixelShuffle(PATCH)

    def forward(self, y_hat: Tensor) -> Tensor:
        """Latents ``[n, M, h, w]`` to pixels ``[n, 3, 16h, 16w]``."""
        y_hat = self.filter_gain[:, None, None] / self.scale * y_hat
        first = self.linear(y_hat)
        correction = self.correction(self.layers(y_hat) + self.embedding(first))
        x: Tensor = self.shuffle(first + self.gain[:, None, None] * correction)
        return x + 0.5


@torch.no_grad()
def start_as_cosine_transform(g_a: PatchAnalysis, g_s: PatchSynthesis, patches: Tensor, step: float) -> None:
    """Set the linear parts to the orthonormal cosine transform of the coefficients that vary most.

    Args:
        patches: ``[n, 3, 16, 16]`` of training photographs in [0, 1], to rank the coefficients.
        step: of the quantiser, in grey levels of 255.
    """
    n = torch.arange(STRIDE, dtype=torch.float64)
    cosine = torch.cos(math.pi / STRIDE * (n[None, :] + 0.5) * n[:, None]) * math.sqrt(2 / STRIDE)
    cosine[0] /= math.sqrt(2)
    colour = torch.tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=torch.float64)
    colour = colour / colour.norm(dim=1, keepdim=True)
    basis = torch.einsum("kc,ui,vj->kuvcij", colour, cosine, cosine).reshape(-1, 3 * STRIDE * STRIDE)
    coefficients = (patches.double().flatten(1) - 0.5) @ basis.t()
    power = (coefficients**2).mean(0)
    rank = torch.argsort(power, descending=True)[: g_a.gain.numel()]
    basis = basis[rank]
    # The pre- and post-filter of an optimal quantiser with noise of this power (reverse water-filling).
    noise = (step / 255) ** 2 / 12
    gain = torch.sqrt((1 - noise / power[rank]).clamp_min(LEAST_FILTER_GAIN**2))
    g_a.filter_gain.copy_(gain)
    g_s.filter_gain.copy_(gain)
    analysis, synthesis = g_a.linear[1], g_s.linear[0]
    assert isinstance(analysis, nn.Conv2d)  # as built above
    assert isinstance(synthesis, nn.Conv2d)
    assert analysis.bias is not None
    assert synthesis.bias is not None
    analysis.weight.copy_(basis[:, :, None, None])
    analysis.bias.zero_()
    # The synthesis gives patches of 4 x 4 as channels, so places are split into block and place within.
    blocks = STRIDE // PATCH
    split = basis.t().reshape(3, blocks, PATCH, blocks, PATCH, -1).permute(0, 2, 4, 1, 3, 5)
    synthesis.weight.copy_(split.reshape(3 * STRIDE * STRIDE, -1)[:, :, None, None])
    synthesis.bias.zero_()
    set_step(g_a, g_s, step)


@torch.no_grad()
def set_step(g_a: PatchAnalysis, g_s: PatchSynthesis, step: float) -> None:
    """Scale the latents so that rounding them is a quantiser of `step` grey levels of 255."""
    g_a.scale.fill_(255 / step)
    g_s.scale.fill_(255 / step)


class GDN(nn.Module):
    """Generalised divisive normalisation of ``[n, C, h, w]``, or its inverse, with a fixed exponent of two."""

    FLOOR = 1e-6

    def __init__(self, channels: int, *, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(0.1 * torch.eye(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[n, channels, h, w]`` both ways."""
        gamma = self.gamma.abs()[:, :, None, None]
        norm = torch.sqrt(F.conv2d(x * x, gamma, self.beta.abs() + self.FLOOR))
        return x * norm if self.inverse else x / norm


class ReferenceAnalysis(nn.Module):
    """Four strided 5 x 5 convolutions and GDN of bmshj2018-factorized: ``[n, 3, H, W]`` to ``[n, M, H/16, W/16]``."""

    def __init__(self, shape: ReferenceShape) -> None:
        super().__init__()
        n, m = shape.hidden_channels, shape.latent_channels
        self.layers = nn.Sequential(
            nn.Conv2d(3, n, 5, stride=2, padding=2),
            GDN(n),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
            GDN(n),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
            GDN(n),
            nn.Conv2d(n, m, 5, stride=2, padding=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pixels ``[n, 3, H, W]`` to ``y`` ``[n, M, H/16, W/16]``."""
        y: Tensor = self.layers(x)
        return y


class ReferenceSynthesis(nn.Module):
    """The mirror of `ReferenceAnalysis`: ``[n, M, h, w]`` to ``[n, 3, 16h, 16w]``.

    A 5 x 5 transposed convolution of stride 2 is exactly a 3 x 3 convolution with four times the channels and a pixel
    shuffle, and runs faster so.
    """

    def __init__(self, shape: ReferenceShape) -> None:
        super().__init__()
        n, m = shape.hidden_channels, shape.latent_channels
        widths = (m, n, n, n, 3)
        layers: list[nn.Module] = []
        for k in range(4):
            layers += [nn.Conv2d(widths[k], 4 * widths[k + 1], 3, padding=1), nn.PixelShuffle(2)]
            if k < 3:
                layers.append(GDN(n, inverse=True))
        self.layers = nn.Sequential(*layers)

    def forward(self, y_hat: Tensor) -> Tensor:
        """Latents ``[n, M, h, w]`` to pixels ``[n, 3, 16h, 16w]``."""
        x: Tensor = self.layers(y_hat)
        return x
