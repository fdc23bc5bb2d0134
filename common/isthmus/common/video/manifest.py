"""The manifest of a video codec: a classifier cut in two whose latents are predicted. Implements BITSTREAM.md §8.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from isthmus.common.bits.prior import MAX_CHANNELS
from isthmus.common.manifest.fields import check_class_names, expect, expect_integer
from isthmus.common.manifest.manifest import MAX_STRIDE, Manifest
from isthmus.common.signals import MAX_SIDE
from isthmus.common.video.planes import MAX_HALVINGS, MAX_LAID_CHANNELS, MAX_PLANES, Plane

MAX_BLOCK_LATENTS = 16
MAX_MOTION_FRACTION_BITS, MAX_PLANE_FRACTION_BITS = 4, 6
SYMBOL_LOW, SYMBOL_HIGH, MAX_SYMBOL_VALUES = -128, 255, 256
MAX_TILE_LATENTS = 16
TILE_FIELD, PLANES_FIELD = "tile_latents", "planes"
PLANE_NUMBERS = 4
VIDEO_TASK = "motion-compensated-inference"
NAMING_TASKS = (VIDEO_TASK, "detection", "segmentation")
"""Those whose answers name classes."""
VIDEO_TASKS = (*NAMING_TASKS, "embedding", "tensors")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VideoManifest(Manifest):
    """A codec of videos; its tables lie beside it in `entropy.npz`.

    Attributes:
        class_names: in the order of the logits; () of tasks that name none.
        stride: pixels of one latent along a side.
        latent_channels: of y (M).
        frame_height, frame_width: frames are resized to that (BITSTREAM.md §8.4); 0 and 0: frames of any size.
        latent_height, latent_width: of y with frames of one size, else 0 and 0.
        block_latents: latents of a motion block along a side (B), a power of two.
        motion_fraction_bits: vectors are in units of 2^-f latents.
        symbol_min, symbol_max: what y is clipped to; at most 256 values, 0 among them.
        tile_latents: most latents along a side of a tile of the transform (T), 1 to 16: packets name their step; 0 in
            codecs without tiles, whose manifests do not have the field.
        plane_shapes: of the tensors of a cut at several, as (channels, halvings of the stride, height, width of the
            grid with frames of one size, else 0 and 0); () in codecs of one, whose manifests do not have the field.
    """

    signal: ClassVar[str] = "video"

    class_names: tuple[str, ...]
    stride: int
    latent_channels: int
    frame_height: int = 0
    frame_width: int = 0
    latent_height: int = 0
    latent_width: int = 0
    block_latents: int = 4
    motion_fraction_bits: int = 2
    symbol_min: int = -128
    symbol_max: int = 127
    tile_latents: int = 0
    plane_shapes: tuple[tuple[int, int, int, int], ...] = ()
    checksum_size_bytes: int = 2
    tasks: tuple[str, ...] = (VIDEO_TASK,)

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Shape of y, [M, h, w], for a frame of so many pixels."""
        if self.latent_height:
            return self.latent_channels, self.latent_height, self.latent_width
        return self.latent_channels, -(-height // self.stride), -(-width // self.stride)

    @property
    def planes(self) -> tuple[Plane, ...]:
        """Those of a cut at several tensors, () in codecs of one."""
        return tuple(
            Plane(
                channels,
                halvings,
                height,
                width,
                self.block_latents << halvings,
                self.symbol_min,
                self.symbol_max,
                self.tile_latents,
            )
            for channels, halvings, height, width in self.plane_shapes
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the logits."""
        return self.class_names

    def _check(self) -> None:
        is_one = len(self.tasks) == 1 and self.tasks[0] in VIDEO_TASKS
        expect(is_one, f"tasks: expected one of {', '.join(VIDEO_TASKS)}, got {self.tasks!r}")
        if self.tasks[0] in NAMING_TASKS:
            check_class_names(self.class_names)
        else:
            expect(not self.class_names, f"class_names: expected none of {self.tasks[0]}, got {len(self.class_names)}")
        expect_integer(self.stride, 1, MAX_STRIDE, "stride")
        most = MAX_LAID_CHANNELS if self.plane_shapes else MAX_CHANNELS
        expect_integer(self.latent_channels, 1, most, "latent_channels")
        for name in ("frame_height", "frame_width", "latent_height", "latent_width"):
            expect_integer(getattr(self, name), 0, MAX_SIDE, name)
        sides = (self.frame_height, self.frame_width, self.latent_height, self.latent_width)
        expect(
            all(sides) or not any(sides),
            f"frame_height: expected sides of frames and latents, or 0 in all four, got {sides}",
        )
        expect_integer(self.block_latents, 1, MAX_BLOCK_LATENTS, "block_latents")
        expect(
            self.block_latents & (self.block_latents - 1) == 0,
            f"block_latents: expected a power of two, got {self.block_latents}",
        )
        most = MAX_PLANE_FRACTION_BITS if self.plane_shapes else MAX_MOTION_FRACTION_BITS
        expect_integer(self.motion_fraction_bits, 0, most, "motion_fraction_bits")
        expect_integer(self.symbol_min, SYMBOL_LOW, 0, "symbol_min")
        expect_integer(self.symbol_max, 0, SYMBOL_HIGH, "symbol_max")
        expect(
            self.symbol_max - self.symbol_min < MAX_SYMBOL_VALUES,
            f"symbol_max: expected at most {MAX_SYMBOL_VALUES} values, got {self.symbol_min} to {self.symbol_max}",
        )
        expect_integer(self.tile_latents, 0, MAX_TILE_LATENTS, "tile_latents")
        if self.plane_shapes:
            self._check_planes()

    def _check_planes(self) -> None:
        shapes, fixed = self.plane_shapes, (self.latent_height, self.latent_width)
        expect(
            2 <= len(shapes) <= MAX_PLANES and self.tile_latents > 0,
            f"planes: expected 2 to {MAX_PLANES} of them in a codec with tiles, got {len(shapes)}",
        )
        for channels, halvings, *sides in shapes:
            expect_integer(channels, 1, MAX_CHANNELS, "planes: channels")
            expect_integer(halvings, 0, MAX_HALVINGS, "planes: halvings")
            expect(self.stride % (1 << halvings) == 0, f"planes: expected a stride divided by 2^{halvings}")
            for side, least in zip(sides, fixed, strict=True):
                expect_integer(side, 0, MAX_SIDE, "planes: sides")
                expect(
                    -(-side >> halvings) == least, f"planes: expected sides that make {least} at the stride, got {side}"
                )
        expect(min(halvings for _, halvings, *_ in shapes) == 0, "planes: expected one at the stride")
        laid = sum(plane.laid_channels for plane in self.planes)
        expect(
            self.latent_channels == laid, f"latent_channels: expected {laid} of all planes, got {self.latent_channels}"
        )

    @classmethod
    def json_fields(cls) -> dict[str, type]:
        return {"class_names": list} | dict.fromkeys(_NUMBERS, int)

    @classmethod
    def optional_json_fields(cls) -> dict[str, type]:
        return {TILE_FIELD: int, PLANES_FIELD: list}

    @classmethod
    def from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> VideoManifest:
        expect(all(type(entry) is str for entry in fields["class_names"]), "class_names: expected a list of strings")
        numbers = {name: fields[name] for name in _NUMBERS}
        if TILE_FIELD in fields:
            expect_integer(fields[TILE_FIELD], 1, MAX_TILE_LATENTS, TILE_FIELD)
            numbers[TILE_FIELD] = fields[TILE_FIELD]
        if PLANES_FIELD in fields:
            shapes = fields[PLANES_FIELD]
            is_list = all(
                isinstance(s, list) and len(s) == PLANE_NUMBERS and all(type(n) is int for n in s) for s in shapes
            )
            expect(is_list and bool(shapes), f"planes: expected lists of {PLANE_NUMBERS} integers, got {shapes!r:.200}")
            numbers["plane_shapes"] = tuple(tuple(s) for s in shapes)
        return cls(class_names=tuple(fields["class_names"]), **numbers, **shared)

    def _to_json(self) -> dict[str, Any]:
        more: dict[str, Any] = {TILE_FIELD: self.tile_latents} if self.tile_latents else {}
        if self.plane_shapes:
            more[PLANES_FIELD] = [list(shape) for shape in self.plane_shapes]
        return {"class_names": list(self.class_names)} | {name: getattr(self, name) for name in _NUMBERS} | more


_NUMBERS = (
    "block_latents",
    "frame_height",
    "frame_width",
    "latent_channels",
    "latent_height",
    "latent_width",
    "motion_fraction_bits",
    "stride",
    "symbol_max",
    "symbol_min",
)
