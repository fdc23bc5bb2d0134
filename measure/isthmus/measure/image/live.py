"""Drives a live cloud with one image codec, and measures what an edge sees: pictures, bits at each layer, and times.

One pass over the images for each adaptation, on a stream of its own, one image in flight, through the counting relay.
The first pass asks for the pictures back and judges them. The latents do not depend on the adaptation, so in the others
the cloud says the checksum of its picture alone, and that must be the first pass's. The bytes of opening a stream are
left out: they are paid once. The first image of each pass is sent once before it counts.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.coded import Coded
from isthmus.common.errors import CodecError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.quality import UInt8, psnr_rgb_db
from isthmus.common.image.side import Adaptation
from isthmus.common.image.symbols import CodedImage, ImageSymbols
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.data.image.files import read_image
from isthmus.edge.client import CloudClient
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.edge.image.side_analysis import SIDE_ANALYSIS_FILE
from isthmus.edge.result import FrameResult
from isthmus.measure.curve import Float64
from isthmus.measure.image.baselines import ms_ssim_or_nan
from isthmus.measure.image.bounds import ideal_bits, plain_bits
from isthmus.measure.image.options import ADAPTATIONS
from isthmus.measure.image.photographs import ImageSet
from isthmus.measure.image.point import (
    CHOSEN,
    CONTEXT,
    STATIC,
    SYNTHESIZED,
    AdaptationRow,
    ImageCodecPoint,
    Macs,
)
from isthmus.measure.wire_meter import WireMeter
from isthmus.runtime.integer_half import coder_files, open_scale_indices

TRAINING_FILE = "training.json"
RESULT_TIMEOUT_S = 120.0

Progress = Callable[[int], None]

_ASKED = {
    STATIC: Adaptation.STATIC,
    CHOSEN: Adaptation.CHOSEN,
    SYNTHESIZED: Adaptation.SYNTHESIZED,
    CONTEXT: Adaptation.CONTEXT,
}
_COLUMNS = tuple(f.name for f in fields(AdaptationRow) if f.name != "adaptation")


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """What came back of one image in the first pass."""

    crc32: int
    psnr_db: float
    ms_ssim: float
    down_bits: float
    ideal_bits: float
    plain_bits: float


def measure_image_codec(
    folder: Path,
    images: ImageSet,
    address: str,
    adaptations: Sequence[str] = ADAPTATIONS,
    threads: int = 1,
    progress: Progress = lambda _: None,
) -> ImageCodecPoint:
    """Measure one codec.

    Args:
        folder: of the codec; the cloud must serve the same one.
        images: the photographs.
        address: of the cloud, ``host:port``.
        adaptations: the rows wanted; those the codec does not have are passed over, `static` is always there.
        threads: of the edge's network.
        progress: called with the number of images done since the last call, `passes` times the images in all.

    Raises:
        CodecError: an image came back otherwise than in the first pass.
        IsthmusError: what encoding or the stream raises.
    """
    encoder = ImageEncoder(folder, threads)
    bounds = _Bounds(load_codec_folder(folder, needed=coder_files(encoder.manifest), kind=ImageManifest))
    pictures: list[_Picture] = []
    rows: list[AdaptationRow] = []
    with WireMeter(address) as meter:
        for adaptation in passes(folder, adaptations):
            rows.append(_pass(meter, encoder, images, adaptation, bounds, pictures, progress))
    return ImageCodecPoint(
        name=encoder.manifest.name,
        family=encoder.manifest.family,
        quality=encoder.manifest.quality,
        psnr_db=np.array([p.psnr_db for p in pictures]),
        ms_ssim=np.array([p.ms_ssim for p in pictures]),
        # What the pictures' bounds leave out is what the static row's packet has around its y.
        ideal_bits=rows[0].packet_bits + np.array([p.ideal_bits for p in pictures]),
        plain_bits=rows[0].packet_bits + np.array([p.plain_bits for p in pictures]),
        picture_bits=np.array([p.down_bits for p in pictures]),
        rows=tuple(rows),
        macs=_macs(folder),
    )


def passes(folder: Path, adaptations: Sequence[str]) -> tuple[str, ...]:
    """The adaptations that are measured of a codec: of those wanted, static first and always."""
    codec = load_codec_folder(folder, needed=(ENTROPY_FILE,), kind=ImageManifest)
    wanted = {STATIC, *adaptations}
    if not (codec.manifest.bins and codec.has_file(SIDE_ANALYSIS_FILE)):
        wanted.discard(SYNTHESIZED)
    if ImageTables.load(codec.file(ENTROPY_FILE)).context is None:
        wanted.discard(CONTEXT)
    return tuple(a for a in ADAPTATIONS if a in wanted)


class _Bounds:
    """What the ideal and the plain row differ by from the static one, of one codec's latents."""

    def __init__(self, codec: CodecFolder[ImageManifest]) -> None:
        self._tables = ImageTables.load(codec.file(ENTROPY_FILE))
        self._scale_indices = open_scale_indices(codec) if codec.manifest.hyper_channels else None

    def differences(self, symbols: ImageSymbols) -> tuple[float, float]:
        """(ideal - static, plain - static) bits of y."""
        groups: npt.NDArray[np.int32]
        if self._scale_indices is not None and symbols.z is not None:
            groups = self._scale_indices(symbols.z).ravel()
        else:
            groups = np.repeat(np.arange(len(symbols.y), dtype=np.int32), symbols.y[0].size)
        values = symbols.y.ravel()
        static = float(self._tables.tables.bits(values, self._tables.first_table[groups]).sum())
        return ideal_bits(values, groups) - static, plain_bits(values, groups) - static


