"""Training of the image codecs: a network at each of a few anchor rates, the others annealed from a neighbour.

Loss: ``R + lambda 255^2 MSE``, R in bits a pixel (Ballé et al. 2018; lambda as in CompressAI). The rate is that of
noisy latents; g_s sees rounded ones, with the gradient passed straight through (Minnen and Singh 2020). Latents are
rounded on the integer grid itself, not around medians: g_a learns to place them, and symbols need no offset.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.common.errors import InputError
from isthmus.models.bottleneck import EntropyBottleneck
from isthmus.models.image.transforms import (
    STRIDE,
    PatchAnalysis,
    PatchShape,
    PatchSynthesis,
    ReferenceAnalysis,
    ReferenceShape,
    ReferenceSynthesis,
    set_step,
    start_as_cosine_transform,
)
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.image.effort import PARENTS, REFERENCE_PARENTS, ImageEffort, Parents
from isthmus.training.image.photos import Photos, draw_crops
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.precision import mixed
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer

# One lambda a quality, q1 the lowest rate: those of the thesis.
LAMBDAS = (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800)
START_PATCHES = 4096  # of training photographs, by which coefficients are ranked at the start
GRADIENT_CLIP = 1.0
WARMUP = 0.02
LINEAR_RATE_FACTOR = 0.15  # the linear transforms start near where they end
GAIN_RATE_FACTOR = 4.0
ENTROPY_RATE_FACTOR = 10.0  # the entropy bottleneck learns this much faster than the transforms
ROUND_STEPS = 250
VALIDATION_BATCH = 8
SHAPES = {"patch": PatchShape, "reference": ReferenceShape}  # by what a checkpoint calls them


def parents_of(shape: PatchShape | ReferenceShape) -> Parents:
    """From which quality each is annealed, of such transforms."""
    return PARENTS if isinstance(shape, PatchShape) else REFERENCE_PARENTS


class ImageCodec(nn.Module):
    """g_a, the entropy bottleneck and g_s of one quality, to be trained together."""

    def __init__(self, shape: PatchShape | ReferenceShape) -> None:
        super().__init__()
        self.shape = shape
        self.g_a: nn.Module
        self.g_s: nn.Module
        if isinstance(shape, PatchShape):
            self.g_a, self.g_s = PatchAnalysis(shape), PatchSynthesis(shape)
        else:
            self.g_a, self.g_s = ReferenceAnalysis(shape), ReferenceSynthesis(shape)
        self.entropy = EntropyBottleneck(shape.latent_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(bits of all images together, mean squared error in [0, 1] units) of crops ``[n, 3, H, W]``."""
        with mixed(x.device.type):
            y = self.g_a(x)
        y = y.float()
        noise = torch.empty_like(y).uniform_(-0.5, 0.5) if self.training else torch.round(y) - y
        bits = latent_bits(self.entropy, y + noise.detach())
        rounded = y + (torch.round(y) - y).detach()
        with mixed(x.device.type):
            x_hat = self.g_s(rounded)
        x_hat = x_hat.float()
        if not self.training:
            x_hat = torch.round(x_hat.clamp(0, 1) * 255) / 255
        return bits, torch.mean((x_hat - x) ** 2)


def latent_bits(entropy: EntropyBottleneck, y: Tensor) -> Tensor:
    """Bits of latents ``[n, M, h, w]`` under the bottleneck, all together."""
    columns = y.permute(0, 2, 3, 1).reshape(-1, y.shape[1])
    return -torch.log2(entropy.likelihood(columns)).sum()


class TransformRecipe(Recipe):
    """Both transforms and the bottleneck on random crops.

    Args:
        rate: learning rate of what is not linear.
        crops: how many a step, and pixels along a side of one.
        trade_off: lambda.
        forward: `codec`, compiled or as it is.
    """

    model: ImageCodec

    def __init__(
        self, codec: ImageCodec, train: Photos, rate: float, crops: tuple[int, int], trade_off: float, forward: Any
    ) -> None:
        self.model = codec
        self._train, self._rate, self._trade_off, self._forward = train, rate, trade_off, forward
        self._batch, self._crop = crops

    def groups(self) -> list[Group]:
        codec, rate = self.model, self._rate
        linear = [p for name, p in codec.named_parameters() if ".linear." in name]
        gains = [p for name, p in codec.named_parameters() if "filter_gain" in name]
        entropy = list(codec.entropy.parameters())
        known = {id(p) for p in (*linear, *gains, *entropy)}
        return [
            Group([p for p in codec.parameters() if id(p) not in known], rate),
            Group(linear, rate * LINEAR_RATE_FACTOR),
            Group(gains, rate * GAIN_RATE_FACTOR),
            Group(entropy, rate * ENTROPY_RATE_FACTOR),
        ]

    def clipped(self) -> list[list[nn.Parameter]]:
        return [[*self.model.g_a.parameters(), *self.model.g_s.parameters()]]

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:  # noqa: ARG002
        device = next(self.model.parameters()).device
        x = draw_crops(self._train, self._batch, self._crop, generator).to(device)
        bits, mse = self._forward(x)
        bits_per_pixel = bits / (x.numel() / 3)
        parts = {"bits_per_pixel": bits_per_pixel.item(), "mse": mse.item()}
        yield Cost(bits_per_pixel + self._trade_off * 255**2 * mse, parts)


