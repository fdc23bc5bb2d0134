"""What tells the transforms the price of their latents, in every variant of joint training.

Theory of operation. The rate of an image is the cross entropy ``-sum_i p_i log p_hat_i`` of its histograms p and the
adapted distributions p_hat, which are themselves a function of p. A latent can lower it in two ways: by moving to a
likelier bin (through p) and by making the distributions fit all others (through p_hat). The triangular kernel tells a
latent the difference of two neighbouring bins at most; one that is clipped learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape, histogram, latent_bits
from isthmus.training.image import transforms as image_recipe
from isthmus.training.image.latent_counts import PSEUDO_COUNT, clipped, counted
from isthmus.training.image.transforms import ImageCodec

ESCAPE_FIXED_BITS = 2.0  # of an escaped value, beside two for each doubling of its distance (BITSTREAM.md §7.4)
LEAST_FREQUENCY = 2.0**-16  # of any entry of an integer table


class Rate(StrEnum):
    """What tells ``g_a`` the price of its latents."""

    LEARNED = "learned"  # the codec's own static densities, of noisy latents
    HISTOGRAM = "histogram"  # the thesis's: the histogram's cross entropy, straight through
    LIKELIHOOD = "likelihood"  # noisy latents under the adapted distributions, convolved with the noise


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train jointly.

    Attributes:
        rate: what the gradient of ``g_a`` is of.
        transform_rate_factor: on the learning rate of the transforms.
        is_table_constant: latents see p_hat as a constant: no gradient goes through the histogram into ``h_a,q``.
        counts_outside: p spans all bins, and a latent outside its channel's support pays for an escape.
        recount_every: steps after which static distributions and supports are counted again; 0: never.
        bins_factor: more bins than the adaptive networks were trained with.
    """

    name: str
    rate: Rate = Rate.HISTOGRAM
    transform_rate_factor: float = 1.0
    is_table_constant: bool = False
    counts_outside: bool = False
    recount_every: int = 0
    bins_factor: int = 1


VARIANTS = (
    Variant("control", rate=Rate.LEARNED),
    Variant("naive"),
    Variant("slow", transform_rate_factor=0.1),
    Variant("support", counts_outside=True, recount_every=50),
    Variant("stopped", is_table_constant=True),
    Variant("more_bins", bins_factor=2),
    Variant("likelihood", Rate.LIKELIHOOD, is_table_constant=True, counts_outside=True, recount_every=50),
)


@dataclass(frozen=True, slots=True)
class Support:
    """Counts over training photographs: what static tables are made of.

    Attributes:
        counts: int16 ``[photos, M, B]``; latents without a bin are in the outermost ones.
        low, high: first and last value of each channel's tables, int64 ``[M]``; others are escaped.
    """

    counts: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, y: Tensor, bins: int) -> Support:
        """Of rounded latents int16 ``[photos, M, h, w]``; a table has always the values -1 to 1."""
        most, least = y.amax((0, 2, 3)).long(), y.amin((0, 2, 3)).long()
        return cls(counted(y, bins), least.clamp(-(bins // 2), -1), most.clamp(1, bins // 2 - 1))

    @property
    def bins(self) -> int:
        """B."""
        return int(self.counts.shape[2])

    def static(self) -> Tensor:
        """Static distributions, float64 ``[M, B]``."""
        total = self.counts.sum(0, dtype=torch.float64) + PSEUDO_COUNT
        return total / total.sum(1, keepdim=True)

    def folded(self, bins: int) -> Support:
        """With fewer bins: what has none goes to the outermost."""
        cut = (self.bins - bins) // 2
        inner = self.counts[..., cut : cut + bins].clone()
        inner[..., 0] += self.counts[..., :cut].sum(2, dtype=torch.int16)
        inner[..., -1] += self.counts[..., cut + bins :].sum(2, dtype=torch.int16)
        return Support(inner, self.low.clamp_min(-(bins // 2)), self.high.clamp_max(bins // 2 - 1))


def full_histogram(y: Tensor, shape: AdaptiveShape) -> Tensor:
    """`histogram` ``[n, M, B]`` over all bins but the first: clipped where bins end, not at 75 % of them."""
    top = shape.bins // 2 - 1
    twice = AdaptiveShape(shape.latent_channels, bins=2 * shape.bins)
    return histogram(y.clamp(-top, top), twice)[..., shape.bins // 2 : -(shape.bins // 2)]


def outside_bits(y: Tensor, log_probability: Tensor, support: Support) -> Tensor:
    """Bits, all together, of the latents ``[n, M, h, w]`` that lie outside their channel's support.

    An escape costs what the mass of p_hat outside the support says, and two bits a doubling of the distance.
    """
    y = y.flatten(2)
    beyond = F.relu(y - support.high[:, None] - 0.5) + F.relu(support.low[:, None] - 0.5 - y)
    value = torch.arange(support.bins) - support.bins // 2
    is_outside = (value < support.low[:, None]) | (value > support.high[:, None])
    mass = (log_probability.exp2() * is_outside).sum(2, keepdim=True).clamp_min(LEAST_FREQUENCY)
    price = ESCAPE_FIXED_BITS - torch.log2(mass) + 2 * torch.log2(1 + beyond)
    return torch.where(beyond > 0, price, 0.0).sum()


def noisy_bits(y: Tensor, log_probability: Tensor) -> Tensor:
    """Bits, all together, of latents with noise under ``p_hat`` ``[n, M, B]`` convolved with that noise.

    The distribution of a noisy latent is what a cumulative that is linear within a bin gives: between the middles of
    two bins, a mean of both.
    """
    bins = log_probability.shape[2]
    noisy = (y + torch.empty_like(y).uniform_(-0.5, 0.5)).flatten(2).clamp(-(bins // 2) + 1, bins // 2 - 2)
    below = torch.floor(noisy).detach()
    index, fraction = below.long() + bins // 2, noisy - below
    p_hat = log_probability.exp2()
    p = (1 - fraction) * p_hat.gather(2, index) + fraction * p_hat.gather(2, index + 1)
    return -torch.log2(p.clamp_min(LEAST_FREQUENCY)).sum()


def joint_bits(
    codec: ImageCodec, net: AdaptiveBottleneck, variant: Variant, y: Tensor, support: Support
) -> tuple[Tensor, Tensor]:
    """(bits of latents, bits of q) of latents ``[n, M, h, w]``, to be minimised; what they reach is the variant.

    For `Rate.LEARNED` and `Rate.LIKELIHOOD` the first is a sum of two: what ``g_a`` is to lower, and what the adaptive
    networks are.
    """
    is_full = variant.counts_outside
    p = full_histogram(y, net.shape) if is_full else histogram(y, net.shape)
    is_blind = variant.is_table_constant or variant.rate is Rate.LEARNED
    seen = p.detach() if is_blind else p
    log_probability, side = net(clipped(seen, net.shape) if is_full else seen)
    samples = y[0, 0].numel()
    if variant.rate is Rate.HISTOGRAM:
        bits = latent_bits(p, log_probability, samples).sum()
    elif variant.rate is Rate.LEARNED:
        noisy = y + torch.empty_like(y).uniform_(-0.5, 0.5)
        bits = image_recipe.latent_bits(codec.entropy, noisy) + latent_bits(seen, log_probability, samples).sum()
    else:
        table = log_probability.detach() if variant.is_table_constant else log_probability
        bits = noisy_bits(y, table) + latent_bits(p.detach(), log_probability, samples).sum()
    if variant.counts_outside:
        bits = bits + outside_bits(y, log_probability.detach() if is_blind else log_probability, support)
    return bits, side.sum()
