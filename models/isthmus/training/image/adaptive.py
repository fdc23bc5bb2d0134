"""Training of the adaptive entropy bottleneck of one image codec, whose transforms stay as they are.

A step of training is two small networks over histograms ``[batch, M_y, B]`` (`latent_counts`).

Loss: ``R_y + lambda_q R_q`` in bits a pixel of the photograph, lambda_q its area over that of the images it stands for
(256 x 256 / 768 x 512 = 1/6): side information is paid once an image, and real images are larger.

The static tables that adaptation must beat are counted over the training latents too: the learned densities of the
codec's bottleneck, which were only ever a means to train it, cost more (the validation says how much).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from isthmus.models.image.adaptive import (
    AdaptiveBottleneck,
    AdaptiveShape,
    ideal_bits,
    latent_bits,
    mac_per_pixel,
)
from isthmus.models.image.components import Components
from isthmus.models.image.transforms import STRIDE
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.image.latent_counts import Counts, LatentCounts, cached_counts, clipped, normalised
from isthmus.training.image.photos import Photos
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer

SIDE_WEIGHT = 1 / 6  # lambda_q: 256 x 256 over 768 x 512
TARGET_SAMPLES = 768 * 512 // STRIDE**2  # latents of a channel in the images that the loss speaks of
WARMUP = 0.02
ENTROPY_RATE_FACTOR = 5.0  # the entropy bottleneck of q learns this much faster than the networks
GRADIENT_CLIP = 1.0
ROUND_STEPS = 500
ANALYSED_TOGETHER = 32
"""Photographs: of all at once, convolutions over 1,024 bins take more memory than a machine has."""


@dataclass(frozen=True, slots=True)
class AdaptiveEffort:
    """How long and how fast, and the widths of the networks.

    `most_together`: of photographs whose histograms are added up to one, at random from 1 to so many: images are larger
    than photographs of training.
    """

    steps: int = 2_000
    learning_rate: float = 8e-3
    batch: int = 32
    hidden_channels: int = 32
    side_channels: int = 16
    most_together: int = 1
    side_weight: float = SIDE_WEIGHT


@dataclass(frozen=True, slots=True)
class AdaptiveResult:
    """Mean bits of a validation photograph.

    Attributes:
        static_bits, learned_static_bits: under tables counted over training latents, and under the learned densities.
        ideal_bits: under each photograph's own histograms, at no cost.
        adapted_bits, side_bits: under the adapted distributions, and of q.
    """

    static_bits: float
    learned_static_bits: float
    ideal_bits: float
    adapted_bits: float
    side_bits: float

    @property
    def gain_percent(self) -> float:
        """Bits saved of the static ones, the side information's share of a 768 x 512 image paid."""
        return 100 * (1 - (self.adapted_bits + SIDE_WEIGHT * self.side_bits) / self.static_bits)

    @property
    def ideal_gain_percent(self) -> float:
        """Bits that true histograms at no cost would save."""
        return 100 * (1 - self.ideal_bits / self.static_bits)

    @property
    def gap_closed_percent(self) -> float:
        """Share of the ideal gain that is reached."""
        return 100 * self.gain_percent / self.ideal_gain_percent

    def summary(self) -> dict[str, float]:
        """Everything, by name."""
        return asdict(self) | {
            "gain_percent": self.gain_percent,
            "ideal_gain_percent": self.ideal_gain_percent,
            "gap_closed_percent": self.gap_closed_percent,
        }


def drawn(source: Counts, batch: int, most_together: int, generator: torch.Generator) -> Tensor:
    """Normalised histograms ``[batch, M_y, B]`` of photographs drawn from counts, up to so many added up to each."""
    counts = source[torch.randint(len(source), (batch,), generator=generator)].float()
    if most_together > 1:
        for _ in range(int(torch.randint(most_together, (1,), generator=generator))):
            counts += source[torch.randint(len(source), (batch,), generator=generator)]
    return counts / counts[0, 0].sum()


