"""An image's own distributions as a few components: what adapts tables at a hundredth of a hyperprior's work.

Theory of operation. What an image's histograms say of its latents is, to second order, how far the logarithm of each
histogram is from that of the static distribution, weighed by the static probability: that is the metric in which the
bits lost by a wrong distribution are a square. In this metric the differences of all channels, taken at knots along
their bins (`knots`), are turned into components that are uncorrelated over photographs; the first ones say most: how
busy the image is, how dark. ``h_a,q`` is one matrix after a logarithm, ``h_s,q`` its transpose, and q, rounded, one
number a component. Both are then trained a little, for bits.

It stands where the thesis has two convolutional networks (`adaptive`), and departs from them: logits start from those
of the static tables, and q has components instead of positions along the bins.

Source: the loss is the thesis's (arXiv 2409.08376, chapter 3); for components see Karhunen and Loève's transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.common.image.histogram import largest_counted
from isthmus.models.image.knots import HAT_BITS, KnotClass, knot_classes

FLOOR = 16 / 1536
"""What is added to every histogram, of the static distribution: some 16 latents of an image's 1,536 a channel."""
FIRST_STEP = 0.15
"""Of components, before training; in this metric a step's error costs about a tenth of its square in bits."""
LIKELIHOOD_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class ComponentShape:
    """Channels of the latents (M_y), components of q (M_q), and the number of bins (B)."""

    latent_channels: int
    components: int
    bins: int

    @property
    def clip(self) -> int:
        """Largest magnitude of a latent in a histogram."""
        return largest_counted(self.bins)