def train_image_quality(
    shape: PatchShape | ReferenceShape,
    quality: int,
    train: Photos,
    validation: Photos,
    folder: Path,
    effort: ImageEffort,
    *,
    seed: int,
    is_compiled: bool = False,
) -> Path:
    """Train one quality into ``<folder>/q<quality>.pt``, on a GPU where there is one. A killed run resumes.

    Raises:
        InputError: the quality that this one is annealed from is not in the folder, or photographs are too small.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    target, resume = folder / f"q{quality}.pt", folder / f"q{quality}.resume.pt"
    if target.exists():
        return target
    steps, rate = effort.of(quality, parents_of(shape))
    trade_off = LAMBDAS[quality - 1]
    torch.manual_seed(seed + quality)
    generator = torch.Generator().manual_seed(1000 * seed + quality)
    codec = _start(shape, quality, train, folder, generator)
    codec = codec.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    forward: Any = torch.compile(codec) if is_compiled else codec
    recipe = TransformRecipe(codec, train, rate, (effort.batch, effort.crop), trade_off, forward)
    plan = Plan(steps, round_steps=ROUND_STEPS, clip_norm=GRADIENT_CLIP, decay=warm_cosine(WARMUP))
    done = Trainer(recipe, plan, generator, label=f"q{quality}", resume=resume).run()
    result = validate(codec, validation, trade_off, device)
    print(f"q{quality} validation {result}", file=sys.stderr, flush=True)
    told = {
        "quality": quality,
        "lambda": trade_off,
        "steps": steps,
        "seed": seed,
        "seconds": round(done.seconds),
        "history": [
            (row["step"], round(row["bits_per_pixel"], 4), round(-10 * math.log10(row["mse"]), 3))
            for row in done.history
        ],
        "validation": result,
    }
    save_codec(target, codec, told)
    resume.unlink(missing_ok=True)
    return target


def _start(
    shape: PatchShape | ReferenceShape, quality: int, train: Photos, folder: Path, generator: torch.Generator
) -> ImageCodec:
    """A cosine transform, or the quality that this one is annealed from with a step of its own."""
    parents = parents_of(shape)
    codec, parent = ImageCodec(shape), parents[quality]
    step = quantiser_step(LAMBDAS[quality - 1])
    if isinstance(codec.g_a, PatchAnalysis) and isinstance(codec.g_s, PatchSynthesis):
        patches = draw_crops(train, START_PATCHES, STRIDE, generator)
        start_as_cosine_transform(codec.g_a, codec.g_s, patches, step)
    if parent is None:
        return codec
    if not (folder / f"q{parent}.pt").exists():
        wanted = ",".join(str(each) for each in with_parents((quality,), parents))
        raise InputError(
            f"{folder}: expected q{parent}.pt, which q{quality} is annealed from, found none: --qualities {wanted}"
        )
    codec.load_state_dict(load_codec(folder / f"q{parent}.pt")[0].state_dict())
    if isinstance(codec.g_a, PatchAnalysis) and isinstance(codec.g_s, PatchSynthesis):
        set_step(codec.g_a, codec.g_s, step)
    return codec


def with_parents(qualities: Sequence[int], parents: Parents = PARENTS) -> list[int]:
    """Qualities, each behind those that it is annealed from."""
    wanted: list[int] = []
    for quality in qualities:
        line: list[int] = []
        at: int | None = quality
        while at is not None and at not in wanted:
            line.append(at)
            at = parents[at]
        wanted += reversed(line)
    return wanted


def save_codec(checkpoint: Path, codec: ImageCodec, told: dict[str, Any]) -> None:
    """Keep the networks of a quality, and what is `told` of their training."""
    kind = next(name for name, known in SHAPES.items() if isinstance(codec.shape, known))
    weights = {name: value.cpu() for name, value in codec.state_dict().items()}
    save_checkpoint(checkpoint, {"codec": weights, "kind": kind, "shape": asdict(codec.shape), **told})


def load_codec(checkpoint: Path) -> tuple[ImageCodec, dict[str, Any]]:
    """The networks of a finished quality, ready to be used, and everything else its checkpoint says."""
    saved = load_checkpoint(checkpoint, expected=("codec", "kind", "shape"))
    codec = ImageCodec(SHAPES[saved["kind"]](**saved["shape"]))
    codec.load_state_dict(saved["codec"])
    return codec.eval(), saved


def quantiser_step(trade_off: float) -> float:
    """Step in grey levels at which an orthonormal transform meets the trade-off, by high-rate theory.

    ``-dD/dR = 2 ln 2 D`` with ``D = step^2 / 12``, three colours a pixel.
    """
    return math.sqrt(12 * 3 / (2 * math.log(2) * trade_off))


@torch.no_grad()
def validate(codec: ImageCodec, photos: Photos, trade_off: float, device: torch.device) -> dict[str, float]:
    """Mean rate, PSNR of the mean squared error, and loss over whole photographs, latents rounded."""
    judged = copy.deepcopy(codec).eval()
    total_bits, total_mse, pixels = 0.0, 0.0, 0
    for group in _by_size(photos.pixels):
        for i in range(0, len(group), VALIDATION_BATCH):
            part = group[i : i + VALIDATION_BATCH]
            x = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in part]).to(device).float().div(255)
            x = x[:, :, : x.shape[2] // STRIDE * STRIDE, : x.shape[3] // STRIDE * STRIDE]
            bits, mse = judged(x.contiguous(memory_format=torch.channels_last))
            count = x.numel() // 3
            total_bits, total_mse, pixels = total_bits + bits.item(), total_mse + mse.item() * count, pixels + count
    mse = total_mse / pixels
    return {
        "bits_per_pixel": total_bits / pixels,
        "psnr_db": -10 * math.log10(mse),
        "loss": total_bits / pixels + trade_off * 255**2 * mse,
    }


def _by_size(pixels: Sequence[Any]) -> list[list[Any]]:
    groups: dict[tuple[int, ...], list[Any]] = {}
    for image in pixels:
        groups.setdefault(image.shape, []).append(image)
    return list(groups.values())
