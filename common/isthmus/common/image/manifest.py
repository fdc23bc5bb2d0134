"""The manifest of an image codec: transforms, and the tables that lie beside it. Implements BITSTREAM.md §8.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from isthmus.common.bits.prior import MAX_CHANNELS
from isthmus.common.manifest.fields import expect, expect_integer
from isthmus.common.manifest.manifest import MAX_STRIDE, Manifest

MAX_QUALITY = 99
MAX_HALO_PIXELS = 4096
MAX_BINS = 4096
BIN_STRIDE = 8
"""Bins of a number in a row of q, where a codec does not say how many numbers a row has."""
MAX_SIDE_COLUMNS = MAX_BINS // BIN_STRIDE
SIDE_FIELD = "side_columns"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageManifest(Manifest):
    """A codec of images; its tables lie beside it in `entropy.npz`.

    Attributes:
        family: the codec's name without its quality, which is `-q<quality>`.
        quality: 1 to 99; more bits with each.
        latent_channels: of y (M).
        stride: pixels of one latent along a side, a power of two.
        hyper_channels: of z (N), 0 without a hyperprior.
        hyper_stride: pixels of one z along a side, a multiple of `stride`; 0 without a hyperprior.
        halo_pixels: how many pixels beyond its own a latent may depend on, a multiple of `stride`.
        halo_latents: how many latents beyond its own a pixel may depend on.
        bins: of the synthesized distributions (B), a multiple of 8; 0 for a codec without them.
        side_columns: numbers of a row of q; 0 for one in 8 bins.
    """

    signal: ClassVar[str] = "image"

    family: str
    quality: int
    latent_channels: int
    stride: int = 16
    hyper_channels: int = 0
    hyper_stride: int = 0
    halo_pixels: int
    halo_latents: int
    bins: int = 0
    side_columns: int = 0
    checksum_size_bytes: int = 2
    tasks: tuple[str, ...] = ("reconstruction",)

    @property
    def padding(self) -> int:
        """Sides of an image are padded to multiples of this many pixels."""
        return self.hyper_stride or self.stride

    @property
    def side_width(self) -> int:
        """Numbers of a row of q (W), 0 for a codec that does not synthesize."""
        return self.side_columns or self.bins // BIN_STRIDE

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Shape of y, [M, h, w], for an image of so many pixels."""
        per_side = self.padding // self.stride
        return self.latent_channels, -(-height // self.padding) * per_side, -(-width // self.padding) * per_side

    def hyper_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Shape of z, [N, a, b], for an image of so many pixels; N is 0 without a hyperprior."""
        return self.hyper_channels, -(-height // self.padding), -(-width // self.padding)

    def _check(self) -> None:
        expect(self.tasks == ("reconstruction",), f"tasks: expected reconstruction alone, got {self.tasks!r}")
        expect_integer(self.quality, 1, MAX_QUALITY, "quality")
        expect(
            isinstance(self.family, str) and self.name == f"{self.family}-q{self.quality}",
            f"name: expected family and quality as in {self.family}-q{self.quality}, got {self.name!r}",
        )
        expect_integer(self.latent_channels, 1, MAX_CHANNELS, "latent_channels")
        expect_integer(self.stride, 1, MAX_STRIDE, "stride")
        expect(self.stride & (self.stride - 1) == 0, f"stride: expected a power of two, got {self.stride}")
        expect_integer(self.hyper_channels, 0, MAX_CHANNELS, "hyper_channels")
        expect_integer(self.hyper_stride, 0, MAX_STRIDE * MAX_STRIDE, "hyper_stride")
        expect(
            (self.hyper_stride > 0) == (self.hyper_channels > 0) and self.hyper_stride % self.stride == 0,
            f"hyper_stride: expected a multiple of the stride, {self.stride}, with hyper_channels and 0 without, got "
            f"{self.hyper_stride}",
        )
        expect_integer(self.halo_pixels, 0, MAX_HALO_PIXELS, "halo_pixels")
        expect(
            self.halo_pixels % self.stride == 0,
            f"halo_pixels: expected a multiple of the stride, {self.stride}, got {self.halo_pixels}",
        )
        expect_integer(self.halo_latents, 0, MAX_HALO_PIXELS, "halo_latents")
        expect_integer(self.bins, 0, MAX_BINS, "bins")
        expect(self.bins % BIN_STRIDE == 0, f"bins: expected a multiple of {BIN_STRIDE}, got {self.bins}")
        expect_integer(self.side_columns, 0, MAX_SIDE_COLUMNS if self.bins else 0, SIDE_FIELD)
        expect(not (self.bins and self.hyper_channels), "bins: expected 0 with a hyperprior")

    @classmethod
    def json_fields(cls) -> dict[str, type]:
        return {name: str if name == "family" else int for name in _IMAGE_FIELDS}

    @classmethod
    def optional_json_fields(cls) -> dict[str, type]:
        return {SIDE_FIELD: int}

    @classmethod
    def from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> ImageManifest:
        if SIDE_FIELD in fields:
            expect_integer(fields[SIDE_FIELD], 1, MAX_SIDE_COLUMNS, SIDE_FIELD)
        named = {name: fields[name] for name in (*_IMAGE_FIELDS, SIDE_FIELD) if name in fields}
        return cls(**named, **shared)

    def _to_json(self) -> dict[str, Any]:
        optional = {SIDE_FIELD: self.side_columns} if self.side_columns else {}
        return {name: getattr(self, name) for name in _IMAGE_FIELDS} | optional


_IMAGE_FIELDS = (
    "bins",
    "family",
    "halo_latents",
    "halo_pixels",
    "hyper_channels",
    "hyper_stride",
    "latent_channels",
    "quality",
    "stride",
)
