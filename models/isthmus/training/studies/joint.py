"""Joint training of an image codec's transforms with the adaptive bottleneck that codes their latents.

Everything starts converged: transforms trained with a static bottleneck, and adaptive networks trained on the frozen
transforms. What is varied is only the rate that the gradient of ``g_a`` sees; in every variant the adaptive networks
learn from the same batches, and are fitted again at the end on the histograms of the then frozen transforms. So a
difference between two variants is the work of that gradient, and not of more training.

Theory of operation. The rate of an image is the cross entropy ``-sum_i p_i log p_hat_i`` of its histograms p and the
adapted distributions p_hat, which are themselves a function of p. A latent can lower it in two ways: by moving to a
likelier bin (through p) and by making the distributions fit all others (through p_hat). The triangular kernel tells a
latent the difference of two neighbouring bins at most; one that is clipped learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape, histogram, latent_bits
from isthmus.models.image.transforms import STRIDE
from isthmus.training.image import transforms as image_recipe
from isthmus.training.image.adaptive import (
    ENTROPY_RATE_FACTOR,
    GRADIENT_CLIP,
    PSEUDO_COUNT,
    SIDE_WEIGHT,
    WARMUP,
    clipped,
)
from isthmus.training.image.photos import Photos, draw_crops
from isthmus.training.image.transforms import LINEAR_RATE_FACTOR, ImageCodec
from isthmus.training.trainer import cosine

ESCAPE_FIXED_BITS = 2.0  # of an escaped value, beside two for each doubling of its distance (BITSTREAM.md §7.4)
LEAST_FREQUENCY = 2.0**-16  # of any entry of an integer table
COUNTING_BATCH = 16

Half = Callable[[Tensor], Tensor]


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
class JointEffort:
    """How long and how fast; crops are as large as the photographs, whose histograms they give."""

    steps: int = 500
    refit_steps: int = 250
    batch: int = 4
    refit_batch: int = 16
    crop: int = 256
    transform_rate: float = 3e-4
    network_rate: float = 1e-3
    recount_photos: int = 256


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
        counts = torch.zeros(*y.shape[:2], bins, dtype=torch.int16)
        for total, part in zip(torch.split(counts, 64), torch.split(y, 64), strict=True):
            index = (part.flatten(2).long() + bins // 2).clamp(0, bins - 1)
            total.scatter_add_(2, index, torch.ones_like(index, dtype=torch.int16))
        most, least = y.amax((0, 2, 3)).long(), y.amin((0, 2, 3)).long()
        return cls(counts, least.clamp(-(bins // 2), -1), most.clamp(1, bins // 2 - 1))

    @property
    def bins(self) -> int:
        """B."""
        return int(self.counts.shape[2])

    def static(self) -> Tensor:
        """Static distributions, float64 ``[M, B]``."""
        total = self.counts.sum(0, dtype=torch.float64) + PSEUDO_COUNT
        return total / total.sum(1, keepdim=True)


def halves(codec: ImageCodec, *, is_compiled: bool = False) -> tuple[Half, Half]:
    """``g_a`` and ``g_s`` in bfloat16 with float32 ends; compiled once, whatever weights are loaded later."""

    def analyse(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y: Tensor = codec.g_a(x)
        return y.float()

    def synthesise(y_hat: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x_hat: Tensor = codec.g_s(y_hat)
        return x_hat.float()

    if not is_compiled:
        return analyse, synthesise
    return torch.compile(analyse), torch.compile(synthesise)


def rebinned(net: AdaptiveBottleneck, static: Tensor) -> AdaptiveBottleneck:
    """The same networks upon other static distributions ``[M, B]``; B may differ: they convolve along the bins."""
    old = net.shape
    shape = AdaptiveShape(old.latent_channels, old.hidden_channels, old.side_channels, static.shape[1])
    fresh = AdaptiveBottleneck(shape, static)
    fresh.load_state_dict({k: v for k, v in net.state_dict().items() if k != "static_logits"}, strict=False)
    return fresh


@torch.no_grad()
def latents(codec: ImageCodec, photos: Photos, *, is_rough: bool = False) -> Tensor:
    """Rounded latents int16 ``[photos, M, h, w]`` of photographs of one size; `is_rough`: by bfloat16."""
    parts = []
    for start in range(0, len(photos), COUNTING_BATCH):
        x = pixels(photos, start, COUNTING_BATCH)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_rough):
            parts.append(torch.round(codec.g_a(x).float()).short())
    return torch.cat(parts)


def pixels(photos: Photos, start: int, count: int) -> Tensor:
    """Some photographs of one size, float32 ``[count, 3, H, W]`` in [0, 1], cut to multiples of the stride."""
    x = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in photos.pixels[start : start + count]])
    x = x[:, :, : x.shape[2] // STRIDE * STRIDE, : x.shape[3] // STRIDE * STRIDE]
    return x.float().div(255).contiguous(memory_format=torch.channels_last)


def full_histogram(y: Tensor, shape: AdaptiveShape) -> Tensor:
    """`histogram` over all bins but the first: latents are clipped where bins end, not at 75 % of them."""
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
    """(bits of latents, bits of q) of a batch, to be minimised: what each part of the gradient reaches is the variant.

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


