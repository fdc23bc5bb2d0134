"""What is compared with what: the thesis's side networks beside a hyperprior, at the published widths and at ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.zoo import find_codec
from isthmus.measure.complexity.hyperprior_2018 import HyperWidths
from isthmus.measure.complexity.options import ComplexityOptions
from isthmus.measure.complexity.sides import THESIS, SideMaker
from isthmus.measure.complexity.stages import Stage
from isthmus.models.image.adaptive import AdaptiveShape
from isthmus.models.image.hyperprior import HYPER_STRIDE
from isthmus.models.image.transform_graph import macs_per_pixel
from isthmus.models.image.transforms import (
    STRIDE,
    PatchAnalysis,
    PatchShape,
    PatchSynthesis,
    ReferenceAnalysis,
    ReferenceShape,
    ReferenceSynthesis,
)


@dataclass(frozen=True, slots=True)
class Contest:
    """One comparison.

    Attributes:
        name: as in keys.
        title: for people.
        is_published: whether its widths are those that the published claim is of.
        transform_macs: of g_a and g_s together, a pixel.
        stages: the parts of all sides.
    """

    name: str
    title: str
    is_published: bool
    transform_macs: float
    stages: tuple[Stage, ...]


def contests(options: ComplexityOptions, folder: Path) -> tuple[Contest, ...]:
    """All of them; graphs are written into a folder.

    Raises:
        InputError: sides that are no multiples of 64, no such codec, or one that synthesizes no tables.
    """
    if options.height % HYPER_STRIDE or options.width % HYPER_STRIDE:
        size = f"{options.height} x {options.width}"
        raise InputError(f"--height, --width: expected multiples of {HYPER_STRIDE}, got {size}")
    maker = SideMaker(folder, options.height, options.width)
    codec = find_codec(options.codec, options.zoo)
    latents = load_codec_folder(codec, kind=ImageManifest).manifest.latent_channels
    narrow, wide = (
        AdaptiveShape(latents, 32, 16, 256, is_plain=True),
        AdaptiveShape(latents, 64, 32, 512, is_plain=True),
    )
    light = _light_macs(latents)

    def ours(name: str, title: str, shape: AdaptiveShape, *beside: Stage) -> Contest:
        parts = (*maker.thesis(name, shape), maker.tables(name, THESIS, codec, shape.bins))
        stages = (*parts, *beside, *maker.our_hyperprior(name, latents))
        return Contest(name, title, is_published=False, transform_macs=light, stages=stages)

    def published(name: str, title: str, shape: AdaptiveShape, hidden: int) -> Contest:
        widths = HyperWidths(hidden, shape.latent_channels)
        stages = (*maker.thesis(name, shape), *maker.hyperprior_2018(name, widths))
        return Contest(name, title, is_published=True, transform_macs=_reference_macs(widths), stages=stages)

    return (
        published("low", "published, low rates", AdaptiveShape(192, 32, 16, 256, is_plain=True), 128),
        published("high", "published, high rates", AdaptiveShape(320, 64, 32, 1024, is_plain=True), 192),
        ours("ours", "ours, low rates", narrow, *maker.components("ours", codec)),
        ours("ours_high", "ours, highest rate", wide),
    )


def _light_macs(latents: int) -> float:
    """Of both light transforms, a pixel."""
    shape = PatchShape(latent_channels=latents)
    with torch.device("meta"):  # shapes alone: nothing is computed
        g_a, g_s = PatchAnalysis(shape), PatchSynthesis(shape)
        return macs_per_pixel(g_a, 3, 1) + macs_per_pixel(g_s, latents, STRIDE**2)


def _reference_macs(widths: HyperWidths) -> float:
    """Of both transforms of bmshj2018, a pixel."""
    shape = ReferenceShape(widths.hidden_channels, widths.latent_channels)
    with torch.device("meta"):
        g_a, g_s = ReferenceAnalysis(shape), ReferenceSynthesis(shape)
        return macs_per_pixel(g_a, 3, 1) + macs_per_pixel(g_s, widths.latent_channels, STRIDE**2)