class Components(nn.Module):
    """``h_a,q``, the density of q, and ``h_s,q`` on top of a static distribution."""

    static_logits: Tensor
    at_knots: Tensor

    def __init__(self, shape: ComponentShape, static_probabilities: Tensor) -> None:
        """`static_probabilities` ``[M_y, B]``: what codes the latents without adaptation, positive everywhere."""
        super().__init__()
        expected = (shape.latent_channels, shape.bins)
        if tuple(static_probabilities.shape) != expected:
            raise ValueError(f"expected static probabilities {expected}, got {tuple(static_probabilities.shape)}")
        self.shape = shape
        static = static_probabilities.double()
        self.classes: tuple[KnotClass, ...] = knot_classes(static.numpy())
        for index, found in enumerate(self.classes):
            self.register_buffer(f"hats{index}", torch.from_numpy(found.hats()).float() / (1 << HAT_BITS))
        self.register_buffer("static_logits", torch.log_softmax(static.log(), 1).float())
        self.register_buffer("at_knots", self.masses(static.float()[None])[0].clamp_min(1e-9))
        numbers, components = len(self.at_knots), shape.components
        self.floor = nn.Parameter(torch.tensor(math.log(FLOOR)))
        self.analysis = nn.Parameter(torch.zeros(numbers, components))
        self.analysis_bias = nn.Parameter(torch.zeros(components))
        self.synthesis = nn.Parameter(torch.zeros(components, numbers))
        self.synthesis_bias = nn.Parameter(torch.zeros(numbers))
        self.middle = nn.Parameter(torch.zeros(components))
        self.spread = nn.Parameter(torch.zeros(components))

    def hats(self, index: int) -> Tensor:
        """Of a class, float32 ``[K, 2 reach + 1]``."""
        hats: Tensor = getattr(self, f"hats{index}")
        return hats

    def masses(self, histograms: Tensor) -> Tensor:
        """Mass at the knots of all classes ``[n, D]`` of normalised histograms ``[n, M_y, B]``."""
        zero, parts = self.shape.bins // 2, []
        for index, found in enumerate(self.classes):
            rows = histograms[:, torch.from_numpy(found.channels)]
            low, high = zero - found.reach, zero + found.reach + 1
            at = rows[..., low:high] @ self.hats(index).T
            tails = torch.zeros_like(at)
            tails[..., 0], tails[..., -1] = rows[..., :low].sum(-1), rows[..., high:].sum(-1)
            parts.append((at + tails).flatten(1))
        return torch.cat(parts, 1)

    def differences(self, histograms: Tensor) -> Tensor:
        """Logarithm of the masses over those of the static distribution, ``[n, D]``."""
        floor = self.floor.exp()
        return torch.log((self.masses(histograms) + floor * self.at_knots) / ((1 + floor) * self.at_knots))

    def analyse(self, histograms: Tensor) -> Tensor:
        """q before rounding, ``[n, M_q, 1]``, of normalised histograms ``[n, M_y, B]``."""
        return (self.differences(histograms) @ self.analysis + self.analysis_bias)[..., None]

    def logits(self, q: Tensor) -> Tensor:
        """Logits ``[n, M_y, B]`` in nats of q ``[n, M_q, 1]``."""
        bent = q[..., 0] @ self.synthesis + self.synthesis_bias
        zero, bins = self.shape.bins // 2, self.shape.bins
        start, parts = 0, []
        for index, found in enumerate(self.classes):
            at = bent[:, start : start + found.size].reshape(len(bent), len(found.channels), -1)
            start += found.size
            pads = zero - found.reach, bins - zero - found.reach - 1
            parts.append(F.pad(at @ self.hats(index), pads, mode="replicate"))
        order = torch.from_numpy(np.argsort(np.concatenate([found.channels for found in self.classes])))
        return self.static_logits + torch.cat(parts, 1)[:, order]

    def side_bits(self, q: Tensor) -> Tensor:
        """Bits of q for each image, ``[n]``, under a logistic density a component."""
        scale = self.spread.exp()
        distance = (q[..., 0] - self.middle).abs()
        mass = torch.sigmoid((0.5 - distance) / scale) - torch.sigmoid((-0.5 - distance) / scale)
        return -torch.log2(mass.clamp_min(LIKELIHOOD_FLOOR)).sum(1)

    def forward(self, histograms: Tensor) -> tuple[Tensor, Tensor]:
        """(log2 of the adapted distributions ``[n, M_y, B]``, bits of q ``[n]``): noisy bits in training."""
        q = self.analyse(histograms)
        rounded = q + (torch.round(q) - q).detach()
        noisy = q + torch.empty_like(q).uniform_(-0.5, 0.5) if self.training else rounded
        return F.log_softmax(self.logits(rounded), 2) / math.log(2), self.side_bits(noisy)

    @torch.no_grad()
    def start_from(self, histograms: Tensor) -> None:
        """Components of histograms ``[n, M_y, B]`` of training photographs: the networks before training."""
        weight = self.at_knots.sqrt()
        seen = (self.differences(histograms) * weight).double()
        mean = seen.mean(0)
        _, vectors = torch.linalg.eigh((seen - mean).T @ (seen - mean) / len(seen))
        count = min(self.shape.components, vectors.shape[1])
        first = vectors.flip(1)[:, :count].float()
        self.analysis[:, :count] = weight[:, None] * first / FIRST_STEP
        self.analysis_bias[:count] = -(mean.float() @ first) / FIRST_STEP
        self.synthesis[:count] = FIRST_STEP * first.T / weight
        self.synthesis_bias.copy_(mean.float() / weight)
        q = self.analyse(histograms)[..., 0]
        self.spread.copy_((q.std(0) * math.sqrt(3) / math.pi).clamp_min(0.05).log())


def mac_per_pixel(
    classes: tuple[KnotClass, ...], components: int, height: int = 512, width: int = 768
) -> dict[str, float]:
    """Multiply-accumulates of both networks by pixel of an image, those of hats and of components."""
    hats = sum(found.size * (2 * found.reach + 1) for found in classes)
    dense = sum(found.size for found in classes) * components
    one = (hats + dense) / (height * width)
    return {"h_a_q": one, "h_s_q": one, "both": 2 * one}
