"""Photographs to train image codecs on: a packed file or a folder, and a validation split cut from it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from isthmus.common.errors import InputError
from isthmus.data.image.formats import SUFFIXES, is_image_name
from isthmus.data.npz import cut_files, read_arrays

VALIDATION_SHARE = 20  # one photograph in twenty is for validation
SPLIT_SEED = 0
UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Photos:
    """Photographs in memory, uint8 ``[height, width, 3]`` each."""

    name: str
    pixels: tuple[UInt8, ...]

    def __len__(self) -> int:
        return len(self.pixels)


def load_photos(path: str | Path) -> Photos:
    """Every photograph of a packed ``.npz`` (arrays ``jpg`` and ``off``) or of a folder.

    Raises:
        InputError: neither, or nothing readable in it.
    """
    path = Path(path)
    if path.suffix == ".npz":
        files = cut_files(path, *read_arrays(path, ("jpg", "off"), kind="packed photographs"))
        return Photos(path.stem, tuple(_pixels(io.BytesIO(file), path) for file in files))
    paths = sorted(p for p in path.rglob("*") if is_image_name(p))
    if not paths:
        raise InputError(f"{path}: expected a packed .npz or a folder with {', '.join(SUFFIXES)} files")
    return Photos(path.name, tuple(_pixels(file, file) for file in paths))


def split_photos(photos: Photos) -> tuple[Photos, Photos]:
    """(train, validation): a fixed random twentieth is held out."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(photos))
    held = max(1, len(photos) // VALIDATION_SHARE)
    validation, train = np.sort(order[:held]), np.sort(order[held:])
    return (
        Photos(photos.name, tuple(photos.pixels[i] for i in train)),
        Photos(photos.name, tuple(photos.pixels[i] for i in validation)),
    )


def draw_crops(photos: Photos, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Random square crops, flipped and turned at random, float32 ``[count, 3, size, size]`` in [0, 1]."""
    crops = torch.empty(count, 3, size, size).contiguous(memory_format=torch.channels_last)
    for k in range(count):
        i, top, left, turn = (int(v) for v in torch.randint(1 << 30, (4,), generator=generator))
        pixels = photos.pixels[i % len(photos)]
        height, width = pixels.shape[:2]
        if min(height, width) < size:
            raise InputError(f"photo {i % len(photos)}: expected sides of at least {size}, got {height} x {width}")
        top, left = top % (height - size + 1), left % (width - size + 1)
        crop = torch.from_numpy(pixels[top : top + size, left : left + size]).permute(2, 0, 1)
        if turn & 1:
            crop = crop.flip(2)
        if turn & 2:
            crop = crop.flip(1)
        if turn & 4:
            crop = crop.transpose(1, 2)
        crops[k] = crop
    return crops.div_(255)


def _pixels(source: Path | io.BytesIO, where: Path) -> UInt8:
    """Uint8 ``[height, width, 3]``."""
    try:
        with Image.open(source) as image:
            return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{where}: expected a photograph, got what cannot be read: {error}") from error
