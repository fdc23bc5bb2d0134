"""HEIC and AVIF, two kinds of one container: told apart, opened, and what Pillow leaves out of them.

AVIF is read by Pillow, HEIC by pillow-heif, of the extra `heif`.
"""

from __future__ import annotations

import struct
from importlib import import_module
from importlib.util import find_spec

from PIL import features

from isthmus.common.errors import MissingDependencyError
from isthmus.data.image.named_space import space_of_codes

AVIF, HEIF = CONTAINERS = ("AVIF", "HEIF")
MAX_BRANDS_BYTES = 256
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
NCLX = b"colrnclx"


def container_of(data: bytes) -> str:
    """Pillow's name for the format of a HEIC or AVIF file; "" for any other file."""
    brands = _brands(data)
    return AVIF if brands & AVIF_BRANDS else HEIF if brands & HEIC_BRANDS else ""


def make_ready(container: str) -> None:
    """See to it that Pillow opens the format.

    Raises:
        MissingDependencyError: what reads it is not installed.
    """
    if container == AVIF and not features.check("avif"):
        raise MissingDependencyError("AVIF needs a Pillow that reads it, from 11.3: pip install --upgrade pillow")
    if container == HEIF:
        if find_spec("pillow_heif") is None:
            raise MissingDependencyError(
                "HEIC needs pillow-heif: pip install 'isthmus[heif]'; or save it as JPEG or PNG"
            )
        import_module("pillow_heif").register_heif_opener(thumbnails=False)


def coded_profile(data: bytes) -> bytes | None:
    """The ICC profile that says what the file's code points say; None for sRGB, and where there are none.

    Raises:
        InputError: high dynamic range.
    """
    at = data.find(b"meta")
    end = at - 4 + int.from_bytes(data[at - 4 : at], "big") if at >= 4 else 0
    place = data.find(NCLX, at, end) + len(NCLX)
    if place < len(NCLX) or place + 4 > len(data):
        return None
    return space_of_codes(*struct.unpack_from(">HH", data, place)).profile(is_grey=False)


def _brands(data: bytes) -> set[bytes]:
    if data[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(data[:4], "big"), MAX_BRANDS_BYTES)
    return {data[at : at + 4] for at in (8, *range(16, size, 4))}