class AdaptiveRecipe(Recipe):
    """Both networks and the bottleneck of q on counted latents; `effort` says how fast."""

    model: AdaptiveBottleneck

    def __init__(self, net: AdaptiveBottleneck, counts: LatentCounts, effort: AdaptiveEffort) -> None:
        self.model, self._counts, self._effort = net, counts, effort

    def groups(self) -> list[Group]:
        rate, entropy = self._effort.learning_rate, list(self.model.entropy.parameters())
        return [Group(networks_of(self.model), rate), Group(entropy, rate * ENTROPY_RATE_FACTOR)]

    def clipped(self) -> list[list[nn.Parameter]]:
        return [networks_of(self.model)]

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        source = self._counts.train[at.step % len(self._counts.train)]
        histograms = drawn(source, self._effort.batch, self._effort.most_together, generator)
        log_probability, side = self.model(clipped(histograms, self.model.shape))
        weight = self._effort.side_weight / SIDE_WEIGHT  # the loss is that of an image, which pays for q once
        bits = latent_bits(histograms, log_probability, TARGET_SAMPLES) + weight * side
        yield Cost(bits.mean() / (TARGET_SAMPLES * STRIDE**2), {})

    def validate(self, judged: nn.Module) -> dict[str, float]:
        assert isinstance(judged, AdaptiveBottleneck | Components)  # the model
        result = validate_adaptive(judged, self._counts)
        return {"loss": result.adapted_bits + SIDE_WEIGHT * result.side_bits, **result.summary()}


def networks_of(net: AdaptiveBottleneck) -> list[nn.Parameter]:
    """What learns of both networks, the bottleneck of q apart."""
    return [*net.h_a.parameters(), *net.h_s.parameters()]


def train_adaptive(
    codec_checkpoint: Path,
    train: Photos,
    validation: Photos,
    folder: Path,
    effort: AdaptiveEffort | None = None,
    *,
    seed: int = 0,
) -> Path:
    """Train the adaptive bottleneck of one quality into ``<folder>/adaptive-<name>.pt``. A killed run resumes."""
    effort = effort or AdaptiveEffort()
    name = codec_checkpoint.stem
    target, resume = folder / f"adaptive-{name}.pt", folder / f"adaptive-{name}.resume.pt"
    if target.exists():
        return target
    counts = cached_counts(codec_checkpoint, train, validation, folder)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    channels = counts.validation.shape[1]
    shape = AdaptiveShape(channels, effort.hidden_channels, effort.side_channels, counts.bins)
    net = AdaptiveBottleneck(shape, counts.static())
    plan = Plan(
        effort.steps,
        round_steps=ROUND_STEPS,
        clip_norm=GRADIENT_CLIP,
        decay=warm_cosine(WARMUP),
        is_best_kept=True,
    )
    recipe = AdaptiveRecipe(net, counts, effort)
    done = Trainer(recipe, plan, generator, label=f"adaptive {name}", resume=resume).run()
    save_checkpoint(
        target,
        {
            "net": net.state_dict(),
            "shape": asdict(shape),
            "effort": asdict(effort),
            "seed": seed,
            "seconds": round(done.seconds),
            "validation": validate_adaptive(net, counts).summary(),
            "mac_per_pixel": mac_per_pixel(shape),
        },
    )
    resume.unlink(missing_ok=True)
    return target


def load_adaptive(checkpoint: Path) -> AdaptiveBottleneck:
    """The bottleneck of a finished training, with the static distributions that it was trained upon."""
    saved = load_checkpoint(checkpoint, expected=("net", "shape"))
    net = AdaptiveBottleneck(AdaptiveShape(**saved["shape"]), saved["net"]["static_logits"].double().exp())
    net.load_state_dict(saved["net"])
    return net.eval()


@torch.no_grad()
def validate_adaptive(net: AdaptiveBottleneck | Components, counts: LatentCounts) -> AdaptiveResult:
    """Bits of the validation photographs, q rounded, by the likelihoods of the float networks."""
    net.eval()
    adapted, sides = [], []
    for part in torch.split(counts.validation, ANALYSED_TOGETHER):
        histograms, samples = normalised(part)
        log_probability, side = net(clipped(histograms, net.shape))
        adapted.append(latent_bits(histograms, log_probability, samples))
        sides.append(side)
    net.train()
    return result_of(counts, torch.cat(adapted).mean().item(), torch.cat(sides).mean().item())


def result_of(counts: LatentCounts, adapted_bits: float, side_bits: float) -> AdaptiveResult:
    """Of means over the validation photographs, and what static tables cost on them."""
    histograms, samples = normalised(counts.validation)
    static, learned = (torch.log2(p).float() for p in (counts.static(), counts.learned))
    return AdaptiveResult(
        latent_bits(histograms, static, samples).mean().item(),
        latent_bits(histograms, learned, samples).mean().item(),
        ideal_bits(histograms, samples).mean().item(),
        adapted_bits,
        side_bits,
    )
