"""The table of PNG files: what is in them, and what must come out."""

from __future__ import annotations

import struct
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from support.image_cases import Case, Float64, UInt8, as_rgb, from_linear, levels, over_white, samples_of
from support.png_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chromaticity, gamma, icc, png
from support.profiles import DISPLAY_P3, SRGB, grey_profile, rgb_profile

CHANNELS = {GREY: 1, GREY_ALPHA: 2, RGB: 3, RGBA: 4}
P3_CHROMATICITY = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
TO_SRGB = np.linalg.inv(np.array(SRGB).T) @ np.array(DISPLAY_P3).T
Chunks = tuple[tuple[bytes, bytes], ...]


def shown(samples: Any, bits: int, colours: int, power: float = 0.0, matrix: Float64 | None = None) -> UInt8:
    """What is seen of samples: as they are (power 0: the curve of sRGB), or by their light."""
    base = samples[..., :1] if colours in {GREY, GREY_ALPHA} else samples[..., :3]
    share = base / ((1 << bits) - 1)
    if not power and matrix is None:
        found = levels(base, bits)
    else:
        light = share**power if power else np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        found = from_linear(light if matrix is None else light @ matrix.T)
    return as_rgb(found) if found.shape[2] == 1 else found


def case(
    words: str,
    colours: int,
    bits: int,
    chunks: Chunks = (),
    *,
    power: float = 0.0,
    matrix: Float64 | None = None,
    tolerance: int = 0,
    is_interlaced: bool = False,
) -> Case:
    """A file of random samples; `power` and `matrix` say what its chunks mean."""
    samples = samples_of(bits, CHANNELS[colours])

    def expected() -> UInt8:
        seen = shown(samples, bits, colours, power, matrix)
        alpha = samples[..., -1] if colours in {GREY_ALPHA, RGBA} else _told_alpha(samples, bits, chunks)
        return seen if alpha is None else over_white(seen, alpha, bits)

    name = f"png: {words}, colours {colours}, {bits} bits{', interlaced' * is_interlaced}"
    has_alpha = colours in {GREY_ALPHA, RGBA}
    return Case(
        name, lambda: png(samples, colours, bits, chunks, is_interlaced=is_interlaced), expected, tolerance + has_alpha
    )


def _told_alpha(samples: Any, bits: int, chunks: Chunks) -> Any:
    told = dict(chunks).get(b"tRNS")
    if told is None:
        return None
    colour = struct.unpack(f">{len(told) // 2}H", told)
    return np.where((samples == colour).all(axis=2), 0, (1 << bits) - 1)


def transparent(colours: int, bits: int) -> Chunks:
    """One colour of the picture, and for 16 bits not its neighbours of the same high byte."""
    samples = samples_of(bits, CHANNELS[colours])
    return ((b"tRNS", struct.pack(f">{CHANNELS[colours]}H", *samples[2, 3].tolist())),)


def plain() -> list[Case]:
    kinds = [(GREY, bits) for bits in (1, 2, 4, 8, 16)]
    kinds += list(product((GREY_ALPHA, RGB, RGBA), (8, 16)))
    found = [case("as it is", *kind, is_interlaced=turn) for kind, turn in product(kinds, (False, True))]
    kinds = [*((GREY, bits) for bits in (1, 2, 4, 8, 16)), (RGB, 8), (RGB, 16)]
    return found + [
        case("a transparent colour", colours, bits, transparent(colours, bits), is_interlaced=turn)
        for (colours, bits), turn in product(
            [*((GREY, b) for b in (1, 2, 4, 8, 16)), (RGB, 8), (RGB, 16)], (False, True)
        )
    ]


def neighbours() -> list[Case]:
    """A transparent level of 16 bits hides that level alone, not those that share its high byte."""
    values = (0x1234 + np.arange(-73, 74)).reshape(7, 21, 1)

    def expected() -> UInt8:
        seen = as_rgb(levels(values, 16))
        seen[values[..., 0] == 0x1234] = 255
        return seen

    told = {GREY: struct.pack(">H", 0x1234), RGB: struct.pack(">3H", *[0x1234] * 3)}
    return [
        Case(
            f"png: neighbours of the transparent level, colours {colours}",
            partial(png, np.repeat(values, CHANNELS[colours], 2), colours, 16, ((b"tRNS", told[colours]),)),
            expected,
        )
        for colours in (GREY, RGB)
    ]


