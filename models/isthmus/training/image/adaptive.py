"""Training of the adaptive entropy bottleneck of one image codec, whose transforms stay as they are.

Frozen transforms give the same latents at every epoch, so the histograms of all photographs, as they are and turned,
are counted once; a step of training is then two small networks over ``[batch, M_y, B]``.

Loss: ``R_y + lambda_q R_q`` in bits a pixel of the photograph, lambda_q its area over that of the images it stands for
(256 x 256 / 768 x 512 = 1/6): side information is paid once an image, and real images are larger.

The static tables that adaptation must beat are counted over the training latents too: the learned densities of the
codec's bottleneck, which were only ever a means to train it, cost more (the validation says how much).
"""

from __future__ import annotations

import copy
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.integer_softmax import PRECISION_BITS
from isthmus.models.image.adaptive import (
    AdaptiveBottleneck,
    AdaptiveShape,
    ideal_bits,
    largest_counted,
    latent_bits,
    mac_per_pixel,
)
from isthmus.models.image.adaptive_graph import (
    LOGIT_BITS,
    analysis_graph,
    integer_logits,
    quantize_bins,
    synthesis_graph,
)
from isthmus.models.image.transforms import STRIDE
from isthmus.training.image.photos import Photos
from isthmus.training.image.transforms import ImageCodec, load_codec
from isthmus.training.trainer import cosine, save_checkpoint

SIDE_WEIGHT = 1 / 6  # lambda_q: 256 x 256 over 768 x 512
TARGET_SAMPLES = 768 * 512 // STRIDE**2  # latents of a channel in the images that the loss speaks of
BIN_CHOICES = (64, 128, 256, 512, 1024)
OUTSIDE_SHARE = 1e-4  # of the latents may lie outside the bins: they cost up to 16 bits, or an escape
CLIPPED_SHARE = 1e-3  # of the latents may be clipped in a histogram
PSEUDO_COUNT = 0.1  # added to every bin of the static distributions
WARMUP = 0.02
ENTROPY_RATE_FACTOR = 5.0  # the entropy bottleneck of q learns this much faster than the networks
GRADIENT_CLIP = 1.0
CODEC_BATCH = 16
VALIDATE_EVERY = 500
# Ways to take a photograph for training: mirrored, transposed, its middle enlarged. Enlarged ones stand for the smooth
# content and the many latents of large images.
VIEWS = ((False, False, False), (True, False, False), (False, True, False), (True, True, False), (False, False, True))
ENLARGED_MIDDLE = 0.625  # side of the middle that is enlarged, of the photograph's

Counts = Tensor  # int16 [photos, M_y, B], of latents within the bins


@dataclass(frozen=True, slots=True)
class AdaptiveEffort:
    """How long and how fast, and the widths of the networks."""

    steps: int = 2_000
    learning_rate: float = 8e-3
    batch: int = 32
    hidden_channels: int = 32
    side_channels: int = 16


@dataclass(frozen=True, slots=True)
class LatentCounts:
    """Histograms of a codec's latents, and what is measured against them.

    Attributes:
        train: counts of one view of the photographs each, the first as they are.
        learned: densities of the codec's own bottleneck at the bins, ``[M_y, B]``.
    """

    bins: int
    train: tuple[Counts, ...]
    validation: Counts
    learned: Tensor

    def static(self) -> Tensor:
        """The static distributions, counted over the training latents, float64 ``[M_y, B]``."""
        total = self.train[0].double().sum(0) + PSEUDO_COUNT
        return total / total.sum(1, keepdim=True)


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


@dataclass(frozen=True, slots=True)
class FrozenAdaptive:
    """What a codec folder needs of the adaptive bottleneck.

    Attributes:
        h_a_q, h_s_q: the graphs.
        q_tables: one table a channel of q.
        static: the static distributions that the logits start from, float64 ``[M_y, B]``.
        stats: figures of the validation with floats and with integers, complexity, bounds.
    """

    h_a_q: onnx.ModelProto
    h_s_q: onnx.ModelProto
    q_tables: CdfTables
    bins: int
    static: npt.NDArray[np.float64]
    stats: dict[str, float]


@torch.no_grad()
def count_latents(codec: ImageCodec, train: Photos, validation: Photos) -> LatentCounts:
    """Histograms of all photographs; the bins are as many as the latents need. Minutes."""
    codec = codec.eval().requires_grad_(requires_grad=False)
    first, held = (_latents(codec, photos, VIEWS[0]) for photos in (train, validation))
    bins = choose_bins(first)
    shape = AdaptiveShape(codec.shape.latent_channels, bins=bins)
    others = [_latents(codec, train, view, is_rough=True) for view in VIEWS[1:]]
    values = torch.arange(bins).float() - bins // 2
    likelihood = codec.entropy.likelihood(values[:, None].expand(-1, shape.latent_channels)).double().t()
    return LatentCounts(
        bins,
        tuple(_counted(y, shape) for y in (first, *others)),
        _counted(held, shape),
        likelihood / likelihood.sum(1, keepdim=True),
    )


