"""TIFF: what the bytes of its rows mean. `tiff_rows` unpacks them.

Grey with white or black as zero, RGB, CMYK and palettes, of 1 to 16 bits a sample, side by side or in planes, in
strips or tiles, of either byte order; with alpha, multiplied already or not. What is packed as JPEG, fax or otherwise
bound to its colours is left to Pillow. The rest is refused: nothing says what is white in floats, signed samples or
32 bits, nor which of many bands are red, green and blue; and a camera's raw file begins with a thumbnail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.image.colour import Samples
from isthmus.data.image.picture import Picture
from isthmus.data.image.tiff_rows import BYTE_PACKINGS, Layout, RowReader
from isthmus.data.image.tiff_tags import PREFIXES, Tags

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
LAB = (8, 9, 10)
YCBCR = 6
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4}
NOT_COUNTS = {2: "signed samples", 3: "floats", 5: "complex numbers", 6: "complex numbers"}
PREMULTIPLIED, ALPHA = 1, (1, 2, 999)
MAX_BITS = 16
MAX_SAMPLE_COUNT = 8
FAX, JPEG = (2, 3, 4), (6, 7)
USUAL_PACKINGS = "LZW, deflate, PackBits, LZMA, Zstandard, JPEG or fax, or not"
FIRST_PAGE = "it has more pages, of which the first was taken"


@dataclass(frozen=True, slots=True)
class Described:
    """What the first directory says.

    Attributes:
        width, height: as stored, before it is turned.
        packing, colours, planes, predictor: numbers of the standard: how bytes are packed, what samples are, 2 where
            each sample has a plane of its own, 2 where samples are differences.
        bits: of a sample.
        sample_count: a pixel.
        alpha_at: the sample that is alpha, None without.
        is_premultiplied: whether samples are multiplied by it.
        is_big_endian: of samples of 16 bits.
    """

    width: int
    height: int
    packing: int
    colours: int
    planes: int
    predictor: int
    bits: int
    sample_count: int
    alpha_at: int | None
    is_premultiplied: bool
    is_big_endian: bool


def is_tiff(data: bytes) -> bool:
    """Whether a file begins as a TIFF does."""
    return data.startswith(PREFIXES)


def page_notes(data: bytes) -> tuple[str, ...]:
    """What is to be said of a file's further pages."""
    return (FIRST_PAGE,) if Tags(data).has_next_page() else ()


def read_tiff(data: bytes, check_size: Callable[[int, int], None]) -> Picture | None:
    """The first picture of a TIFF file; None where its packing is one that Pillow should read.

    Args:
        data: the file.
        check_size: raises where width and height are too many.

    Raises:
        InputError: samples that cannot be shown, for want of a meaning.
    """
    tags = Tags(data)
    said = _described(tags)
    check_size(said.width, said.height)
    if said.packing not in BYTE_PACKINGS or said.colours == YCBCR:
        _check_pillow_reads(said)
        return None
    samples = _samples(data, tags, said)
    return Picture(
        _coloured(samples, tags, said),
        alpha=None if said.alpha_at is None else _whole_range(samples[..., said.alpha_at], said.bits),
        profile=tags.bytes(34675),
        orientation=tags.number(274, 1),
        is_premultiplied=said.is_premultiplied,
        notes=page_notes(data),
    )


def _described(tags: Tags) -> Described:
    """What the tags say. InputError for what has no meaning as a picture."""
    if 50706 in tags or (tags.number(254, 0) & 1 and 330 in tags):
        raise InputError("expected a finished picture, got a camera's raw file; develop it to TIFF or JPEG first")
    sample_count = tags.number(277, 1)
    colours = tags.number(262, RGB if sample_count >= 3 else BLACK_IS_ZERO)
    packing = tags.number(259, 1)
    extra = tags.numbers(338)
    channels = CHANNELS.get(colours, 3)
    if not extra and colours == RGB and sample_count == 4:
        extra = (2,)  # as many programs leave it out
    alpha = [place for place, kind in enumerate(extra) if kind in ALPHA and channels + place < sample_count]
    described = Described(
        width=tags.number(256, 0),
        height=tags.number(257, 0),
        packing=packing,
        colours=colours,
        planes=tags.number(284, 1),
        predictor=tags.number(317, 1),
        bits=tags.number(258, 1),
        sample_count=sample_count,
        alpha_at=channels + alpha[0] if alpha else None,
        is_premultiplied=bool(alpha) and extra[alpha[0]] == PREMULTIPLIED,
        is_big_endian=tags.is_big_endian,
    )
    _check_meaning(tags, described)
    return described


def _check_meaning(tags: Tags, said: Described) -> None:
    for kind in tags.numbers(339, 1):
        if kind in NOT_COUNTS:
            raise InputError(
                f"expected samples that count from 0, got {NOT_COUNTS[kind]}, whose white is not said; "
                "save it with 8 or 16 bits"
            )
    bits = tags.numbers(258, 1)[: said.sample_count]  # some programs write one too many
    if len(set(bits)) > 1 or not 1 <= said.bits <= MAX_BITS:
        raise InputError(
            f"expected 1 to {MAX_BITS} bits a sample, of all alike, got {', '.join(map(str, bits[:8]))}; "
            "save it with 8 or 16 bits"
        )
    if said.colours in LAB:
        raise InputError("expected grey, RGB or CMYK, got a TIFF of CIE L*a*b*; save it as RGB")
    if said.colours not in CHANNELS and said.colours != YCBCR:
        raise InputError(f"expected grey, RGB, CMYK or a palette, got a TIFF of colours {said.colours}; save it as RGB")
    if said.colours == YCBCR:
        return
    channels = CHANNELS[said.colours]
    grey_bands = said.colours in {WHITE_IS_ZERO, BLACK_IS_ZERO} and said.sample_count > 2
    if not channels <= said.sample_count <= MAX_SAMPLE_COUNT or grey_bands:
        raise InputError(
            f"expected a picture of {channels} samples a pixel and alpha, got {said.sample_count}; "
            "save the wanted bands as grey or RGB"
        )
    if said.colours == CMYK and tags.number(332, 1) != 1:
        raise InputError("expected the inks cyan, magenta, yellow and black, got a TIFF of others; save it as RGB")


