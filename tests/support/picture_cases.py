"""The table of pictures that are neither TIFF nor PNG: what is in them, and what must come out."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
import PIL.Image

from support.gif_files import gif
from support.image_cases import Case, UInt8, as_rgb, from_linear, given, over_white, samples_of, saved
from support.png_cases import TO_SRGB
from support.profiles import DISPLAY_P3, grey_profile, rgb_profile
from support.tiff_files import Tiff

HAS_HEIF = find_spec("pillow_heif") is not None
SMOOTH = np.stack([np.mgrid[0:64, 0:96][0] * 3 + 20, np.mgrid[0:64, 0:96][1] * 2 + 30, np.full((64, 96), 90)], 2)
SMOOTH = SMOOTH.astype(np.uint8)
AVIF_FINE: dict[str, Any] = {"quality": 100, "subsampling": "4:4:4", "speed": 10}
TURNS: dict[int, Callable[[Any], Any]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, 3),
}


def smooth(turn: Callable[[Any], Any] = lambda p: p) -> PIL.Image.Image:
    """The smooth picture, as stored in some orientation."""
    return PIL.Image.fromarray(np.ascontiguousarray(turn(SMOOTH)))


def netpbm() -> list[Case]:
    found = []
    for (magic, count), most in product(((b"P5", 1), (b"P6", 3)), (1, 7, 100, 255, 256, 1023, 4095, 65535)):
        samples = np.random.default_rng(most).integers(0, most + 1, (7, 21, count))
        samples[0, 0], samples[0, 1] = 0, most
        body = samples.astype("u1" if most < 256 else ">u2").tobytes()
        words = " ".join(str(value) for value in samples.ravel().tolist()).encode()
        plain = b"P2" if magic == b"P5" else b"P3"
        seen = np.floor(samples * 255 / most + 0.5).astype(np.uint8)
        seen = as_rgb(seen) if count == 1 else seen
        for note, head in (("", b"%b 21 7 %d\n"), (", comments", b"%b\n# made by hand\n21 # wide\n7\n# most\n%d\n")):
            found.append(Case(f"{magic!r} {most}{note}", partial(bytes, head % (magic, most) + body), given(seen)))
        found.append(Case(f"{plain!r} {most}", partial(bytes, b"%b 21 7 %d\n" % (plain, most) + words), given(seen), 1))
    bits = samples_of(1, 1)
    packed = np.packbits(bits[..., 0].astype(np.uint8), axis=1).tobytes()
    words = " ".join(str(value) for value in bits.ravel().tolist()).encode()
    found += [
        Case("P4", lambda: b"P4 21 7\n" + packed, lambda: as_rgb(255 - 255 * bits)),
        Case("P1", lambda: b"P1 21 7\n" + words, lambda: as_rgb(255 - 255 * bits)),
        Case("P5 beyond its most", lambda: b"P5 21 7 100\n" + bytes([200] * 147), lambda: as_rgb(np.full(147, 255))),
        Case("P5 cut", lambda: b"P5 21 7 255\n" + bytes(146), "expected 147 bytes of pixels, got 146"),
        Case("P6 cut", lambda: b"P6 21 7 256\n" + bytes(100), "expected 882 bytes of pixels, got 100"),
        Case("P5 of nothing", lambda: b"P5 21 7 0\n" + bytes(147), "a largest value of 1 to 65535"),
        Case("P5 beyond 16 bits", lambda: b"P5 21 7 65536\n" + bytes(600), "a largest value of 1 to 65535"),
        Case("P5 too large", lambda: b"P5 90000 90000 255\n", "at most 67108864 pixels"),
        Case("Pf", lambda: b"Pf 21 7 -1.0\n" + bytes(4 * 147), "got floats"),
    ]
    return found


def gifs() -> list[Case]:
    table = np.random.default_rng(5).integers(0, 256, (256, 3))
    indices = samples_of(8, 1)[..., 0]
    seen: UInt8 = table[indices].astype(np.uint8)

    def cleared() -> UInt8:
        found = seen.copy()
        found[indices == 7] = 255
        return found

    def placed() -> UInt8:
        """What no frame covers is clear, as browsers have it, and so white."""
        found = np.full((12, 30, 3), 255, np.uint8)
        found[3:10, 4:25] = seen
        return found

    def animated() -> bytes:
        frames = [PIL.Image.fromarray(table[indices + k & 255].astype(np.uint8)).quantize(256) for k in (0, 1)]
        return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])

    screen = (12, 30)
    return [
        Case("gif", lambda: gif((7, 21), indices, table), lambda: seen),
        Case("gif, a palette of its own", lambda: gif((7, 21), indices, table, is_local=True), lambda: seen),
        Case("gif, a colour clear", lambda: gif((7, 21), indices, table, transparent=7), cleared),
        Case("gif, smaller than its screen", lambda: gif(screen, indices, table, at=(3, 4), background=9), placed),
        Case("gif, local, smaller", lambda: gif(screen, indices, table, at=(3, 4), is_local=True), placed),
        Case("gif of two frames", animated, lambda: seen, 1),
    ]


def containers(kind: str, write: Callable[..., bytes]) -> list[Case]:
    """AVIF and HEIC, as their own encoders write them: nearly without loss."""
    found = [
        Case(f"{kind}, orientation {k}", partial(write, smooth(turn), k), lambda: SMOOTH, 6)
        for k, turn in TURNS.items()
    ]
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, 40:] = 0
    clear = SMOOTH.copy()
    clear[:, 40:] = 255
    profile = rgb_profile(1.0, "sRGB in linear light", DISPLAY_P3)

    def in_display_p3(power: float) -> UInt8:
        """What the lossy file holds, by the formulas of its space."""
        with PIL.Image.open(io.BytesIO(write(smooth()))) as opened:
            share = np.asarray(opened.convert("RGB")) / 255
        light = share**power if power else np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return from_linear(light @ TO_SRGB.T)

    found += [
        Case(f"{kind}, alpha", lambda: write(PIL.Image.fromarray(np.dstack((SMOOTH, alpha)))), lambda: clear, 6),
        Case(f"{kind}, ICC", lambda: write(smooth(), icc_profile=profile), partial(in_display_p3, 1.0), 2),
        Case(f"{kind}, PQ", lambda: _coded(write(smooth()), 9, 16), "standard dynamic range, got PQ"),
        Case(f"{kind}, HLG", lambda: _coded(write(smooth()), 9, 18), "standard dynamic range, got HLG"),
        Case(f"{kind}, P3 by its code", lambda: _coded(write(smooth()), 12, 13), partial(in_display_p3, 0.0), 2),
        Case(f"{kind}, cut", lambda: write(smooth())[:-200], "expected"),
    ]
    return found


def _coded(data: bytes, primaries: int, transfer: int) -> bytes:
    """The file with other code points for its colours."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + bytes((0, primaries, 0, transfer)) + data[at + 4 :]


