"""The images that a codec is calibrated on: a folder of images, or a packed file, evenly thinned out."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.data.image.files import image_paths, read_image
from isthmus.data.image.labelled import LabelledImages
from isthmus.data.npz import cut_files, read_arrays
from isthmus.runtime.frame_size import resized

UInt8 = npt.NDArray[np.uint8]
PACKED = (("train_jpg", "train_off"), ("jpg", "off"))


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Images in memory.

    Attributes:
        name: of the folder or file.
        sha256: over the bytes of the images, in hex.
        frames: uint8 [height, width, 3] each.
    """

    name: str
    sha256: str
    frames: tuple[UInt8, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def sized(self, height: int, width: int) -> Pictures:
        """All of one size; a size of 0 leaves them as they are."""
        if not height:
            return self
        return Pictures(self.name, self.sha256, tuple(resized(frame, height, width) for frame in self.frames))


def load_pictures(path: str | Path, count: int = 0) -> Pictures:
    """Images of a folder or of a packed `.npz` (`jpg` and `off`, or `train_jpg` and `train_off`).

    Args:
        path: of either.
        count: take only so many, evenly spread; 0 for all.

    Raises:
        InputError: neither, or an image that cannot be read.
    """
    path = Path(path)
    if path.suffix == ".npz":
        sources = cut_files(path, *read_arrays(path, *PACKED, kind="packed images"))
    else:
        sources = tuple(p.read_bytes() for p in image_paths([path]))
    if count and len(sources) > count:
        sources = tuple(sources[i * len(sources) // count] for i in range(count))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source)
    return Pictures(path.stem, digest.hexdigest(), tuple(read_image(source).pixels for source in sources))


def labelled_pictures(images: LabelledImages, count: int) -> Pictures:
    """So many of labelled images, evenly spread, without their labels. InputError as `LabelledImages.pixels`."""
    count = min(count, len(images))
    return Pictures(images.name, "", tuple(images.pixels(i * len(images) // count) for i in range(count)))


def jpeg_bits(frame: UInt8, quality: int) -> int:
    """Bits of a frame uint8 [height, width, 3] as a JPEG file."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return 8 * buffer.tell()