def _check_pillow_reads(said: Described) -> None:
    bits = 1 if said.packing in FAX else 8
    if said.packing not in (*BYTE_PACKINGS, *FAX, *JPEG):
        raise InputError(
            f"expected a TIFF packed as {USUAL_PACKINGS}, got packing {said.packing}; save it with one of these"
        )
    if said.bits != bits:
        raise InputError(f"expected {bits} bits a sample in a TIFF of packing {said.packing}, got {said.bits}")


def _samples(data: bytes, tags: Tags, said: Described) -> Samples:
    """Samples as they are stored, uint8 or (more than 8 bits) uint16 [height, width, samples]."""
    if said.predictor not in {1, 2}:
        raise InputError(f"expected samples, or differences of them (predictor 2), got predictor {said.predictor}")
    plane_count = said.sample_count if said.planes == 2 else 1
    together = said.sample_count // plane_count
    is_tiled = 324 in tags
    piece_width = tags.number(322, 0) if is_tiled else said.width
    piece_rows = tags.number(323, 0) if is_tiled else min(tags.number(278, said.height), said.height)
    if not (0 < piece_width <= 2 * 65535 and 0 < piece_rows <= 2 * 65535):
        raise InputError(f"expected strips or tiles with pixels, got {piece_width} x {piece_rows}")
    offsets = tags.numbers(324 if is_tiled else 273)
    sizes = tags.numbers(325 if is_tiled else 279) or tuple(len(data) - at for at in offsets)
    across = -(-said.width // piece_width)
    count = -(-said.height // piece_rows) * across
    reader = RowReader(data)
    kind = np.dtype(np.uint8 if said.bits <= 8 else np.uint16)
    found = np.empty((said.height, said.width, said.sample_count), kind)
    for plane in range(plane_count):
        pieces = slice(plane * count, (plane + 1) * count)
        layout = Layout(
            packing=said.packing,
            fill_order=tags.number(266, 1),
            height=said.height,
            piece_rows=piece_rows,
            piece_bytes=-(-piece_width * together * said.bits // 8),
            pieces_across=across,
            offsets=offsets[pieces],
            sizes=sizes[pieces],
            is_tiled=is_tiled,
        )
        row = 0
        for band in reader.bands(layout):
            values = _values(band, said, piece_width * together)
            values = values.reshape(len(band), across, piece_width, together)
            if said.predictor == 2:
                summed: Any = np.cumsum(values, axis=2, dtype=values.dtype)
                values = summed
            wide = values.reshape(len(band), across * piece_width, together)[:, : said.width]
            found[row : row + len(band), :, plane : plane + together] = wide
            row += len(band)
    return found


def _values(band: npt.NDArray[np.uint8], said: Described, count: int) -> Samples:
    """Bytes [rows, across, bytes] as numbers [rows, across, count]."""
    if said.bits == 8:
        return band
    if said.bits == 16:
        return np.ascontiguousarray(band).view(">u2" if said.is_big_endian else "<u2").astype(np.uint16)
    if said.predictor != 1:
        raise InputError(f"expected differences of 8 or 16 bits, got {said.bits} bits; save it without a predictor")
    bits = np.unpackbits(band, axis=2, count=count * said.bits).reshape(*band.shape[:2], count, said.bits)
    found = np.zeros(bits.shape[:3], np.uint8 if said.bits <= 8 else np.uint16)
    for place in range(said.bits):
        found = (found << 1) | bits[..., place]
    return found


def _coloured(samples: Samples, tags: Tags, said: Described) -> Samples:
    """Grey, RGB or CMYK over the whole range of their type."""
    if said.colours == PALETTE:
        table = np.array(tags.numbers(320), np.int64)
        if table.size != 3 << said.bits or not 0 <= table.min() <= table.max() <= 65535:
            raise InputError(f"expected a palette of {3 << said.bits} numbers of 16 bits, got {table.size}")
        if table.max() < 256:
            table *= 257  # old programs write 8 bits
        return table.astype(np.uint16).reshape(3, -1).T[samples[..., 0]]
    shown = _whole_range(samples[..., : CHANNELS[said.colours]], said.bits)
    return ~shown if said.colours == WHITE_IS_ZERO else shown


def _whole_range(samples: Samples, bits: int) -> Samples:
    """Samples of some bits over the range of their type."""
    if bits in {8, 16}:
        return samples
    most = (1 << bits) - 1
    whole = 255 if bits < 8 else 65535
    table = (np.arange(most + 1, dtype=np.int64) * whole * 2 + most) // (2 * most)
    return table.astype(np.uint8)[samples] if bits < 8 else table.astype(np.uint16)[samples]
