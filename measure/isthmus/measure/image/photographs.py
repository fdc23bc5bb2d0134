"""The photographs of an image measurement: Kodak's where they lie beside the project, else some a library ships."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.signals import Image
from isthmus.data.beside import data_beside
from isthmus.data.image.files import image_paths, read_image

KODAK_FOLDER = data_beside("kodak")
KODAK_NAME = "Kodak"
KODAK_IMAGES = 24
SHIPPED_NAME = "scikit-image photographs"
# Photographs of things and people among the files that scikit-image installs (it has textures and cells as well).
SHIPPED_FILES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "rocket.jpg",
)


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Files of photographs.

    Attributes:
        name: for people.
        paths: the files, one or more.
        pixel_counts: float64 [images], pixels of each.
    """

    name: str
    paths: tuple[Path, ...]
    pixel_counts: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the files, without suffix."""
        return tuple(path.stem for path in self.paths)

    @property
    def is_kodak(self) -> bool:
        """Whether these are all of Kodak's: what is published of Kodak is of all of them."""
        return self.name == KODAK_NAME and len(self) == KODAK_IMAGES

    def read(self, index: int) -> Image:
        """One image. InputError if the file is none (any more)."""
        return read_image(self.paths[index])


def find_image_set(folder: Path | None, limit: int = 0) -> ImageSet:
    """The photographs of a folder, or the default ones.

    Args:
        folder: any folder of images; None for Kodak's where they are, else what scikit-image ships.
        limit: take only so many, evenly spread; 0 for all.

    Raises:
        InputError: no image there, or one that cannot be read; without a folder, the message says what to install.
    """
    if folder is None and KODAK_FOLDER.is_dir():
        folder = KODAK_FOLDER
    if folder is not None:
        name = KODAK_NAME if folder.name.lower() == "kodak" else folder.resolve().name
        paths = image_paths([folder])
    else:
        name, paths = SHIPPED_NAME, shipped_photographs()
    if limit and limit < len(paths):
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, limit).round().astype(int)]
    counts = [image.height * image.width for image in map(read_image, paths)]
    return ImageSet(name, tuple(paths), np.array(counts, np.float64))


def shipped_folder() -> Path | None:
    """Where scikit-image has its photographs, found without importing it; None where it is not installed."""
    found = find_spec("skimage")
    return Path(found.origin).parent / "data" if found is not None and found.origin else None


def shipped_photographs() -> list[Path]:
    """Paths of those that scikit-image installs. InputError where there is none."""
    folder = shipped_folder()
    paths = [folder / name for name in SHIPPED_FILES if (folder / name).is_file()] if folder is not None else []
    if not paths:
        raise InputError(
            "expected photographs, found none: name a folder with --images, or install some with "
            "pip install 'isthmus[measure]'"
        )
    return paths
