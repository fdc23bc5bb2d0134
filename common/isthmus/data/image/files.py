"""Images from files and pipes, as a person looking at them would expect; `docs/inputs.md` says what becomes of each
kind.

PNG, JPEG, WebP, TIFF, BMP, GIF, PPM, AVIF and HEIC come out as 8-bit sRGB: upright, transparent pixels laid over white,
colours brought to sRGB by what the file says of them, more bits rounded to 8, of several pages or frames the first.
What cannot be known, such as what is white among floats, is refused.

The format is told by the content, not the name. Pillow decodes; what it leaves out is made up for in `tiff`, `png`,
`netpbm`, `heif` and `colour`. Sizes are checked before pixels are decoded, so that a small file cannot ask for more
than `MAX_PIXELS`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL.Image
import PIL.ImageFile
from PIL import ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import MAX_PIXELS, Image
from isthmus.common.whole_file import whole_file
from isthmus.data.image.colour import ToSrgb
from isthmus.data.image.formats import FORMATS, SUFFIXES
from isthmus.data.image.heif import CONTAINERS, coded_profile, container_of, make_ready
from isthmus.data.image.netpbm import is_netpbm, read_netpbm
from isthmus.data.image.picture import WHITE, Picture, Shown, flattened, over_white
from isthmus.data.image.png import deep_png, png_head, png_profile, transparent_level
from isthmus.data.image.tiff import is_tiff, page_notes, read_tiff
from isthmus.data.inputs import found_files, read_source

MAX_FILE_BYTES = 512 * 2**20

SIXTEEN_BIT_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
ORIENTATION = 0x0112
MOVING = ("GIF", "WEBP", "PNG", "AVIF", "HEIF")
FIRST_FRAME = "it has more frames, of which the first was taken"

# Modes whose colours an ICC profile can speak of; others are brought to RGB first.
PROFILED_MODES = ("L", "RGB", "CMYK")


def read_image(source: str | Path | BinaryIO | bytes, *, format: str | None = None) -> Image:  # noqa: A002
    """One image from a file, a binary stream, or bytes.

    Args:
        source: a path, a binary stream read to its end (a pipe: `sys.stdin.buffer`), or a whole file as bytes.
        format: one of `FORMATS` to refuse the others; where None any of them.

    Raises:
        InputError: no such file, not an image, damaged, cut, or more than `MAX_PIXELS` pixels; the message names it.
        MissingDependencyError: HEIC, and what reads it is not installed.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"expected an image format of {', '.join(FORMATS)}, got {format!r}")
    name = str(source) if isinstance(source, str | Path) else "image" if isinstance(source, bytes) else "standard input"
    data = source if isinstance(source, bytes) else read_source(source, "an image", MAX_FILE_BYTES)
    wanted = tuple(known.upper() for known in ([format] if format is not None else FORMATS))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes (checked here) and of odd metadata (the pixels are sound)
            shown = _decoded(data, wanted)
    except MissingDependencyError as error:
        raise MissingDependencyError(f"{name}: {error}") from error
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except PIL.UnidentifiedImageError:
        expected = format or ", ".join(FORMATS)
        raise InputError(f"{name}: expected an image ({expected}), got {len(data)} bytes that are none") from None
    except PIL.Image.DecompressionBombError as error:
        raise InputError(f"{name}: expected at most {MAX_PIXELS} pixels: {error}") from error
    except Exception as error:  # Pillow lets through whatever its decoders raise at damaged files
        raise InputError(f"{name}: expected a whole image, cannot decode it: {error}") from error
    return Image(np.asarray(shown.image), shown.notes)


def write_image(image: Image, path: str | Path) -> None:
    """Write a PNG file; parents are not made. InputError if it cannot be written."""
    with whole_file(Path(path)) as file:
        PIL.Image.fromarray(image.pixels).save(file, "PNG")


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


def _decoded(data: bytes, wanted: tuple[str, ...]) -> Shown:
    """What is seen of a file."""
    picture: Picture | None = None
    if "TIFF" in wanted and is_tiff(data):
        picture = read_tiff(data, _check_size)
    elif "PPM" in wanted and is_netpbm(data):
        picture = read_netpbm(data, _check_size)
    if picture is not None:
        return flattened(picture)
    container = container_of(data)
    formats = [known for known in wanted if (known == container if container else known not in CONTAINERS)]
    if not formats:
        raise PIL.UnidentifiedImageError
    make_ready(container)
    with PIL.Image.open(io.BytesIO(data), formats=formats) as opened:
        _check_size(*opened.size)
        if isinstance(opened, PngImageFile):
            shown = _from_png(opened, data)
        elif isinstance(opened, GifImageFile):
            shown = _from_gif(opened)
        else:
            profile = opened.info.get("icc_profile")
            shown = _to_srgb(opened, coded_profile(data) if container and not profile else profile)
        more = page_notes(data) if opened.format == "TIFF" else (FIRST_FRAME,) if _has_more_frames(opened) else ()
        return Shown(shown.image, (*shown.notes, *more))


def _has_more_frames(opened: PIL.ImageFile.ImageFile) -> bool:
    """Whether a file, read already, moves; a camera's JPEG with a preview behind it does not."""
    if opened.format not in MOVING:
        return False
    try:
        return bool(getattr(opened, "is_animated", False))
    except Exception:  # what is behind the first frame is damaged, which is no matter here
        return True


def _from_gif(opened: GifImageFile) -> Shown:
    """The first frame; what it leaves of the screen is clear, as in browsers, and not of the background's colour."""
    whole = (0, 0, *opened.size)
    frame = (opened.tile[0].extents or whole) if opened.tile else whole
    shown = _to_srgb(opened, None)
    if frame == whole:
        return shown
    screen = PIL.Image.new("RGB", shown.image.size, WHITE)
    screen.paste(shown.image.crop(frame), frame)
    return Shown(screen, shown.notes)


def _from_png(opened: PngImageFile, data: bytes) -> Shown:
    opened.load()
    head = png_head(data)
    if head.bits == 16:
        return flattened(deep_png(opened, data, head, opened.getexif().get(ORIENTATION, 1)))
    level = transparent_level(head, opened.info)
    if level is not None:
        opened.info["transparency"] = level
    return _to_srgb(opened, png_profile(head, opened.info))


def _to_srgb(opened: PIL.Image.Image, profile: bytes | None) -> Shown:
    """The opened file of 8 bits a sample as it is seen."""
    ImageOps.exif_transpose(opened, in_place=True)  # a copy of a large image is worth avoiding
    image: PIL.Image.Image = opened
    if image.mode in SIXTEEN_BIT_GREY:
        return Shown(_from_sixteen_bit(image).convert("RGB"))
    if image.mode == "F":
        raise InputError("expected integer pixels, got floats, whose white is not said; save it with 8 or 16 bits")
    alpha: PIL.Image.Image | None = None
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        is_grey = image.mode in {"1", "L", "LA"}
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.getchannel("R") if is_grey else image.convert("RGB")
    elif image.mode not in PROFILED_MODES:
        image = image.convert("L" if image.mode == "1" else "RGB")
    to_srgb = ToSrgb(image.mode, profile)
    image = to_srgb.image(image)
    if alpha is not None:
        image = over_white(image, alpha)
    return Shown(image, to_srgb.notes)


def _from_sixteen_bit(image: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 0 to 65535 to grey of 0 to 255, rounded."""
    values = np.asarray(image)
    if int(values.min()) < 0 or int(values.max()) > 65535:
        raise InputError(f"expected grey from 0 to 65535, got {values.min()} to {values.max()}; save it with 16 bits")
    return PIL.Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
