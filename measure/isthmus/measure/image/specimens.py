"""Reconstructions to look at: a few images over the wire, beside the original and a JPEG file of the same size."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from isthmus.common.image.quality import UInt8, psnr_rgb_db
from isthmus.data.image.files import read_image
from isthmus.edge.client import CloudClient
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.measure.image.baselines import CODECS, decode_picture, encode_picture
from isthmus.measure.image.live import RESULT_TIMEOUT_S
from isthmus.measure.image.photographs import ImageSet
from isthmus.measure.image.point import STATIC, ImageCodecPoint

SPECIMENS = 6
AIMED_BITS_PER_PIXEL = 0.3  # where differences are seen
CROP_WIDTH, CROP_HEIGHT = 512, 384
SHOWN_QUALITY = 93  # of the WebP in the page: it must not add to what is judged


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One side of a comparison: the middle of an image, and what is said under it.

    Attributes:
        pixels: uint8 [height, width, 3].
        bits_per_pixel, psnr_db: of the whole image.
    """

    pixels: UInt8
    bits_per_pixel: float
    psnr_db: float

    def data_uri(self) -> str:
        """The pixels as a WebP file in a URI."""
        file = io.BytesIO()
        PIL.Image.fromarray(np.ascontiguousarray(self.pixels)).save(file, "WEBP", quality=SHOWN_QUALITY, method=4)
        return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """One image three times: as it was, out of our packet, and out of a JPEG file that is as long."""

    image: str
    codec: str
    original: Picture
    ours: Picture
    jpeg: Picture


def specimen_codec(points: Sequence[ImageCodecPoint], pixels: float) -> ImageCodecPoint:
    """The quality nearest to `AIMED_BITS_PER_PIXEL`; `pixels` of all images together."""

    def distance(point: ImageCodecPoint) -> float:
        bits = point.bits(STATIC)
        return abs(np.log(float(bits.sum()) / pixels / AIMED_BITS_PER_PIXEL)) if bits is not None else np.inf

    return min(points, key=distance)


def take_specimens(folder: Path, images: ImageSet, address: str, count: int = SPECIMENS) -> tuple[Specimen, ...]:
    """Send some of the images, evenly spread, and keep what comes back. Raises what encoding or the stream raise."""
    encoder = ImageEncoder(folder)
    found = []
    with CloudClient(address, encoder.manifest, wants_pixels=True, result_timeout_s=RESULT_TIMEOUT_S) as client:
        for index in np.unique(np.linspace(0, len(images) - 1, count).round().astype(int)).tolist():
            original = images.read(index)
            packet = encoder.encode(original).packet
            (result,) = client.results([packet])
            ours = read_image(result.value.png).pixels
            data = jpeg_of_size(original.pixels, packet.size_bytes)
            found.append(
                Specimen(
                    images.image_names[index],
                    encoder.manifest.name,
                    Picture(_middle(original.pixels), 24.0, float("inf")),
                    _picture(original.pixels, ours, packet.size_bytes),
                    _picture(original.pixels, decode_picture(data), len(data)),
                )
            )
    return tuple(found)


def jpeg_of_size(pixels: UInt8, size_bytes: int) -> bytes:
    """The JPEG file of pixels ``[height, width, 3]`` of the best quality that is no longer; else the shortest."""
    low, high = 1, 95
    best = encode_picture(CODECS["jpeg"], pixels, low)
    while low < high:
        middle = (low + high + 1) // 2
        data = encode_picture(CODECS["jpeg"], pixels, middle)
        if len(data) <= size_bytes:
            low, best = middle, data
        else:
            high = middle - 1
    return best


def _picture(original: UInt8, reconstruction: UInt8, size_bytes: int) -> Picture:
    pixels = original.shape[0] * original.shape[1]
    return Picture(_middle(reconstruction), 8 * size_bytes / pixels, psnr_rgb_db(original, reconstruction))


def _middle(pixels: UInt8) -> UInt8:
    top, left = (max(0, side - crop) // 2 for side, crop in zip(pixels.shape, (CROP_HEIGHT, CROP_WIDTH), strict=False))
    return pixels[top : top + CROP_HEIGHT, left : left + CROP_WIDTH]
