"""Answers drawn on the picture that they are about: boxes with their classes, masks as colours over it."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from isthmus.common.answers.boxes import Box, Boxes
from isthmus.common.answers.mask import Mask
from isthmus.common.errors import InputError
from isthmus.common.whole_file import whole_file

UInt8 = npt.NDArray[np.uint8]
GOLDEN = 0.618034
"""Of a turn of hue, from one class to the next: neighbours differ, and no two are alike for long."""
OPACITY = 0.5
LEAST_TEXT, MARGIN = 10, 1
"""Pixels of a label's letters, and about them."""
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


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
    longest = max(pixels.shape[:2])
    thick, font = max(1, round(longest / 300)), PIL.ImageFont.load_default(max(LEAST_TEXT, longest / 40))
    for box in reversed(boxes.found):  # the surest on top
        colour = colour_of(box.class_index)
        sides = (box.left, box.top, max(box.left, box.right - 1), max(box.top, box.bottom - 1))
        draw.rectangle(sides, outline=colour, width=thick)
        said = f"{class_names[box.class_index]} {box.score:.0%}"
        left, top, right, bottom = (round(side) for side in draw.textbbox((0, 0), said, font))
        wide, high = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
        x, y = label_place(box, (wide, high), (picture.width, picture.height))
        draw.rectangle((x, y, x + wide - 1, y + high - 1), fill=colour)
        draw.text((x + MARGIN - left, y + MARGIN - top), said, BLACK if _is_light(colour) else WHITE, font)
    return np.asarray(picture, np.uint8)


def label_place(box: Box, size: tuple[int, int], picture: tuple[int, int]) -> tuple[int, int]:
    """Left and top of a label of so many pixels across and down: on top of its box, else under it, else in it.

    It begins where its box does, or further left where the picture ends.
    """
    (wide, high), (width, height) = size, picture
    x = max(0, min(round(box.left), width - wide))
    if round(box.top) >= high:
        return x, round(box.top) - high
    return x, round(box.bottom) if round(box.bottom) + high <= height else max(0, round(box.top))


def _is_light(colour: tuple[int, int, int]) -> bool:
    """By Rec. 709's luma."""
    return float(np.dot(colour, (0.2126, 0.7152, 0.0722))) > 110


def _with_mask(pixels: UInt8, mask: Mask) -> UInt8:
    """The first class, usually the background, is left as it is; others are tinted, their rims in full colour."""
    classes = mask.classes
    colours = np.array([colour_of(k) for k in range(int(classes.max()) + 1)], np.float32)[classes]
    around = np.pad(classes, 1, "edge")
    beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    is_rim = np.logical_or.reduce([other != classes for other in beside])
    opacity = np.where(is_rim, 1.0, OPACITY)[..., None]
    mixed = (1 - opacity) * pixels + opacity * colours
    made: UInt8 = np.where((classes > 0)[..., None], np.rint(mixed), pixels).astype(np.uint8)
    return made
