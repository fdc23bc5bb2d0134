"""Images from files and pipes, as a person looking at them would expect: PNG, JPEG, WebP, TIFF and BMP, through Pillow.

Whatever is in the file comes out as 8-bit sRGB:

- turned as its EXIF orientation says;
- grey and palettes become RGB;
- transparent pixels are laid over white;
- 16-bit grey is divided by 257 and rounded. 16-bit RGB (and grey with alpha) comes with the low byte cut off,
  because Pillow reads it so; it is at most one level darker than rounding would give;
- an embedded ICC profile is converted to sRGB (CMYK too); a profile that cannot be used is passed over, as is that of
  a 16-bit image;
- of several pages or frames the first.

The format is told by the content, not the name. Sizes are checked before pixels are decoded, so that a small file
cannot ask for more than `MAX_PIXELS`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL.Image
from PIL import ImageCms, ImageOps

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_PIXELS, Image
from isthmus.data.image.formats import FORMATS, SUFFIXES
from isthmus.data.inputs import found_files, read_source

MAX_FILE_BYTES = 512 * 2**20

SIXTEEN_BIT_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
WHITE = (255, 255, 255, 255)

# Modes whose colours an ICC profile can speak of; others are brought to RGB first.
PROFILED_MODES = ("L", "RGB", "CMYK")


def read_image(source: str | Path | BinaryIO | bytes, *, format: str | None = None) -> Image:  # noqa: A002
    """One image from a file, a binary stream, or bytes.

    Args:
        source: a path, a binary stream read to its end (a pipe: `sys.stdin.buffer`), or a whole file as bytes.
        format: one of `FORMATS` to refuse the others; where None any of them.

    Raises:
        InputError: no such file, not an image, damaged, cut, or more than `MAX_PIXELS` pixels; the message names it.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"expected an image format of {', '.join(FORMATS)}, got {format!r}")
    name = str(source) if isinstance(source, str | Path) else "image" if isinstance(source, bytes) else "standard input"
    data = source if isinstance(source, bytes) else read_source(source, "an image", MAX_FILE_BYTES)
    wanted = [format.upper()] if format is not None else [known.upper() for known in FORMATS]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes (checked here) and of odd metadata (the pixels are sound)
            with PIL.Image.open(io.BytesIO(data), formats=wanted) as opened:
                _check_size(*opened.size)
                pixels = _to_srgb(opened)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except PIL.UnidentifiedImageError:
        expected = format or ", ".join(FORMATS)
        raise InputError(f"{name}: expected an image ({expected}), got {len(data)} bytes that are none") from None
    except PIL.Image.DecompressionBombError as error:
        raise InputError(f"{name}: expected at most {MAX_PIXELS} pixels: {error}") from error
    except Exception as error:  # Pillow lets through whatever its decoders raise at damaged files
        raise InputError(f"{name}: expected a whole image, cannot decode it: {error}") from error
    return Image(np.asarray(pixels))


def write_image(image: Image, path: str | Path) -> None:
    """Write a PNG file; parents are not made. InputError if it cannot be written."""
    try:
        PIL.Image.fromarray(image.pixels).save(path, "PNG")
    except OSError as error:
        raise InputError(f"{path}: expected a place to write to: {error.strerror or error}") from error


def image_paths(inputs: Iterable[str | Path]) -> list[Path]:
    """Files as given; folders replaced by the image files under them, at any depth, sorted by path.

    Hidden files and folders inside a given folder are passed over.

    Raises:
        InputError: an input does not exist, or a folder holds no image file.
    """
    return found_files(inputs, tuple(SUFFIXES), "image")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(f"expected at most {MAX_PIXELS} pixels, got {width} x {height}; make it smaller first")


def _to_srgb(opened: PIL.Image.Image) -> PIL.Image.Image:
    """The opened file as mode RGB, upright, in sRGB."""
    opened.load()
    ImageOps.exif_transpose(opened, in_place=True)  # a copy of a large image is worth avoiding
    image: PIL.Image.Image = opened
    if image.mode in SIXTEEN_BIT_GREY:
        return _from_sixteen_bit(image).convert("RGB")
    if image.mode == "F":
        raise InputError("expected integer pixels, got floats, whose white is not said; save it with 8 or 16 bits")
    profile = opened.info.get("icc_profile")
    alpha: PIL.Image.Image | None = None
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode not in PROFILED_MODES:
        image = image.convert("L" if image.mode == "1" else "RGB")
    image = _profiled(image, profile)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        backdrop = PIL.Image.new("RGB", image.size, WHITE[:3])
        backdrop.paste(image, mask=alpha)
        return backdrop
    return image


def _from_sixteen_bit(image: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 0 to 65535 to grey of 0 to 255, rounded."""
    values = np.asarray(image)
    if int(values.min()) < 0 or int(values.max()) > 65535:
        raise InputError(f"expected grey from 0 to 65535, got {values.min()} to {values.max()}; save it with 16 bits")
    return PIL.Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _profiled(image: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """The image in sRGB, where its profile says that it is in another space and can be used."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if (source.profile.profile_description or "").startswith("sRGB"):
            return image
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if turned is None else turned
