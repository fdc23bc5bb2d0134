"""Packed sets of generated photographs, as `isthmus train image` and its studies take them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def pack_photos(path: Path, count: int, height: int, width: int) -> Path:
    """Noise of a strength that varies from photograph to photograph and from left to right."""
    rng = np.random.default_rng(count)
    strength = rng.uniform(2, 60, size=(count, 1, 1, 1)) * np.linspace(0.2, 1, width)[None, None, :, None]
    pixels = (128 + rng.normal(size=(count, height, width, 3)) * strength).clip(0, 255).astype(np.uint8)
    files = []
    for photo in pixels:
        buffer = io.BytesIO()
        Image.fromarray(photo).save(buffer, "PNG")
        files.append(np.frombuffer(buffer.getvalue(), np.uint8))
    np.savez(path, jpg=np.concatenate(files), off=np.cumsum([0, *map(len, files)]))
    return path
