"""Answers drawn on the picture that they are about: boxes with their classes, masks as colours over it."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw

from isthmus.common.answers.boxes import Boxes
from isthmus.common.answers.mask import Mask
from isthmus.common.errors import InputError
from isthmus.common.whole_file import whole_file

UInt8 = npt.NDArray[np.uint8]
GOLDEN = 0.618034
"""Of a turn of hue, from one class to the next: neighbours differ, and no two are alike for long."""
OPACITY = 0.5


def drawn(pixels: UInt8, outcome: Any, class_names: tuple[str, ...]) -> UInt8 | None:
    """A picture uint8 `[height, width, 3]` with an answer of its own size on it; None for one that cannot be drawn."""
    if isinstance(outcome, Boxes):
        return _with_boxes(pixels, outcome, class_names)
    return _with_mask(pixels, outcome) if isinstance(outcome, Mask) else None


def save_drawn(path: Path, pixels: UInt8, outcome: Any, class_names: tuple[str, ...]) -> bool:
    """Write a picture uint8 `[height, width, 3]` with its answer as a PNG file; whether there was something to draw.

    Raises:
        InputError: it cannot be written.
    """
    if (picture := drawn(pixels, outcome, class_names)) is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot write it: {error.strerror or error}") from error
    with whole_file(path) as file:
        PIL.Image.fromarray(picture).save(file, "PNG")
    return True


def colour_of(class_index: int) -> tuple[int, int, int]:
    """Red, green and blue of a class."""
    red, green, blue = colorsys.hsv_to_rgb(class_index * GOLDEN % 1, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _with_boxes(pixels: UInt8, boxes: Boxes, class_names: tuple[str, ...]) -> UInt8:
    picture = PIL.Image.fromarray(pixels)
    draw = PIL.ImageDraw.Draw(picture)
    thick = max(1, round(max(pixels.shape[:2]) / 400))
    for box in reversed(boxes.found):  # the surest on top
        colour = colour_of(box.class_index)
        sides = (box.left, box.top, max(box.left, box.right - 1), max(box.top, box.bottom - 1))
        draw.rectangle(sides, outline=colour, width=thick)
        said = f"{class_names[box.class_index]} {box.score:.0%}"
        left, top, right, bottom = draw.textbbox((box.left, box.top), said)
        draw.rectangle((left, top, right + 2, bottom + 2), fill=colour)
        draw.text((box.left + 1, box.top), said, fill=(0, 0, 0))
    return np.asarray(picture, np.uint8)


def _with_mask(pixels: UInt8, mask: Mask) -> UInt8:
    """The first class is left as it is, as it usually is the background."""
    palette = np.array([colour_of(k) for k in range(int(mask.classes.max()) + 1)], np.float32)
    mixed = (1 - OPACITY) * pixels + OPACITY * palette[mask.classes]
    made: UInt8 = np.where((mask.classes > 0)[..., None], np.rint(mixed), pixels).astype(np.uint8)
    return made
