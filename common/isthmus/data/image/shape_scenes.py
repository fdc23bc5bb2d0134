"""Scenes of drawn shapes whose masks and boxes are known: data that anybody can make, for networks of a few minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

SHAPE_NAMES = ("disk", "square", "triangle")
HEIGHT, WIDTH = 64, 96
LEAST_SIDE, MOST_SIDE = 12, 40
MOST_SHAPES = 4
DARKEST, BRIGHTEST = 64, 192
"""Of the background."""
DARK, BRIGHT = 48, 208
"""Shapes' colours are under the one or from the other on in each channel, so that every shape can be seen."""
LEAST_VISIBLE = 0.6
"""Of a shape, behind those that are drawn later: less of it has no box."""
NOISE = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and what is on it.

    Attributes:
        pixels: uint8 [height, width, 3].
        mask: uint8 [height, width]: 0, or 1 and the shape's class.
        boxes: float32 [n, 4], left, top, right, bottom in pixels.
        classes: of the boxes.
    """

    pixels: UInt8
    mask: UInt8
    boxes: Float32
    classes: tuple[int, ...]


def draw_scene(generator: np.random.Generator) -> Scene:
    """A scene of 1 to 4 shapes of strong colours before a smooth background, with noise over all."""
    coarse = generator.integers(DARKEST, BRIGHTEST, (3, 4, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(coarse).resize((WIDTH, HEIGHT), PIL.Image.Resampling.BICUBIC)
    drawn = PIL.ImageDraw.Draw(picture)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    order = np.zeros((HEIGHT, WIDTH), np.int64)
    placed: list[tuple[int, npt.NDArray[np.bool_]]] = []
    for number in range(1, 1 + int(generator.integers(1, MOST_SHAPES + 1))):
        kind, side = int(generator.integers(len(SHAPE_NAMES))), int(generator.integers(LEAST_SIDE, MOST_SIDE))
        left, top = int(generator.integers(0, WIDTH - side)), int(generator.integers(0, HEIGHT - side))
        colour = tuple(int(c) for c in generator.integers(0, DARK, 3) + BRIGHT * generator.integers(0, 2, 3))
        only = PIL.Image.new("L", (WIDTH, HEIGHT))
        for target, fill in ((drawn, colour), (PIL.ImageDraw.Draw(only), 255)):
            _draw(target, kind, left, top, side, fill)
        inside = np.asarray(only) > 0
        mask[inside], order[inside] = kind + 1, number
        placed.append((kind, inside))
    boxes, classes = [], []
    for number, (kind, inside) in enumerate(placed, 1):
        if (order == number).sum() >= LEAST_VISIBLE * inside.sum():
            rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
            boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
            classes.append(kind)
    noisy = np.asarray(picture) + generator.normal(0, NOISE, (HEIGHT, WIDTH, 3))
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return Scene(pixels, mask, np.array(boxes, np.float32).reshape(-1, 4), tuple(classes))


def draw_scenes(count: int, seed: int) -> list[Scene]:
    """So many."""
    generator = np.random.default_rng(seed)
    return [draw_scene(generator) for _ in range(count)]


def _draw(
    draw: PIL.ImageDraw.ImageDraw, kind: int, left: int, top: int, side: int, fill: int | tuple[int, ...]
) -> None:
    right, bottom = left + side - 1, top + side - 1
    if kind == 0:
        draw.ellipse((left, top, right, bottom), fill=fill)
    elif kind == 1:
        draw.rectangle((left, top, right, bottom), fill=fill)
    else:
        draw.polygon(((left, bottom), (right, bottom), (left + side // 2, top)), fill=fill)
