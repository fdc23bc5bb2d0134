"""The other way to use a cloud: frames as an input codec writes them, decoded there and classified by a whole network.

H.264, H.265 and AV1 are streams as a camera with no time to spare would write them, by settings of
`isthmus.measure.video.input_streams`, with an I frame as often as our key frames, or the first alone, which is what a
stream that loses nothing can do, and the cheapest. JPEG is Pillow's with optimised Huffman tables and halved chroma,
each frame a file.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.measure.video.input_streams import (
    AV1,
    H264,
    H265,
    STREAM_CODECS,
    decode_stream,
    encode_stream,
    missing_encoders,
)

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

JPEG = "jpeg"
SWEEPS: Mapping[str, tuple[tuple[str, str, bool, tuple[int, ...]], ...]] = {
    "h264": (
        (H264, "veryfast", False, (14, 18, 21, 25, 30, 34, 38, 42, 46, 50)),
        (H264, "medium", False, (10, 14, 18, 21, 25, 30, 36, 42, 48)),
        (H264, "medium", True, (10, 14, 18, 21, 25, 30, 36, 42, 48)),
    ),
    "h264-medium": ((H264, "medium", False, (14, 18, 20, 23, 28)),),
    "h265": ((H265, "medium", False, (18, 23, 28)),),
    "av1": ((AV1, "4", False, (18, 30, 42)),),
    JPEG: ((JPEG, "", False, (6, 12, 25, 50, 75, 92)),),
}
"""By the word that asks for it: codec, preset, whether the first frame alone is an I frame, and what is swept."""


@dataclass(frozen=True, slots=True)
class InputCodec:
    """One setting of an input codec.

    Attributes:
        codec: `h264`, `h265`, `av1` or `jpeg`.
        setting: constant rate factor, or quality.
        preset: of the encoder; empty for JPEG.
        is_long: whether the first frame alone is an I frame (but for scene cuts that the encoder finds).
    """

    codec: str
    setting: int
    preset: str = ""
    is_long: bool = False

    def __post_init__(self) -> None:
        is_stream = self.codec in STREAM_CODECS
        if (self.codec != JPEG and not is_stream) or is_stream != bool(self.preset) or self.is_long > is_stream:
            raise InputError(f"expected {', '.join(STREAM_CODECS)} with a preset or jpeg without, got {self}")

    @property
    def family(self) -> str:
        """Of the curve that this is a point of."""
        if self.codec == JPEG:
            return "JPEG"
        words = f"preset {self.preset}" if self.preset.isdigit() else self.preset
        return f"{STREAM_CODECS[self.codec].noun} {words}{', one I frame' if self.is_long else ''}"

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.family}, {self.setting_name}"

    @property
    def setting_name(self) -> str:
        """``CRF 30``, or ``quality 40``."""
        return f"{self.knob} {self.setting}"

    @property
    def knob(self) -> str:
        """What is turned: ``CRF`` or ``quality``."""
        return "quality" if self.codec == JPEG else "CRF"


@dataclass(frozen=True, slots=True, eq=False)
class CodedClip:
    """A clip that went through an input codec.

    Attributes:
        frames: as decoded, uint8 [frames, height, width, 3].
        bits: float64 [frames], of each frame's packet or file.
        is_key: bool [frames], whether a frame was coded on its own.
        encode_ms: float64 [frames].
        decode_ms: float64 [frames].
    """

    frames: UInt8
    bits: Float64
    is_key: npt.NDArray[np.bool_]
    encode_ms: Float64
    decode_ms: Float64


def input_codecs(names: Sequence[str], *, quick: bool = False) -> tuple[InputCodec, ...]:
    """The sweep of each codec named; every third setting where `quick`.

    Raises:
        InputError: a name that is none.
        MissingDependencyError: an encoder that this PyAV does not have.
    """
    unknown = [name for name in names if name not in SWEEPS]
    if unknown:
        raise InputError(f"expected input codecs among {', '.join(SWEEPS)}, got {', '.join(unknown)}")
    sweeps = [sweep for name in names for sweep in SWEEPS[name]]
    streams = [codec for codec, *_ in sweeps if codec in STREAM_CODECS]
    if streams and (missing := missing_encoders(streams)):
        raise MissingDependencyError(f"this PyAV has no encoder of {', '.join(missing)}: leave it out of --inputs")
    return tuple(
        InputCodec(codec, setting, preset, is_long)
        for codec, preset, is_long, settings in sweeps
        for setting in (settings[::3] if quick else settings)
    )


def code_clip(codec: InputCodec, frames: UInt8, key_interval: int) -> CodedClip:
    """Encode and decode a clip, uint8 ``[frames, height, width, 3]``. Raises as `encode_stream`."""
    if codec.codec == JPEG:
        return _code_jpeg(codec.setting, frames)
    stream = STREAM_CODECS[codec.codec]
    interval = len(frames) if codec.is_long else key_interval
    packets, is_key, encode_ms = encode_stream(stream, codec.preset, codec.setting, frames, interval)
    decoded, decode_ms = decode_stream(stream, packets, *frames.shape[1:3])
    return CodedClip(decoded, np.array([8.0 * len(p) for p in packets]), is_key, encode_ms, decode_ms)


def _code_jpeg(quality: int, frames: UInt8) -> CodedClip:
    bits, encode_ms, decode_ms, found = [], [], [], []
    for pixels in frames:
        start_s = time.perf_counter()
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
        middle_s = time.perf_counter()
        found.append(np.asarray(PIL.Image.open(file).convert("RGB")))
        encode_ms.append(1e3 * (middle_s - start_s))
        decode_ms.append(1e3 * (time.perf_counter() - middle_s))
        bits.append(8.0 * len(file.getvalue()))
    every = np.ones(len(frames), np.bool_)
    return CodedClip(np.stack(found), np.array(bits), every, np.array(encode_ms), np.array(decode_ms))