def palettes() -> list[Case]:
    found = []
    for bits, turn in product((1, 2, 4, 8), (False, True)):
        count = 1 << bits
        table = np.random.default_rng(bits).integers(0, 256, (count, 4))
        samples = samples_of(bits, 1)
        for kind, alpha in (
            ("", None),
            (", with alpha", table[:, 3]),
            (", one clear", np.where(np.arange(count), 255, 0)),
        ):
            chunks: Chunks = ((b"PLTE", table[:, :3].astype(np.uint8).tobytes()),)
            if alpha is not None:
                chunks += ((b"tRNS", alpha.astype(np.uint8).tobytes()),)

            def expected(samples: Any = samples, table: Any = table, alpha: Any = alpha) -> UInt8:
                seen = table[samples[..., 0], :3].astype(np.uint8)
                return seen if alpha is None else over_white(seen, alpha[samples[..., 0]], 8)

            found.append(
                Case(
                    f"png: palette of {bits} bits{kind}{', interlaced' * turn}",
                    partial(png, samples, PALETTE, bits, chunks, is_interlaced=turn),
                    expected,
                    1,
                )
            )
    return found


def spaces() -> list[Case]:
    """Profiles and chunks that tell of colours; the expected levels by the formulas of sRGB."""
    found = []
    kinds = [*product((GREY, GREY_ALPHA, RGB, RGBA), (8, 16)), (GREY, 4)]
    for colours, bits in kinds:
        is_grey = colours in {GREY, GREY_ALPHA}
        for power in (1.0, 1.8):
            profile = grey_profile(power) if is_grey else rgb_profile(power, "sRGB linear or nearly")
            found += [
                case(f"ICC of power {power}", colours, bits, (icc(profile),), power=power, tolerance=1),
                case(f"gAMA of power {power}", colours, bits, (gamma(1 / power),), power=power, tolerance=1),
                case(f"gAMA beside sRGB {power}", colours, bits, (gamma(1 / power), (b"sRGB", b"\0"))),
            ]
        if not is_grey:
            told: tuple[tuple[str, Chunks, float, Float64 | None], ...] = (
                ("cHRM of Display P3", (gamma(0.45455), chromaticity(*P3_CHROMATICITY)), 0.0, TO_SRGB),
                ("cICP of Display P3", ((b"cICP", bytes((12, 13, 0, 1))),), 0.0, TO_SRGB),
                ("cICP of linear light", ((b"cICP", bytes((1, 8, 0, 1))),), 1.0, None),
                ("ICC of Display P3", (icc(rgb_profile(2.2, primaries=DISPLAY_P3)),), 2.2, TO_SRGB),
            )
            for words, chunks, power, matrix in told:
                found.append(case(words, colours, bits, chunks, power=power, matrix=matrix, tolerance=2))
        found += [
            case("gAMA of sRGB", colours, bits, (gamma(0.45455),)),
            case("gAMA of 0", colours, bits, (gamma(0),)),
            case("chromaticity of nothing", colours, bits, (chromaticity(*[0.0] * 8),)),
            case("a damaged ICC", colours, bits, (icc(b"none" * 50),)),
        ]
    found += [
        case(
            "grey, ICC, a transparent level",
            GREY,
            bits,
            (*transparent(GREY, bits), icc(grey_profile(1.0))),
            power=1.0,
            tolerance=2,
        )
        for bits in (4, 8, 16)
    ]
    found.append(case("grey, ICC of RGB", GREY, 8, (icc(rgb_profile(1.0)),), power=1.0, tolerance=1))
    found.append(case("grey with alpha, ICC of RGB", GREY_ALPHA, 8, (icc(rgb_profile(1.0)),), power=1.0, tolerance=1))
    found.append(case("colours, ICC of grey", RGB, 8, (icc(grey_profile(1.0)),)))
    return found


def refused() -> list[Case]:
    def write(code: int) -> bytes:
        return png(samples_of(8, 3), RGB, 8, ((b"cICP", bytes((9, code, 0, 1))),))

    return [
        Case(f"png: {name}", partial(write, code), f"standard dynamic range, got {name}")
        for code, name in ((16, "PQ"), (18, "HLG"))
    ]


PNG_CASES = [*plain(), *neighbours(), *palettes(), *spaces(), *refused()]
