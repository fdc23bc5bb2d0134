"""Labelled images of two classes that differ in their colour, and a packed file of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from isthmus.data.image.labelled import LabelledImages


def coloured_images(count: int, side: int = 64) -> LabelledImages:
    """Noise with more red in every second image, more green in the others."""
    rng = np.random.default_rng(0)
    files = []
    for i in range(count):
        pixels = rng.integers(0, 120, (side, side, 3), dtype=np.uint8)
        pixels[:, :, i % 2] += 120
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return LabelledImages("coloured", tuple(files), np.arange(count) % 2, ("red", "green"))


def pack_labelled(images: LabelledImages, path: Path) -> Path:
    """As `load_labelled_images` reads it: all of one split."""
    files = [np.frombuffer(file, np.uint8) for file in images.files]
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(path, jpg=np.concatenate(files), off=offsets, labels=images.labels, names=np.array(images.class_names))
    return path
