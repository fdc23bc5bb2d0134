"""Histograms of a codec's latents over photographs, as they are and turned: what the adaptive bottleneck learns from.

Frozen transforms give the same latents at every epoch, so all of them are counted once and kept in a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.common.image.histogram import largest_counted
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import EDGE_FILE, load_codec_folder
from isthmus.models.image.adaptive import AdaptiveShape
from isthmus.models.image.components import ComponentShape
from isthmus.models.image.transforms import STRIDE
from isthmus.runtime.engine import End, open_network
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.image.photos import Photos
from isthmus.training.image.transforms import ImageCodec, load_codec
from isthmus.training.precision import mixed

BIN_CHOICES = (64, 128, 256, 512, 1024)
OUTSIDE_SHARE = 1e-4  # of the latents may lie outside the bins: they cost up to 16 bits, or an escape
CLIPPED_SHARE = 1e-3  # of the latents may be clipped in a histogram
PSEUDO_COUNT = 0.1  # added to every bin of the static distributions
CODEC_BATCH = 16
# Ways to take a photograph for training: mirrored, transposed, its middle enlarged. Enlarged ones stand for the smooth
# content and the many latents of large images.
VIEWS = ((False, False, False), (True, False, False), (False, True, False), (True, True, False), (False, False, True))
ENLARGED_MIDDLE = 0.625  # side of the middle that is enlarged, of the photograph's

Counts = Tensor  # int16 [photos, M_y, B], of latents within the bins


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
        return static_of(self.train[0])


@torch.no_grad()
def count_latents(codec: ImageCodec, train: Photos, validation: Photos) -> LatentCounts:
    """Histograms ``[photos, M_y, B]`` of all photographs; the bins are as many as the latents need. Minutes."""
    codec = codec.eval().requires_grad_(requires_grad=False)
    first, held = (_latents(codec.g_a, photos, VIEWS[0]) for photos in (train, validation))
    bins = choose_bins(first)
    others = [_latents(codec.g_a, train, view, is_rough=True) for view in VIEWS[1:]]
    values = torch.arange(bins).float() - bins // 2
    likelihood = codec.entropy.likelihood(values[:, None].expand(-1, codec.shape.latent_channels)).double().t()
    return LatentCounts(
        bins,
        tuple(counted(y, bins) for y in (first, *others)),
        counted(held, bins),
        likelihood / likelihood.sum(1, keepdim=True),
    )


@torch.no_grad()
def count_finished(folder: Path, train: Photos, validation: Photos, least_bins: int = BIN_CHOICES[0]) -> LatentCounts:
    """Histograms of the latents of a codec that is finished, by its own ``g_a``. Half a minute.

    Args:
        folder: of the codec.
        train, validation: photographs of one size.
        least_bins: so many at least.

    Raises:
        ManifestError: the folder is damaged, or not of an image codec.
    """
    found = load_codec_folder(folder, needed=(EDGE_FILE,), kind=ImageManifest)
    channels = found.manifest.latent_channels
    network = open_network(found.file(EDGE_FILE), (End("pixels", "float", 3), End("y", "float", channels)))

    def g_a(x: Tensor) -> Tensor:
        planes = np.ascontiguousarray(x.mul(255).numpy())
        return torch.from_numpy(np.concatenate([network.run({"pixels": plane[None]})[0] for plane in planes]))

    first, held = (_latents(g_a, photos, VIEWS[0]) for photos in (train, validation))
    bins = max(choose_bins(first), least_bins)
    others = [_latents(g_a, train, view) for view in VIEWS[1:]]
    counts = tuple(counted(y, bins) for y in (first, *others))
    return LatentCounts(bins, counts, counted(held, bins), static_of(counts[0]))


def static_of(counts: Counts) -> Tensor:
    """Distributions of all photographs together, float64 ``[M_y, B]``, of counts ``[n, M_y, B]``."""
    # In parts: all of 1,024 bins as doubles at once are gigabytes.
    total = sum((part.double().sum(0) for part in torch.split(counts, 64)), torch.full((), PSEUDO_COUNT).double())
    return total / total.sum(1, keepdim=True)


def choose_bins(y: Tensor) -> int:
    """The fewest bins that hold all but `OUTSIDE_SHARE` of the latents ``[n, M_y, h, w]``, few clipped."""
    magnitudes = y.abs()
    for bins in BIN_CHOICES:
        outside, beyond_clip = ((magnitudes > most).float().mean() for most in (bins // 2 - 1, largest_counted(bins)))
        if outside <= OUTSIDE_SHARE and beyond_clip <= CLIPPED_SHARE:
            return bins
    return BIN_CHOICES[-1]


def cached_counts(codec_checkpoint: Path, train: Photos, validation: Photos, folder: Path) -> LatentCounts:
    """`count_latents`, once: kept in ``<folder>/counts-<name>.pt``."""
    path = folder / f"counts-{codec_checkpoint.stem}.pt"
    if path.exists():
        saved = load_checkpoint(path, expected=("bins", "train", "validation", "learned"))
        return LatentCounts(saved["bins"], tuple(saved["train"]), saved["validation"], saved["learned"])
    counts = count_latents(load_codec(codec_checkpoint)[0], train, validation)
    content = {"bins": counts.bins, "train": counts.train, "validation": counts.validation, "learned": counts.learned}
    save_checkpoint(path, content)
    return counts


def normalised(counts: Counts) -> tuple[Tensor, int]:
    """(histograms that sum to 1, ``[n, M_y, B]``; latents of a channel) of counts of photographs of one size."""
    samples = int(counts[0, 0].sum())
    return counts.float() / samples, samples


def clipped(histograms: Tensor, shape: AdaptiveShape | ComponentShape) -> Tensor:
    """What ``h_a,q`` sees of histograms over all bins, ``[n, M_y, B]``: latents beyond the clip at the clip."""
    low, high = shape.bins // 2 - shape.clip, shape.bins // 2 + shape.clip
    inner = histograms[..., low : high + 1].clone()
    inner[..., 0] += histograms[..., :low].sum(-1)
    inner[..., -1] += histograms[..., high + 1 :].sum(-1)
    return F.pad(inner, (low, shape.bins - 1 - high))


def counted(y: Tensor, bins: int) -> Counts:
    """Counts int16 ``[photos, M_y, bins]`` of rounded latents ``[photos, M_y, h, w]``; those outside the bins are
    counted in the outermost ones."""
    counts = torch.zeros(*y.shape[:2], bins, dtype=torch.int16)
    for total, part in zip(torch.split(counts, 64), torch.split(y, 64), strict=True):
        index = (part.flatten(2).long() + bins // 2).clamp(0, bins - 1)
        total.scatter_add_(2, index, torch.ones_like(index, dtype=torch.int16))
    return counts


def _latents(
    g_a: Callable[[Tensor], Any], photos: Photos, view: tuple[bool, bool, bool], *, is_rough: bool = False
) -> Tensor:
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
        with mixed(is_wanted=is_rough):
            y = g_a(x.contiguous(memory_format=torch.channels_last))
        parts.append(torch.round(y.float()).short())
    return torch.cat(parts)