def train_jointly(
    codec: ImageCodec,
    net: AdaptiveBottleneck,
    support: Support,
    photos: Photos,
    variant: Variant,
    effort: JointEffort,
    trade_off: float,
    *,
    seed: int,
    codec_halves: tuple[Half, Half] | None = None,
) -> tuple[AdaptiveBottleneck, Support]:
    """Train `codec` in place by a variant; the adaptive networks, and the support if it was counted again.

    Args:
        net, support: of the codec as it is, with the variant's number of bins; `net` is trained in place too.
        trade_off: lambda.
        seed: of crops and noise: the same photographs in every variant.
        codec_halves: `halves` of this very codec.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    analyse, synthesise = codec_halves or halves(codec)
    named = [(name, p) for name, p in codec.named_parameters() if name.startswith("g_")]
    transforms, networks = [p for _, p in named], [*net.h_a.parameters(), *net.h_s.parameters()]
    rate, network_rate = effort.transform_rate * variant.transform_rate_factor, effort.network_rate
    groups: list[tuple[list[nn.Parameter], float]] = [
        ([p for name, p in named if ".linear." not in name], rate),
        ([p for name, p in named if ".linear." in name], rate * LINEAR_RATE_FACTOR),
        ([*codec.entropy.parameters()], rate * image_recipe.ENTROPY_RATE_FACTOR),
        (networks, network_rate),
        ([*net.entropy.parameters()], network_rate * ENTROPY_RATE_FACTOR),
    ]
    groups = [(parameters, peak) for parameters, peak in groups if parameters]
    optimizer = torch.optim.Adam([{"params": parameters, "lr": peak} for parameters, peak in groups])
    net.train()
    for step in range(effort.steps):
        if variant.recount_every and step and step % variant.recount_every == 0:
            few = Photos(photos.name, photos.pixels[: effort.recount_photos])
            support = Support.of(latents(codec, few, is_rough=True), net.shape.bins)
            net.static_logits.copy_(support.static().log())
        _schedule(optimizer, groups, step / effort.steps)
        x = draw_crops(photos, effort.batch, effort.crop, generator)
        y = analyse(x)
        bits, side = joint_bits(codec, net, variant, y, support)
        x_hat = synthesise(y + (torch.round(y) - y).detach())
        rate_term = (bits + SIDE_WEIGHT * side) / (x.numel() / 3)
        loss: Any = rate_term + trade_off * 255**2 * F.mse_loss(x_hat, x)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(transforms, GRADIENT_CLIP)
        nn.utils.clip_grad_norm_(networks, GRADIENT_CLIP)
        optimizer.step()
    return net.eval(), support


def refit(net: AdaptiveBottleneck, support: Support, effort: JointEffort, *, seed: int) -> AdaptiveBottleneck:
    """The adaptive networks, trained on upon the static distributions and histograms of `support`."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = rebinned(net, support.static()).train()
    networks = [*net.h_a.parameters(), *net.h_s.parameters()]
    groups = [(networks, effort.network_rate), ([*net.entropy.parameters()], effort.network_rate * ENTROPY_RATE_FACTOR)]
    optimizer = torch.optim.Adam([{"params": parameters, "lr": peak} for parameters, peak in groups])
    samples = int(support.counts[0, 0].sum())
    for step in range(effort.refit_steps):
        _schedule(optimizer, groups, step / effort.refit_steps)
        index = torch.randint(len(support.counts), (effort.refit_batch,), generator=generator)
        p = support.counts[index].float() / samples
        log_probability, side = net(clipped(p, net.shape))
        loss: Any = (latent_bits(p, log_probability, samples) + SIDE_WEIGHT * side).mean() / (samples * STRIDE**2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(networks, GRADIENT_CLIP)
        optimizer.step()
    return net.eval()


def _schedule(
    optimizer: torch.optim.Optimizer, groups: list[tuple[list[nn.Parameter], float]], progress: float
) -> None:
    for group, (_, peak) in zip(optimizer.param_groups, groups, strict=True):
        group["lr"] = peak * cosine(progress, WARMUP)
