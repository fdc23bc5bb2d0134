"""Small images of every format and each way in which it is read."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageCms

UInt8 = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 5, 7
SAMPLES: npt.NDArray[Any] = np.random.default_rng(5).integers(0, 65536, (HEIGHT, WIDTH, 4))
RGBA: UInt8 = (SAMPLES >> 8).astype(np.uint8)
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
CHROMATICITY = struct.pack(">8I", *(round(1e5 * x) for x in (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)))


def picture(mode: str = "RGB") -> PIL.Image.Image:
    """Noise, in a mode of Pillow."""
    return PIL.Image.fromarray(RGBA).convert(mode)


def saved(image: PIL.Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002
    """Pillow's file of an image."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its sum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_files() -> tuple[bytes, ...]:
    """Palettes, transparency, profiles, 16 bits with spaces of their own, and one that moves."""
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in SAMPLES[..., :3])
    found = [
        saved(picture(), "PNG"),
        saved(picture("P"), "PNG", transparency=3),
        saved(picture("L"), "PNG", icc_profile=profile),
        saved(picture("RGBA"), "PNG"),
        saved(picture(), "PNG", save_all=True, append_images=[picture().rotate(180)]),
    ]
    for chunks in (
        ((b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", CHROMATICITY)),
        ((b"tRNS", bytes(6)), (b"cICP", bytes((9, 8, 0, 1)))),
    ):
        head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
        pieces = ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        found.append(PNG_HEAD + b"".join(png_chunk(*piece) for piece in pieces))
    return tuple(found)


def jpeg_files() -> tuple[bytes, ...]:
    """Colours, grey, progressive, CMYK, turned."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return (
        saved(picture(), "JPEG", quality=50, exif=exif),
        saved(picture("L"), "JPEG", progressive=True),
        saved(picture("CMYK"), "JPEG"),
    )


def webp_files() -> tuple[bytes, ...]:
    """With and without loss, and one that moves."""
    return (
        saved(picture(), "WEBP", quality=50),
        saved(picture("RGBA"), "WEBP", lossless=True),
        saved(picture(), "WEBP", save_all=True, append_images=[picture().rotate(180)]),
    )


def tiff_files() -> tuple[bytes, ...]:
    """What Pillow writes of it, and 12 bits in planes."""
    plain = [
        saved(picture(mode), "TIFF", compression=packing)
        for mode, packing in (
            *(("RGB", "tiff_lzw"), ("RGBA", "tiff_adobe_deflate"), ("L", "packbits"), ("CMYK", "raw")),
            *(("RGB", "jpeg"), ("1", "group4"), ("P", "raw")),
        )
    ]
    deep = PIL.Image.fromarray(SAMPLES[..., 0].astype(np.uint16))
    return (*plain, saved(deep, "TIFF"), saved(picture(), "TIFF", big_tiff=True), _planes())


def _planes() -> bytes:
    """A big-endian TIFF of three planes of 12 bits, white as zero in none."""
    bits = np.unpackbits(SAMPLES[..., :3].astype(">u2").view(np.uint8).reshape(HEIGHT, WIDTH, 3, 2), axis=3)[..., :12]
    planes = [np.packbits(bits[:, :, k].reshape(HEIGHT, -1), axis=1).tobytes() for k in range(3)]
    size, first = len(planes[0]), 8
    behind = first + 3 * size + (3 * size) % 2
    places = [first + k * size for k in range(3)]
    tags = (
        *((256, 3, [WIDTH]), (257, 3, [HEIGHT]), (258, 3, [12] * 3), (259, 3, [1]), (262, 3, [2]), (273, 4, places)),
        *((277, 3, [3]), (278, 3, [HEIGHT]), (279, 4, [size] * 3), (284, 3, [2])),
    )
    more, entries = b"", b""
    for tag, kind, values in tags:
        body = struct.pack(f">{len(values)}{'H' if kind == 3 else 'I'}", *values)
        place = body.ljust(4, b"\0")
        if len(body) > 4:
            place = struct.pack(">I", behind + 2 + 12 * len(tags) + 4 + len(more))
            more += body
        entries += struct.pack(">HHI", tag, kind, len(values)) + place
    head = b"MM\0*" + struct.pack(">I", behind)
    return (head + b"".join(planes)).ljust(behind, b"\0") + struct.pack(">H", len(tags)) + entries + bytes(4) + more


def bmp_files() -> tuple[bytes, ...]:
    """Colours, palette, one bit."""
    return saved(picture(), "BMP"), saved(picture("P"), "BMP"), saved(picture("1"), "BMP")


def gif_files() -> tuple[bytes, ...]:
    """One frame, and several."""
    few = picture().quantize(8)
    return (
        saved(few, "GIF", transparency=2),
        saved(few, "GIF", save_all=True, append_images=[few.rotate(180)], duration=40),
    )


def ppm_files() -> tuple[bytes, ...]:
    """Bytes, two bytes a sample, text, bits."""
    return (
        saved(picture(), "PPM"),
        b"P6 # wide\n7 5\n65535\n" + SAMPLES[..., :3].astype(">u2").tobytes(),
        b"P2 7 5 99 " + b"7 " * 35,
        b"P4 7 5\n" + bytes(range(5)),
    )


def avif_files() -> tuple[bytes, ...]:
    """Colours, and alpha."""
    return saved(picture(), "AVIF", speed=10), saved(picture("RGBA"), "AVIF", speed=10)


def heif_files() -> tuple[bytes, ...]:
    """As pillow-heif writes it."""
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(picture().resize((32, 32))).save(file, quality=60)
    return (file.getvalue(),)
