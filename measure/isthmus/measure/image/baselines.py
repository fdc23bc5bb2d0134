"""Image codecs to compare with: JPEG, WebP, JPEG 2000 and AVIF, as Pillow's libraries write them.

Every size is that of a whole file, in memory; every picture is decoded from that file. The settings (`CODECS`) are
those that make the smallest files at the effort that people spend: optimal Huffman tables for JPEG with the usual
halved chroma, the slowest method for WebP, the irreversible wavelet and colour transform without the box around the
codestream for JPEG 2000, and for AVIF the library's speed 6 of 0 to 10, but tuned to PSNR and with whole chroma:
measured on Kodak that needs 6.6 % fewer bits at equal PSNR than the library's defaults, in the same time.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL import features

from isthmus.common.errors import InputError
from isthmus.common.image.quality import MIN_MS_SSIM_SIDE, UInt8, ms_ssim, psnr_rgb_db
from isthmus.data.image.files import read_image
from isthmus.measure.curve import Float64

NICENESS = 10


@dataclass(frozen=True, slots=True)
class BaselineCodec:
    """One format and its sweep.

    Attributes:
        name: of the curve.
        format: Pillow's name of it.
        feature: what Pillow must have been built with.
        settings: the values swept, from small files to large.
        options: Pillow's options for one of them.
        libraries: that write it, as `library_versions` names them.
        about: the options, for people.
        swept: what the settings are, for people.
    """

    name: str
    format: str
    feature: str
    settings: tuple[float, ...]
    options: Callable[[float], Mapping[str, Any]]
    libraries: tuple[str, ...]
    about: str
    swept: str = "quality"

    def told(self, versions: Mapping[str, str]) -> str:
        """How its files were made, in one line: libraries with their versions, options, and what was swept."""
        libraries = " with ".join(f"{name} {versions.get(name, '')}".strip() for name in self.libraries)
        return f"{libraries}: {self.about}; {self.swept} {self.settings[0]:g} to {self.settings[-1]:g}"


def _jpeg(quality: float) -> Mapping[str, Any]:
    return {"quality": int(quality), "optimize": True, "subsampling": "4:2:0"}


def _webp(quality: float) -> Mapping[str, Any]:
    return {"quality": int(quality), "method": 6}


def _jpeg2000(bits_per_pixel: float) -> Mapping[str, Any]:
    ratio = 24 / bits_per_pixel
    return {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True, "mct": 1, "no_jp2": True}


def _avif(quality: float) -> Mapping[str, Any]:
    tuned = {"codec": "aom", "speed": 6, "subsampling": "4:4:4", "advanced": {"tune": "psnr"}}
    return {"quality": int(quality), "max_threads": 1, **tuned}


CODECS: Mapping[str, BaselineCodec] = {
    codec.name: codec
    for codec in (
        BaselineCodec(
            "avif",
            "AVIF",
            "avif",
            (4, 10, 18, 24, 30, 36, 41, 46, 51, 56, 66, 76),
            _avif,
            ("libavif", "aom"),
            "speed 6, 4:4:4, tuned to PSNR, one thread",
        ),
        BaselineCodec(
            "webp",
            "WEBP",
            "webp",
            (0, 4, 12, 20, 30, 40, 50, 60, 70, 80, 88, 93),
            _webp,
            ("libwebp",),
            "lossy, 4:2:0, method 6",
        ),
        BaselineCodec(
            "jpeg2000",
            "JPEG2000",
            "jpg_2000",
            (0.1, 0.2, 0.27, 0.35, 0.45, 0.55, 0.67, 0.8, 0.95, 1.1, 1.5, 2.0, 2.8),
            _jpeg2000,
            ("openjpeg",),
            "9/7 wavelet, colour transform, bare codestream",
            "bits a pixel",
        ),
        BaselineCodec(
            "jpeg",
            "JPEG",
            "jpg",
            (4, 8, 14, 22, 35, 50, 65, 77, 86, 92),
            _jpeg,
            ("libjpeg-turbo",),
            "4:2:0, optimised Huffman tables, baseline",
        ),
    )
}
"""By name; the slowest first, so that a pool of processes ends even."""


@dataclass(frozen=True, slots=True, eq=False)
class BaselinePoint:
    """One setting of one codec over all images; arrays are float64 [images].

    Attributes:
        codec, setting: which.
        bits: of each file.
        psnr_db, ms_ssim: of each picture; MS-SSIM is nan where a side is too short for it.
        encode_ms, decode_ms: of each image, on one core.
    """

    codec: str
    setting: float
    bits: Float64
    psnr_db: Float64
    ms_ssim: Float64
    encode_ms: Float64
    decode_ms: Float64

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {name: v.tolist() if isinstance(v := getattr(self, name), np.ndarray) else v for name in self.__slots__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> BaselinePoint:
        """Back from a results file."""
        arrays = {k: np.array(v, np.float64) for k, v in document.items() if isinstance(v, list)}
        return cls(**{**document, **arrays})


def available(names: Sequence[str]) -> tuple[list[BaselineCodec], list[str]]:
    """The codecs of these names that this Pillow can write, and a note for each that it cannot.

    Raises:
        InputError: a name that is none of `CODECS`.
    """
    unknown = [name for name in names if name not in CODECS]
    if unknown:
        raise InputError(f"expected baselines among {', '.join(sorted(CODECS))}, got {', '.join(unknown)}")
    found = [codec for codec in CODECS.values() if codec.name in names]
    working = [codec for codec in found if features.check(codec.feature) and _can_encode(codec)]
    missing = [codec for codec in found if codec not in working]
    return working, [f"{codec.name} is left out: this Pillow cannot write it as wanted." for codec in missing]


def library_versions() -> dict[str, str]:
    """Versions of what writes the files, as this Pillow says them; what it was built without is left out."""
    known = {
        "libjpeg-turbo": features.version("libjpeg_turbo"),
        "libwebp": features.version("webp"),
        "openjpeg": features.version("jpg_2000"),
    }
    if "mozjpeg" in features.features and features.check("mozjpeg"):  # its files are smaller
        known["libjpeg-turbo"] = f"{known['libjpeg-turbo']} (mozjpeg)"
    if features.check("avif"):
        from PIL import AvifImagePlugin  # from Pillow 11.3 on

        known |= {"libavif": features.version("avif"), "aom": AvifImagePlugin.get_codec_version("aom")}
    return {name: version for name, version in known.items() if version}


def encode_picture(codec: BaselineCodec, pixels: UInt8, setting: float) -> bytes:
    """A whole file of uint8 ``[height, width, 3]``."""
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, codec.format, **codec.options(setting))
    return file.getvalue()


def decode_picture(data: bytes) -> UInt8:
    """The pixels of a file, uint8 ``[height, width, 3]``."""
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def ms_ssim_or_nan(original: UInt8, reconstruction: UInt8) -> float:
    """MS-SSIM of pictures ``[height, width, 3]``, or nan where they are too small to have one."""
    return float("nan") if min(original.shape[:2]) < MIN_MS_SSIM_SIDE else ms_ssim(original, reconstruction)


def sweep_image(codec_name: str, path: Path) -> list[tuple[float, float, float, float, float]]:
    """(bits, PSNR, MS-SSIM, encode ms, decode ms) of one image at each setting of a codec."""
    codec, original = CODECS[codec_name], read_image(path).pixels
    rows = []
    for setting in codec.settings:
        start_s = time.perf_counter()
        data = encode_picture(codec, original, setting)
        middle_s = time.perf_counter()
        decoded = decode_picture(data)
        end_s = time.perf_counter()
        quality = psnr_rgb_db(original, decoded), ms_ssim_or_nan(original, decoded)
        rows.append((8.0 * len(data), *quality, 1e3 * (middle_s - start_s), 1e3 * (end_s - middle_s)))
    return rows


def sweep_images(
    codecs: Sequence[BaselineCodec], paths: Sequence[Path], progress: Callable[[int], None] = lambda _: None
) -> dict[str, tuple[BaselinePoint, ...]]:
    """Every setting of every codec on every image, one process a core; `progress` counts (codec, image) pairs.

    Raises:
        InputError: an image cannot be read.
    """
    jobs = [(codec.name, index) for codec in codecs for index in range(len(paths))]
    tables = {codec.name: np.full((len(codec.settings), 5, len(paths)), np.nan) for codec in codecs}
    # Not forked: the process that measures has threads of gRPC.
    context = multiprocessing.get_context("spawn")
    workers = max(1, min(os.cpu_count() or 1, len(jobs)))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_be_nice) as pool:
        running = {pool.submit(sweep_image, name, paths[index]): (name, index) for name, index in jobs}
        for done in as_completed(running):
            name, index = running[done]
            tables[name][:, :, index] = done.result()
            progress(1)
    return {
        codec.name: tuple(
            BaselinePoint(codec.name, setting, *table)
            for setting, table in zip(codec.settings, tables[codec.name], strict=True)
        )
        for codec in codecs
    }


def _can_encode(codec: BaselineCodec) -> bool:
    """Whether the library behind the format takes the options: a format may be there without the encoder named."""
    try:
        encode_picture(codec, np.zeros((64, 64, 3), np.uint8), codec.settings[-1])
    except (OSError, ValueError, TypeError, RuntimeError):
        return False
    return True


def _be_nice() -> None:
    os.nice(NICENESS)
