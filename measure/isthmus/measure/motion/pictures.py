"""The pictures that are warped: packed labelled images, a folder, or photographs that are there anyway."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.data.beside import data_beside
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.image.labelled import load_labelled_images
from isthmus.measure.image.photographs import find_image_set
from isthmus.measure.motion.maps import UInt8

DEFAULT_IMAGES = data_beside("imagenet500_256.npz")


def load_pictures(path: Path | None, limit: int = 0) -> tuple[str, list[UInt8]]:
    """(name, pictures uint8 [H, W, 3]) of a packed file of labelled images or a folder of images.

    Without a path: the ImageNet images beside the project, else the photographs that scikit-image ships.
    """
    if path is None and DEFAULT_IMAGES.is_file():
        path = DEFAULT_IMAGES
    if path is not None and path.suffix == ".npz":
        packed = load_labelled_images(path)
        chosen = spread(len(packed), limit)
        return packed.name, [packed.pixels(i) for i in chosen]
    if path is not None:
        paths = image_paths([path])
        return path.resolve().name, [read_image(paths[i]).pixels for i in spread(len(paths), limit)]
    shipped = find_image_set(None, limit)
    return shipped.name, [shipped.read(i).pixels for i in range(len(shipped))]


def spread(count: int, limit: int) -> list[int]:
    """Indices of at most `limit` of so many, evenly; all for 0."""
    if not limit or limit >= count:
        return list(range(count))
    return [int(i) for i in np.linspace(0, count - 1, limit).round()]
