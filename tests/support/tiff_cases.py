"""The table of TIFF files: what is in them, and what must come out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import PIL.Image

from support.image_cases import Case, UInt8, as_rgb, levels, over_white, samples_of, saved
from support.tiff_files import DEFLATE, LZW, PACKBITS, RAW, Tiff

PACKINGS = (RAW, LZW, DEFLATE, PACKBITS)


def case(kind: Tiff, count: int, expected: Any, name: str = "", tolerance: int = 0) -> Case:
    """A file of random samples; `expected` makes the pixels of them, or is the refusal."""
    samples = samples_of(kind.bits, count)
    words = name or (
        f"colours {kind.colours}, {count} x {kind.bits} bits {kind.order}, packing {kind.packing}, "
        f"{'planes' if kind.in_planes else 'together'}, tile {kind.tile}"
    )
    shown = expected if isinstance(expected, str) else lambda: expected(samples)
    return Case(f"tiff: {words}", lambda: kind.written(samples), shown, tolerance)


def grey(kind: Tiff) -> Any:
    """The pixels of grey samples, the first of each pixel."""
    most = (1 << kind.bits) - 1
    return lambda s: as_rgb(levels(s[..., 0] if kind.colours else most - s[..., 0], kind.bits))


def greys() -> list[Case]:
    kinds = [
        Tiff(colours, bits, order, packing, tile=tile)
        for colours, bits, order, packing, tile in product(
            (0, 1), (1, 2, 4, 6, 8, 10, 12, 14, 16), "<>", PACKINGS, (0, 16)
        )
    ]
    return [case(kind, 1, grey(kind)) for kind in kinds]


def colours() -> list[Case]:
    kinds = [
        Tiff(2, bits, order, packing, in_planes=in_planes, tile=tile)
        for bits, order, packing, in_planes, tile in product((4, 8, 12, 16), "<>", PACKINGS, (False, True), (0, 16))
    ]
    return [case(kind, 3, lambda s, bits=kind.bits: levels(s, bits)) for kind in kinds]


def differences() -> list[Case]:
    kinds = [
        Tiff(2, bits, order, packing, in_planes=in_planes, tile=tile, has_differences=True)
        for bits, order, packing, in_planes, tile in product((8, 16), "<>", (LZW, DEFLATE), (False, True), (0, 16))
    ]
    return [case(kind, 3, lambda s, bits=kind.bits: levels(s, bits), f"differences of {kind}") for kind in kinds] + [
        case(
            replace(kind, colours=0, in_planes=False), 1, grey(replace(kind, colours=0)), f"grey differences of {kind}"
        )
        for kind in kinds[:8]
    ]


def alphas() -> list[Case]:
    """Straight, multiplied, of no meaning, and left unsaid; of grey and RGB."""
    found = []
    for bits, in_planes, order in product((8, 16), (False, True), "<>"):
        most = (1 << bits) - 1
        base = Tiff(2, bits, order, DEFLATE, in_planes=in_planes)
        where = f"{bits} bits {order}, {'planes' if in_planes else 'together'}"

        def laid(s: Any, bits: int = bits) -> UInt8:
            return over_white(levels(s[..., :3], bits), s[..., 3], bits)

        def seen(s: Any, bits: int = bits) -> UInt8:
            return levels(s[..., :3], bits)

        def laid_grey(s: Any, bits: int = bits) -> UInt8:
            return over_white(as_rgb(levels(s[..., 0], bits)), s[..., 1], bits)

        def laid_white_is_zero(s: Any, bits: int = bits, most: int = most) -> UInt8:
            return over_white(as_rgb(levels(most - s[..., 0], bits)), s[..., 1], bits)

        found += [
            case(replace(base, extra=(2,)), 4, laid, f"alpha, {where}", 1),
            case(base, 4, laid, f"alpha unsaid, {where}", 1),
            case(replace(base, extra=(0,)), 4, seen, f"a fourth sample of no meaning, {where}"),
            case(
                replace(base, extra=(0, 2)),
                5,
                lambda s, b=bits: over_white(levels(s[..., :3], b), s[..., 4], b),
                f"alpha behind a sample of no meaning, {where}",
                1,
            ),
            case(replace(base, colours=1, extra=(2,)), 2, laid_grey, f"grey with alpha, {where}", 1),
            case(replace(base, colours=0, extra=(2,)), 2, laid_white_is_zero, f"white is zero, with alpha, {where}", 1),
            case(replace(base, colours=1, extra=(0,)), 2, grey(replace(base, colours=1)), f"grey and another, {where}"),
            _multiplied(base, where),
        ]
    return found


def _multiplied(base: Tiff, where: str) -> Case:
    most = (1 << base.bits) - 1
    straight, alpha = samples_of(base.bits, 3), samples_of(base.bits, 1, seed=1)
    stored = np.concatenate(((straight * alpha + most // 2) // most, alpha), axis=2)
    kind = replace(base, extra=(1,))
    return Case(
        f"tiff: multiplied by alpha, {where}",
        lambda: kind.written(stored),
        lambda: levels(stored[..., :3] + most - alpha, base.bits),
        1,
    )


def palettes() -> list[Case]:
    found = []
    for bits, order, step in product((1, 2, 4, 8), "<>", (257, 1)):
        table = np.random.default_rng(bits).integers(0, 256, (3, 1 << bits))
        more = ((320, tuple((table * step).ravel().tolist())),)
        kind = Tiff(3, bits, order, LZW, more=more)
        words = f"a palette of {bits} bits {order}, its numbers times {step}"
        found.append(case(kind, 1, lambda s, table=table: table.T[s[..., 0]].astype(np.uint8), words))
    return found


def inks() -> list[Case]:
    def shown(s: Any, bits: int) -> UInt8:
        return np.asarray(PIL.Image.fromarray(levels(s, bits), mode="CMYK").convert("RGB"))

    return [
        case(Tiff(5, bits, order, packing, in_planes=in_planes), 4, lambda s, bits=bits: shown(s, bits))
        for bits, order, packing, in_planes in product((8, 16), "<>", (RAW, DEFLATE), (False, True))
    ] + [case(Tiff(5, 8, more=((332, (2,)),)), 4, "inks cyan", "inks that are none of CMYK")]


def others() -> list[Case]:
    """Ways of writing that change no pixel."""
    plain = Tiff(1, 8)
    found = [
        case(
            replace(Tiff(colours, bits, order, is_big=True), packing=packing),
            count,
            shown,
            f"big {colours} {bits} {order} {packing}",
        )
        for bits, order, packing in product((8, 16), "<>", (RAW, DEFLATE))
        for colours, count, shown in ((1, 1, grey(Tiff(1, bits))), (2, 3, lambda s, b=bits: levels(s, b)))
    ]
    found += [
        case(
            Tiff(1, bits, packing=packing, is_mirrored=True), 1, grey(Tiff(1, bits)), f"mirrored bits {bits} {packing}"
        )
        for bits, packing in product((1, 4, 8), (RAW, LZW, DEFLATE))
    ]
    many_bits = Tiff(2, 8, more=((258, (8, 8, 8, 1)),))
    found.append(case(many_bits, 3, lambda s: levels(s, 8), "a number of bits too many"))
    turns = {2: np.s_[:, ::-1], 3: np.s_[::-1, ::-1], 4: np.s_[::-1]}
    found += [
        case(replace(plain, more=((274, (k,)),)), 1, lambda s, turn=turn: as_rgb(s)[turn], f"orientation {k}")
        for k, turn in turns.items()
    ]
    swaps = {5: 0, 6: -1, 8: 1}
    for k, turn in swaps.items():

        def turned(s: Any, k: int = k, turn: int = turn) -> UInt8:
            return as_rgb(s).transpose(1, 0, 2) if k == 5 else np.rot90(as_rgb(s), turn)

        found.append(case(replace(plain, more=((274, (k,)),)), 1, turned, f"orientation {k}"))
    return found


def bound_to_colours() -> list[Case]:
    """Packings that Pillow reads to colours: its own files, whose pixels are known."""
    rows, columns = np.mgrid[0:7, 0:21]
    smooth = np.stack((rows * 20 + 40, columns * 8 + 20, rows * 5 + columns * 5), 2).astype(np.uint8)
    rgb = PIL.Image.fromarray(smooth)
    bits = PIL.Image.fromarray(smooth[..., 1] > 90)
    found = [
        Case("tiff: JPEG inside", lambda: saved(rgb, "TIFF", compression="jpeg", quality=98), lambda: smooth, 12),
        Case(
            "tiff: YCbCr, LZW", lambda: saved(rgb.convert("YCbCr"), "TIFF", compression="tiff_lzw"), lambda: smooth, 3
        ),
    ]
    for name in ("group3", "group4", "tiff_ccitt"):
        for photometric in (0, 1):
            found.append(
                Case(
                    f"tiff: fax {name}, colours {photometric}",
                    partial(saved, bits, "TIFF", compression=name, tiffinfo={262: photometric}),
                    lambda: as_rgb(np.asarray(bits) * 255),
                )
            )
    return found


def refused() -> list[Case]:
    return [
        case(Tiff(1, 16, more=((339, (2,)),)), 1, "got signed samples", "signed 16 bits"),
        case(Tiff(1, 8, more=((339, (2,)),)), 1, "got signed samples", "signed 8 bits"),
        case(Tiff(1, 32, more=((339, (3,)),)), 1, "got floats", "floats"),
        case(Tiff(0, 32, more=((339, (3,)),)), 1, "got floats", "floats, white is zero"),
        case(Tiff(2, 32, more=((339, (3, 3, 3)),)), 3, "got floats", "floats of RGB"),
        case(Tiff(1, 32), 1, "1 to 16 bits a sample, of all alike, got 32", "32 bits"),
        case(Tiff(2, 32), 3, "1 to 16 bits a sample", "32 bits of RGB"),
        case(
            Tiff(2, 8, more=((258, (5, 6, 5)),)), 3, "1 to 16 bits a sample, of all alike, got 5, 6, 5", "5, 6, 5 bits"
        ),
        case(Tiff(2, 8, more=((259, (34712,)),)), 3, "packed as LZW.*got packing 34712", "JPEG 2000 inside"),
        case(Tiff(2, 12, more=((259, (7,)),)), 3, "expected 8 bits a sample in a TIFF of packing 7", "JPEG of 12 bits"),
        case(Tiff(6, 16), 3, "expected 8 bits a sample", "YCbCr of 16 bits"),
        case(Tiff(1, 8, more=((317, (3,)),)), 1, "got predictor 3", "differences of floats"),
        case(Tiff(8, 8), 3, r"CIE L\*a\*b\*", "Lab"),
        case(Tiff(9, 8), 3, r"CIE L\*a\*b\*", "ICC Lab"),
        case(Tiff(32803, 16), 1, "colours 32803", "a sensor's mosaic"),
        case(Tiff(1, 8), 4, "save the wanted bands", "four bands of grey"),
        case(Tiff(1, 8, in_planes=True, extra=(0, 0)), 3, "save the wanted bands", "three bands of grey in planes"),
        case(Tiff(2, 8), 2, "save the wanted bands", "RGB of two samples"),
        case(Tiff(2, 8, more=((339, (1, 1, 2)),)), 3, "got signed samples", "one signed sample of three"),
        case(Tiff(2, 8, more=((50706, (1, 4)),)), 3, "a camera's raw file", "DNG"),
        case(Tiff(3, 8), 1, "expected a palette of 768 numbers", "a palette that is not there"),
        case(Tiff(1, 12, packing=LZW, has_differences=True), 1, "without a predictor", "differences of 12 bits"),
    ]


TIFF_CASES = [
    *greys(),
    *colours(),
    *differences(),
    *alphas(),
    *palettes(),
    *inks(),
    *others(),
    *bound_to_colours(),
    *refused(),
]
