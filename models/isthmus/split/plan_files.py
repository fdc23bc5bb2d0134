"""Frames sent as files of images to a cloud that has the whole network: the rivals of a cut, at equal loss.

A format is swept over its qualities until answers to the decoded files move as far as a codec's own step moves them.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import features

from isthmus.split.components import Float32
from isthmus.split.graphs import batch_of
from isthmus.split.plan_points import PlanPoint, bits_at

UInt8 = npt.NDArray[np.uint8]
FORMATS: tuple[tuple[str, str, tuple[int, ...], dict[str, Any]], ...] = (
    ("JPEG", "jpg", (10, 25, 45, 65, 80, 90, 95), {"optimize": True, "subsampling": "4:2:0"}),
    (
        "AVIF",
        "avif",
        (30, 46, 60, 72, 82, 90),
        {"codec": "aom", "speed": 6, "subsampling": "4:4:4", "advanced": {"tune": "psnr"}, "max_threads": 1},
    ),
)
"""Name, what Pillow must be built with, qualities, options of each."""
ENOUGH = 0.7
"""Of the target: once answers move by less, a finer quality is not looked at."""


@dataclass(frozen=True, slots=True)
class FilePoints:
    """A format.

    Attributes:
        format: its name.
        points: coarsest first.
        bits: of a file from which answers move as far as is allowed; nan where they move further at all qualities.
        encode_ms, decode_ms: of a frame, one thread of this machine.
    """

    format: str
    points: tuple[PlanPoint, ...]
    bits: float
    encode_ms: float
    decode_ms: float


def file_points(
    frames: Sequence[UInt8],
    answered: Callable[[int, Float32], tuple[float, float]],
    target: float,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[FilePoints, ...]:
    """Of every format that Pillow writes here.

    Args:
        frames: uint8 [H, W, 3] each, of the network's size.
        answered: of a frame by its number and pixels as the network takes them: by how far its answers move, and how
            far they agree, 0 to 1.
        target: the distance that is allowed.
        advance: called with each format done.
    """
    found = []
    for name, feature, qualities, options in FORMATS:
        if features.check(feature):
            found.append(_swept(name, qualities, options, frames, answered, target))
        advance(1)
    return tuple(found)


def _swept(
    name: str,
    qualities: Sequence[int],
    options: dict[str, Any],
    frames: Sequence[UInt8],
    answered: Callable[[int, Float32], tuple[float, float]],
    target: float,
) -> FilePoints:
    points: list[PlanPoint] = []
    encode_ms = decode_ms = 0.0
    for quality in qualities:
        rows, times = [], []
        for index, frame in enumerate(frames):
            began = time.process_time()
            buffer = io.BytesIO()
            PIL.Image.fromarray(frame).save(buffer, name, quality=quality, **options)
            coded = time.process_time()
            pixels = np.asarray(PIL.Image.open(buffer).convert("RGB"))
            times.append((coded - began, time.process_time() - coded))
            rows.append((8 * buffer.tell(), *answered(index, batch_of(pixels))))
        bits, moved, agrees = np.array(rows, np.float64).T
        middle, share = float(np.median(moved)), 100 * float(agrees.mean())
        points.append(PlanPoint(quality, float(bits.mean()), float(moved.mean()), middle, share))
        encode_ms, decode_ms = (1e3 * float(t) for t in np.median(times, axis=0))
        if moved.mean() < ENOUGH * target:
            break
    return FilePoints(name, tuple(points), bits_at(points, target), encode_ms, decode_ms)