def _pass(
    meter: WireMeter,
    encoder: ImageEncoder,
    images: ImageSet,
    adaptation: str,
    bounds: _Bounds,
    pictures: list[_Picture],
    progress: Progress,
) -> AdaptationRow:
    """Every image once; the first pass fills `pictures`."""
    is_first = not pictures
    columns: dict[str, Float64] = {name: np.empty(len(images)) for name in _COLUMNS}
    with CloudClient(
        meter.address, encoder.manifest, wants_timing=True, wants_pixels=is_first, result_timeout_s=RESULT_TIMEOUT_S
    ) as client:
        client.open()
        asked = _ASKED[adaptation]
        _send(client, encoder.encode(images.read(0), asked))  # the first run of a network is its slowest
        for index in range(len(images)):
            image = images.read(index)
            before, sent_before = meter.counted(), client.traffic.sent_bytes
            encoded = encoder.encode(image, asked)
            result = _send(client, encoded)
            crossed = meter.counted() - before
            message_bits = 8 * (client.traffic.sent_bytes - sent_before)
            for name, value in _measured(encoded, result, message_bits, 8 * crossed.up).items():
                columns[name][index] = value
            told = result.value
            if is_first:
                pixels = read_image(told.png).pixels
                if told.pixels_crc32 != zlib.crc32(pixels.tobytes()):
                    raise CodecError(f"{images.paths[index].name}: expected the picture whose checksum the cloud says")
                pictures.append(
                    _Picture(
                        told.pixels_crc32,
                        *_quality(image.pixels, pixels),
                        8 * crossed.down,
                        *bounds.differences(encoded.detail.symbols),
                    )
                )
            elif told.pixels_crc32 != pictures[index].crc32:
                raise CodecError(
                    f"{encoder.manifest.name}, {images.paths[index].name}: expected the same picture whatever the "
                    f"adaptation, got another with {adaptation}"
                )
            progress(1)
    return AdaptationRow(adaptation, **columns)


def _send(client: CloudClient, encoded: Coded[CodedImage]) -> FrameResult:
    client.send(encoded.packet)
    result = client.receive()
    _ = result.value  # raises the frame's error, if it has one
    return result


def _measured(
    encoded: Coded[CodedImage], result: FrameResult, message_bits: float, wire_bits: float
) -> dict[str, float]:
    coded, timing = encoded.detail, encoded.timing
    decode_s, task_s = result.timing.entropy_decode_us * 1e-6, result.timing.task_us * 1e-6
    return {
        "estimated_bits": coded.estimated_bits,
        "coded_bits": coded.payload_bits,
        "side_bits": coded.side_bits,
        "packet_bits": coded.packet_bits,
        "message_bits": message_bits,
        "wire_bits": wire_bits,
        "analysis_ms": 1e3 * (timing.seconds("analysis", "hyper")),
        "entropy_encode_ms": 1e3 * timing.seconds("entropy_encode"),
        "wire_ms": 1e3 * max(0.0, result.round_trip_s - decode_s - task_s),
        "entropy_decode_ms": 1e3 * decode_s,
        "synthesis_ms": 1e3 * task_s,
        "total_ms": 1e3 * (timing.total_s + result.round_trip_s),
    }


def _quality(original: UInt8, reconstruction: UInt8) -> tuple[float, float]:
    return psnr_rgb_db(original, reconstruction), ms_ssim_or_nan(original, reconstruction)


def _macs(folder: Path) -> Macs:
    """From the codec's training notes; zeros where they do not say."""
    try:
        notes = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))["macs_per_pixel"]
        return Macs(*(float(notes.get(name, 0.0)) for name in ("g_a", "g_s", "adaptive")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Macs()
