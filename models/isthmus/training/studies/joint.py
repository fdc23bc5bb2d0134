"""Joint training of an image codec's transforms with the adaptive bottleneck that codes their latents.

Everything starts converged: transforms trained with a static bottleneck, and adaptive networks trained on the frozen
transforms. What is varied is only the rate that the gradient of ``g_a`` sees (`joint_rate`); in every variant the
adaptive networks learn from the same batches, and are fitted again at the end on the histograms of the then frozen
transforms. So a difference between two variants is the work of that gradient, and not of more training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape, latent_bits
from isthmus.models.image.transforms import STRIDE
from isthmus.training.image.adaptive import ENTROPY_RATE_FACTOR, GRADIENT_CLIP, SIDE_WEIGHT, WARMUP, networks_of
from isthmus.training.image.latent_counts import clipped
from isthmus.training.image.photos import Photos, draw_crops
from isthmus.training.image.transforms import ENTROPY_RATE_FACTOR as STATIC_RATE_FACTOR
from isthmus.training.image.transforms import LINEAR_RATE_FACTOR, ImageCodec
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.precision import mixed
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.studies.joint_rate import Support, Variant, joint_bits
from isthmus.training.trainer import Trainer

COUNTING_BATCH = 16

Half = Callable[[Tensor], Tensor]


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
class Joint:
    """A codec and the adaptive bottleneck that is trained with it, both in place; `support` is of their latents."""

    codec: ImageCodec
    net: AdaptiveBottleneck
    support: Support


def halves(codec: ImageCodec, *, is_compiled: bool = False) -> tuple[Half, Half]:
    """``g_a`` and ``g_s`` in bfloat16 with float32 ends; compiled once, whatever weights are loaded later."""

    def analyse(x: Tensor) -> Tensor:
        with mixed():
            y: Tensor = codec.g_a(x)
        return y.float()

    def synthesise(y_hat: Tensor) -> Tensor:
        with mixed():
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
        with mixed(is_wanted=is_rough):
            parts.append(torch.round(codec.g_a(x).float()).short())
    return torch.cat(parts)


def pixels(photos: Photos, start: int, count: int) -> Tensor:
    """Some photographs of one size, float32 ``[count, 3, H, W]`` in [0, 1], cut to multiples of the stride."""
    x = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in photos.pixels[start : start + count]])
    x = x[:, :, : x.shape[2] // STRIDE * STRIDE, : x.shape[3] // STRIDE * STRIDE]
    return x.float().div(255).contiguous(memory_format=torch.channels_last)


class JointRecipe(Recipe):
    """Transforms, static and adaptive bottleneck, on crops as large as the photographs.

    Args:
        trade_off: lambda.
        codec_halves: `halves` of the codec.
    """

    model: AdaptiveBottleneck

    def __init__(
        self,
        joint: Joint,
        photos: Photos,
        variant: Variant,
        effort: JointEffort,
        trade_off: float,
        codec_halves: tuple[Half, Half],
    ) -> None:
        self.model, self.support = joint.net, joint.support
        self._codec, self._photos, self._variant, self._effort = joint.codec, photos, variant, effort
        self._trade_off, (self._analyse, self._synthesise) = trade_off, codec_halves

    def groups(self) -> list[Group]:
        rate = self._effort.transform_rate * self._variant.transform_rate_factor
        network_rate = self._effort.network_rate
        named = self._transforms()
        return [
            Group([p for name, p in named if ".linear." not in name], rate),
            Group([p for name, p in named if ".linear." in name], rate * LINEAR_RATE_FACTOR),
            Group(list(self._codec.entropy.parameters()), rate * STATIC_RATE_FACTOR),
            Group(networks_of(self.model), network_rate),
            Group(list(self.model.entropy.parameters()), network_rate * ENTROPY_RATE_FACTOR),
        ]

    def clipped(self) -> list[list[nn.Parameter]]:
        return [[p for _, p in self._transforms()], networks_of(self.model)]

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        every = self._variant.recount_every
        if every and at.step and at.step % every == 0:
            few = Photos(self._photos.name, self._photos.pixels[: self._effort.recount_photos])
            self.support = Support.of(latents(self._codec, few, is_rough=True), self.model.shape.bins)
            self.model.static_logits.copy_(self.support.static().log())
        x = draw_crops(self._photos, self._effort.batch, self._effort.crop, generator)
        y = self._analyse(x)
        bits, side = joint_bits(self._codec, self.model, self._variant, y, self.support)
        x_hat = self._synthesise(y + (torch.round(y) - y).detach())
        rate = (bits + SIDE_WEIGHT * side) / (x.numel() / 3)
        loss = rate + self._trade_off * 255**2 * F.mse_loss(x_hat, x)
        yield Cost(loss, {"loss": loss.item()})

    def _transforms(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self._codec.named_parameters() if name.startswith("g_")]


class RefitRecipe(Recipe):
    """The adaptive networks alone, on the histograms of a support."""

    model: AdaptiveBottleneck

    def __init__(self, net: AdaptiveBottleneck, support: Support, effort: JointEffort) -> None:
        self.model, self._counts, self._effort = net, support.counts, effort
        self._samples = int(support.counts[0, 0].sum())

    def groups(self) -> list[Group]:
        rate, entropy = self._effort.network_rate, list(self.model.entropy.parameters())
        return [Group(networks_of(self.model), rate), Group(entropy, rate * ENTROPY_RATE_FACTOR)]

    def clipped(self) -> list[list[nn.Parameter]]:
        return [networks_of(self.model)]

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:  # noqa: ARG002
        index = torch.randint(len(self._counts), (self._effort.refit_batch,), generator=generator)
        p = self._counts[index].float() / self._samples
        log_probability, side = self.model(clipped(p, self.model.shape))
        bits = latent_bits(p, log_probability, self._samples) + SIDE_WEIGHT * side
        loss = bits.mean() / (self._samples * STRIDE**2)
        yield Cost(loss, {"bits_per_pixel": loss.item()})


def train_jointly(
    joint: Joint,
    photos: Photos,
    variant: Variant,
    effort: JointEffort,
    trade_off: float,
    *,
    seed: int,
    codec_halves: tuple[Half, Half] | None = None,
) -> Joint:
    """Train codec and networks in place by a variant; the support is another if it was counted again.

    Args:
        joint: with the variant's number of bins.
        trade_off: lambda.
        seed: of crops and noise: the same photographs in every variant.
        codec_halves: `halves` of this very codec.
    """
    torch.manual_seed(seed)
    recipe = JointRecipe(joint, photos, variant, effort, trade_off, codec_halves or halves(joint.codec))
    _run(recipe, effort.steps, seed, f"joint {variant.name}")
    return Joint(joint.codec, joint.net.eval(), recipe.support)


def refit(net: AdaptiveBottleneck, support: Support, effort: JointEffort, *, seed: int) -> AdaptiveBottleneck:
    """The adaptive networks, trained on upon the static distributions and histograms of `support`."""
    torch.manual_seed(seed)
    net = rebinned(net, support.static())
    _run(RefitRecipe(net, support, effort), effort.refit_steps, seed, "refit")
    return net.eval()


def _run(recipe: Recipe, steps: int, seed: int, label: str) -> None:
    plan = Plan(steps, clip_norm=GRADIENT_CLIP, decay=warm_cosine(WARMUP))
    Trainer(recipe, plan, torch.Generator().manual_seed(seed), label=label).run()