def choose_bins(y: Tensor) -> int:
    """The fewest bins that hold all but `OUTSIDE_SHARE` of the latents, with few clipped in the histograms."""
    magnitudes = y.abs()
    for bins in BIN_CHOICES:
        outside, beyond_clip = ((magnitudes > most).float().mean() for most in (bins // 2 - 1, largest_counted(bins)))
        if outside <= OUTSIDE_SHARE and beyond_clip <= CLIPPED_SHARE:
            return bins
    return BIN_CHOICES[-1]


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
    networks = [*net.h_a.parameters(), *net.h_s.parameters()]
    optimizer = torch.optim.Adam([{"params": networks}, {"params": list(net.entropy.parameters())}])
    start, seconds = 0, 0.0
    best: tuple[float, dict[str, Tensor] | None] = (math.inf, None)
    if resume.exists():
        saved = torch.load(resume, weights_only=False)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        torch.set_rng_state(saved["rng"])
        start, seconds, best = saved["step"], saved["seconds"], saved["best"]
    began = time.monotonic() - seconds
    net.train()
    for step in range(start, effort.steps):
        factor = effort.learning_rate * cosine(step / effort.steps, WARMUP)
        for group, scale in zip(optimizer.param_groups, (1.0, ENTROPY_RATE_FACTOR), strict=True):
            group["lr"] = factor * scale
        source = counts.train[step % len(counts.train)]
        index = torch.randint(len(source), (effort.batch,), generator=generator)
        histograms, _ = _normalised(source[index])
        log_probability, side = net(clipped(histograms, shape))
        bits = latent_bits(histograms, log_probability, TARGET_SAMPLES) + side
        loss = bits.mean() / (TARGET_SAMPLES * STRIDE**2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(networks, GRADIENT_CLIP)
        optimizer.step()
        if (step + 1) % VALIDATE_EVERY == 0 or step + 1 == effort.steps:
            result = validate_adaptive(net, counts)
            total = result.adapted_bits + SIDE_WEIGHT * result.side_bits
            if total < best[0]:
                best = (total, copy.deepcopy(net.state_dict()))
            print(
                f"adaptive {name} {step + 1}/{effort.steps} gain {result.gain_percent:.2f} % of "
                f"{result.ideal_gain_percent:.2f} %, closed {result.gap_closed_percent:.1f} %, "
                f"q {result.side_bits:.0f} bits, {time.monotonic() - began:.0f}s",
                file=sys.stderr,
                flush=True,
            )
            save_checkpoint(
                resume,
                {
                    "net": net.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "generator": generator.get_state(),
                    "rng": torch.get_rng_state(),
                    "step": step + 1,
                    "seconds": time.monotonic() - began,
                    "best": best,
                },
            )
    if best[1] is None:
        raise ValueError(f"expected a finite validation loss, adaptive {name} never had one")
    net.load_state_dict(best[1])
    result = validate_adaptive(net, counts)
    save_checkpoint(
        target,
        {
            "net": net.state_dict(),
            "shape": shape,
            "effort": effort,
            "seed": seed,
            "seconds": round(time.monotonic() - began),
            "validation": result.summary(),
            "mac_per_pixel": mac_per_pixel(shape),
        },
    )
    resume.unlink(missing_ok=True)
    return target


def cached_counts(codec_checkpoint: Path, train: Photos, validation: Photos, folder: Path) -> LatentCounts:
    """`count_latents`, once: kept in ``<folder>/counts-<name>.pt``."""
    path = folder / f"counts-{codec_checkpoint.stem}.pt"
    if path.exists():
        counts: LatentCounts = torch.load(path, weights_only=False)["counts"]
        return counts
    counts = count_latents(load_codec(codec_checkpoint)[0], train, validation)
    save_checkpoint(path, {"counts": counts})
    return counts


@torch.no_grad()
def validate_adaptive(net: AdaptiveBottleneck, counts: LatentCounts) -> AdaptiveResult:
    """Bits of the validation photographs, q rounded, by the likelihoods of the float networks."""
    net.eval()
    histograms, samples = _normalised(counts.validation)
    log_probability, side = net(clipped(histograms, net.shape))
    net.train()
    return _result(counts, latent_bits(histograms, log_probability, samples).mean().item(), side.mean().item())


@torch.no_grad()
def freeze_adaptive(checkpoint: Path, counts: LatentCounts) -> FrozenAdaptive:
    """Both graphs and the tables of q of a trained bottleneck, judged on the validation photographs in integers."""
    saved = torch.load(checkpoint, weights_only=False)
    shape: AdaptiveShape = saved["shape"]
    net = AdaptiveBottleneck(shape, counts.static())
    net.load_state_dict(saved["net"])
    net.eval()
    q = torch.round(torch.cat([net.analyse(clipped(_normalised(part)[0], shape)) for part in counts.train]))
    q_tables = side_tables(q)
    synthesis = quantize_bins(net, q)
    histograms, samples = _normalised(counts.validation)
    q_held = (
        torch.round(net.analyse(clipped(histograms, shape)))
        .clamp(-synthesis.side_top, synthesis.side_top)
        .int()
        .numpy()
    )
    logits = torch.from_numpy(np.stack([integer_logits(synthesis, one) for one in q_held]))
    log_probability = torch.log_softmax(logits.double() / (1 << LOGIT_BITS), 2) / math.log(2)
    channels = np.broadcast_to(np.arange(shape.side_channels)[:, None], q_held.shape[1:])
    side = np.mean([q_tables.bits(one, channels).sum() for one in q_held])
    as_float = validate_adaptive(net, counts)
    as_integers = _result(counts, latent_bits(histograms, log_probability.float(), samples).mean().item(), float(side))
    stats = {f"float_{key}": value for key, value in as_float.summary().items()}
    stats |= {f"integer_{key}": value for key, value in as_integers.summary().items()}
    stats |= {f"mac_per_pixel_{key}": value for key, value in mac_per_pixel(shape).items()}
    stats |= {"largest_sum": float(synthesis.bound()), "side_top": float(synthesis.side_top)}
    return FrozenAdaptive(
        analysis_graph(net, synthesis.side_top),
        synthesis_graph(synthesis),
        q_tables,
        shape.bins,
        counts.static().numpy(),
        stats,
    )


def side_tables(q: Tensor) -> CdfTables:
    """One table with an escape for each channel of rounded `q` ``[n, M_q, B/8]``, counted over training."""
    columns = q.transpose(0, 1).flatten(1).long().numpy()
    low, high = columns.min(1), columns.max(1)
    pmfs = []
    for row, least, most in zip(columns, low, high, strict=True):
        seen = np.bincount(row - least, minlength=int(most - least + 1)) + PSEUDO_COUNT
        pmfs.append(np.append(seen, PSEUDO_COUNT) / (seen.sum() + PSEUDO_COUNT))
    return quantize_pmf(pmfs, low, PRECISION_BITS, has_escape=True)


def _result(counts: LatentCounts, adapted_bits: float, side_bits: float) -> AdaptiveResult:
    histograms, samples = _normalised(counts.validation)
    static, learned = (torch.log2(p).float() for p in (counts.static(), counts.learned))
    return AdaptiveResult(
        latent_bits(histograms, static, samples).mean().item(),
        latent_bits(histograms, learned, samples).mean().item(),
        ideal_bits(histograms, samples).mean().item(),
        adapted_bits,
        side_bits,
    )


def _normalised(counts: Counts) -> tuple[Tensor, int]:
    samples = int(counts[0, 0].sum())
    return counts.float() / samples, samples


def clipped(histograms: Tensor, shape: AdaptiveShape) -> Tensor:
    """What ``h_a,q`` sees of histograms over all bins: latents beyond the clip at the clip."""
    low, high = shape.bins // 2 - shape.clip, shape.bins // 2 + shape.clip
    inner = histograms[..., low : high + 1].clone()
    inner[..., 0] += histograms[..., :low].sum(-1)
    inner[..., -1] += histograms[..., high + 1 :].sum(-1)
    return F.pad(inner, (low, shape.bins - 1 - high))


def _counted(y: Tensor, shape: AdaptiveShape) -> Counts:
    """Latents outside the bins are counted in the outermost ones."""
    counts = torch.zeros(*y.shape[:2], shape.bins, dtype=torch.int16)
    for total, part in zip(torch.split(counts, 64), torch.split(y, 64), strict=True):
        index = (part.flatten(2).long() + shape.bins // 2).clamp(0, shape.bins - 1)
        total.scatter_add_(2, index, torch.ones_like(index, dtype=torch.int16))
    return counts


def _latents(codec: ImageCodec, photos: Photos, view: tuple[bool, bool, bool], *, is_rough: bool = False) -> Tensor:
    """Rounded latents int16 ``[photos, M_y, h, w]`` of one view of photographs of one size; `is_rough`: by bfloat16."""
    mirror, transpose, enlarge = view
    parts: list[Tensor] = []
    for start in range(0, len(photos), CODEC_BATCH):
        x = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in photos.pixels[start : start + CODEC_BATCH]])
        x = x.float().div(255)
        if enlarge:
            height, width = (max(STRIDE, int(side * ENLARGED_MIDDLE)) for side in x.shape[2:])
            top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
            middle = x[:, :, top : top + height, left : left + width]
            x = F.interpolate(middle, scale_factor=2, mode="bicubic").clamp(0, 1)
        x = x[:, :, : x.shape[2] // STRIDE * STRIDE, : x.shape[3] // STRIDE * STRIDE]
        x = x.flip(3) if mirror else x
        x = x.transpose(2, 3) if transpose else x
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_rough):
            y: Any = codec.g_a(x.contiguous(memory_format=torch.channels_last))
        parts.append(torch.round(y.float()).short())
    return torch.cat(parts)
