"""A small file of each format and of each way in which it is read, to be damaged."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import PIL.Image

from support.gif_files import gif
from support.image_cases import samples_of, saved
from support.picture_cases import HAS_HEIF, avif, heic
from support.png_files import GREY_ALPHA, RGB, RGBA, chromaticity, gamma, icc, png
from support.profiles import grey_profile, rgb_profile
from support.tiff_files import DEFLATE, LZW, PACKBITS, Tiff

SMALL = PIL.Image.fromarray(samples_of(8, 3).astype(np.uint8))


def small_pictures() -> dict[str, bytes]:
    """Files by name, some hundred bytes each."""
    write = partial(saved, SMALL)
    deep = samples_of(16, 3)[:3, :5]
    pgm: Any = samples_of(16, 1)[:3, :5].astype(">u2")
    found = {
        "jpeg": write("JPEG", quality=50),
        "webp": write("WEBP", lossless=True),
        "bmp": write("BMP"),
        "png": write("PNG"),
        "png, 16 bits": png(deep, RGB, 16, (gamma(1.0), chromaticity(0.3, 0.3, 0.6, 0.3, 0.3, 0.6, 0.1, 0.1))),
        "png, clear": png(deep, RGB, 16, ((b"tRNS", bytes(6)), (b"cICP", bytes((9, 8, 0, 1))))),
        "png, ICC": png(samples_of(16, 2)[:3, :5], GREY_ALPHA, 16, (icc(grey_profile(1.8)),)),
        "png, interlaced": png(samples_of(16, 4)[:3, :5], RGBA, 16, is_interlaced=True),
        "gif": gif((9, 9), samples_of(8, 1)[:3, :5, 0], np.zeros((256, 3)), at=(1, 1), transparent=3),
        "ppm": b"P6 # a\n5 3\n65535\n" + deep.astype(">u2").tobytes(),
        "pgm": b"P5\n5 3\n4095\n" + pgm.tobytes(),
        "plain": b"P2 5 3 99 " + b"7 " * 15,
        "tiff, LZW": Tiff(0, 16, ">", LZW, has_differences=True).written(samples_of(16, 1)[:3, :5]),
        "tiff, tiles": Tiff(2, 12, "<", DEFLATE, in_planes=True, tile=16).written(samples_of(12, 3)[:3, :5]),
        "tiff, big": Tiff(2, 8, ">", PACKBITS, extra=(1,), is_big=True).written(samples_of(8, 4)[:3, :5]),
        "tiff, palette": Tiff(3, 2, more=((320, tuple(range(12))),)).written(samples_of(2, 1)[:3, :5]),
        "tiff, ICC": Tiff(2, 8, profile=rgb_profile(1.0)).written(samples_of(8, 3)[:3, :5]),
        "tiff, JPEG": write("TIFF", compression="jpeg", quality=50),
        "tiff, fax": saved(SMALL.convert("1"), "TIFF", compression="group4"),
        "avif": avif(SMALL),
    }
    return found | ({"heic": heic(SMALL)} if HAS_HEIF else {})