def avif(image: PIL.Image.Image, orientation: int = 1, **options: Any) -> bytes:
    """As Pillow writes it."""
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return saved(image, "AVIF", exif=exif, **AVIF_FINE, **options)


def heic(image: PIL.Image.Image, orientation: int = 1, **options: Any) -> bytes:
    """As pillow-heif writes it."""
    import pillow_heif  # of the extra that these cases are about

    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    kept = pillow_heif.from_pillow(image)
    kept.save(file, quality=100, chroma=444, exif=exif.tobytes(), **options)
    return file.getvalue()


def spaces() -> list[Case]:
    """Profiles in formats other than PNG, of 8 and 16 bits."""
    found = []
    for bits, power in product((8, 16), (1.0, 1.8)):
        most = (1 << bits) - 1
        for colours, count, profile in (
            (0, 1, grey_profile(power)),
            (1, 1, grey_profile(power)),
            (2, 3, rgb_profile(power, "sRGB?")),
        ):
            samples = samples_of(bits, count)
            light = ((most - samples if colours == 0 else samples) / most) ** power
            seen = from_linear(light)
            kind = Tiff(colours, bits, profile=profile)
            found.append(
                Case(
                    f"tiff: colours {colours}, {bits} bits, ICC of power {power}",
                    partial(kind.written, samples),
                    given(as_rgb(seen) if seen.shape[2] == 1 else seen),
                    1,
                )
            )
    grey = SMOOTH[..., 0]
    linear = np.repeat(from_linear(grey / 255)[..., None], 3, 2)
    for words, profile in (("grey", grey_profile(1.0)), ("RGB", rgb_profile(1.0, "sRGB"))):
        for name, options in (("JPEG", {"quality": 100}), ("PNG", {})):
            write = partial(saved, PIL.Image.fromarray(grey), name, icc_profile=profile, **options)
            found.append(Case(f"{name} of grey, ICC of {words}", write, lambda: linear, 1 if name == "PNG" else 14))
    return found


def frames() -> list[Case]:
    """The first of several."""
    pages = [smooth(), PIL.Image.fromarray(SMOOTH[::-1].copy())]
    kinds: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "PNG": {}, "TIFF": {}, "AVIF": AVIF_FINE}
    found = []
    for name, options in kinds.items():
        write = partial(saved, pages[0], name, save_all=True, append_images=pages[1:], **options)
        found.append(Case(f"{name} of two frames", write, lambda: SMOOTH, 6 if name == "AVIF" else 0))
    return found


def unusual() -> list[Case]:
    half = np.dstack((SMOOTH, np.full((64, 96), 128, np.uint8)))
    bits = SMOOTH[..., 0] > 90
    two = np.repeat(bits[..., None], 3, 2) * 255
    few = smooth().quantize(16)
    fine = {"quality": 98, "subsampling": 0}
    clear = partial(saved, PIL.Image.fromarray(half), "WEBP", lossless=True)
    several = partial(saved, smooth(), "MPO", save_all=True, append_images=[smooth()], **fine)
    return [
        Case("webp, half clear", clear, lambda: over_white(SMOOTH, half[..., 3], 8), 1),
        Case(
            "bmp of 1 bit",
            partial(saved, PIL.Image.fromarray(bits), "BMP"),
            given(two),
        ),
        Case("bmp of a palette", partial(saved, few, "BMP"), lambda: np.asarray(few.convert("RGB"))),
        Case("jpeg, progressive", partial(saved, smooth(), "JPEG", progressive=True, **fine), lambda: SMOOTH, 4),
        Case("mpo", several, lambda: SMOOTH, 4),
    ]


PICTURE_CASES = [*netpbm(), *gifs(), *containers("avif", avif), *spaces(), *frames(), *unusual()]
HEIC_CASES = containers("heic", heic)
