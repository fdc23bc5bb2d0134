"""Streams of video as FFmpeg's encoders write them through PyAV, low delay: a packet out for every frame in.

| codec | encoder | what is asked of it |
|---|---|---|
| H.264 | x264 | preset, `tune=zerolatency` (I P P P), constant rate factor |
| H.265 | x265 | the same, `info=0`: the text of its options is not written; one pool, one frame at a time |
| AV1 | SVT-AV1 | preset, constant rate factor, `pred-struct=1` (low delay), `lp=1` |

All: 4:2:0, 25 frames a second, one thread. Every byte of every packet counts but one kind: x264 writes its options as
text into the first packet (supplemental enhancement information, some 700 bytes), which no camera would send;
`without_text` takes it out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

H264, H265, AV1 = "h264", "h265", "av1"
SUPPLEMENTAL = 6  # type of a NAL unit of H.264
_UNIT = re.compile(rb"\x00?\x00\x00\x01(.).*?(?=\x00?\x00\x00\x01|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StreamCodec:
    """An encoder and a decoder of FFmpeg.

    Attributes:
        noun: for people.
        encoder, decoder: their names.
        options: of the encoder, beside preset and constant rate factor.
        decoder_options: so that it holds no frame back.
        stripped: a packet without what no camera would send.
    """

    noun: str
    encoder: str
    decoder: str
    options: Mapping[str, str]
    decoder_options: Mapping[str, str]
    stripped: Callable[[bytes], bytes] = bytes


def without_text(packet: bytes) -> bytes:
    """An H.264 packet (Annex B) without its supplemental enhancement information."""
    return b"".join(unit[0] for unit in _UNIT.finditer(packet) if unit[1][0] & 31 != SUPPLEMENTAL)


STREAM_CODECS: dict[str, StreamCodec] = {
    H264: StreamCodec("H.264", "libx264", "h264", {"tune": "zerolatency"}, {"flags": "low_delay"}, without_text),
    H265: StreamCodec(
        "H.265",
        "libx265",
        "hevc",
        {"tune": "zerolatency", "x265-params": "info=0:log-level=none:pools=none:frame-threads=1"},
        {"flags": "low_delay"},
    ),
    AV1: StreamCodec(
        "AV1",
        "libsvtav1",
        "libdav1d",
        {"svtav1-params": "pred-struct=1:lp=1"},
        {"max_frame_delay": "1", "framethreads": "1", "tilethreads": "1"},
    ),
}


def missing_encoders(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the codecs named whose encoder or decoder this PyAV does not have."""
    try:
        from av import codecs_available
    except ImportError as error:
        raise _needs_pyav() from error
    found = {name: STREAM_CODECS[name] for name in names if name in STREAM_CODECS}
    return tuple(name for name, c in found.items() if not {c.encoder, c.decoder} <= codecs_available)


def encode_stream(
    codec: StreamCodec, preset: str, factor: int, frames: UInt8, key_interval: int
) -> tuple[list[bytes], npt.NDArray[np.bool_], Float64]:
    """A stream of frames uint8 ``[n, height, width, 3]``: packets, which are I frames, and milliseconds ``[n]``.

    Raises:
        MissingDependencyError: without PyAV, or where its FFmpeg lacks the encoder.
        InputError: it gave no packet for a frame.
    """
    context = _context(codec.encoder, "w")
    height, width = frames.shape[1:3]
    # 4:2:0 needs even sides: the border is repeated, and cut away again by the decoder here.
    context.width, context.height = width + width % 2, height + height % 2
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    context.thread_count, context.gop_size = 1, key_interval
    context.options = {"preset": preset, "crf": str(factor), **codec.options}
    packets: list[bytes] = []
    is_key: list[bool] = []
    encode_ms: list[float] = []
    from av import VideoFrame

    for index, pixels in enumerate(frames):
        padded = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        start_s = time.perf_counter()
        frame = VideoFrame.from_ndarray(padded, format="rgb24")
        frame.pts = index
        found = context.encode(frame)
        encode_ms.append(1e3 * (time.perf_counter() - start_s))
        for packet in found:
            is_key.append(packet.is_keyframe)
            packets.append(codec.stripped(bytes(packet)))
    if len(packets) != len(frames) or context.encode(None):
        raise InputError(f"expected a packet for each of {len(frames)} frames of {codec.encoder}, got {len(packets)}")
    return packets, np.array(is_key), np.array(encode_ms)


def decode_stream(codec: StreamCodec, packets: Sequence[bytes], height: int, width: int) -> tuple[UInt8, Float64]:
    """Frames uint8 ``[n, height, width, 3]`` of a stream, and milliseconds ``[n]``. Raises as `encode_stream`."""
    context = _context(codec.decoder, "r")
    context.thread_count = 1
    context.options = dict(codec.decoder_options)
    from av import Packet

    found: list[UInt8] = []
    decode_ms = []
    for data in (*packets, b""):
        start_s = time.perf_counter()
        frames = context.decode(Packet(data) if data else None)
        found += [f.to_ndarray(format="rgb24").astype(np.uint8, copy=False)[:height, :width] for f in frames]
        decode_ms.append(1e3 * (time.perf_counter() - start_s))
    if len(found) != len(packets):
        raise InputError(f"expected {len(packets)} frames of {codec.noun} back, got {len(found)}")
    return np.stack(found), np.array(decode_ms[:-1])


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 tells its settings on standard error, for every stream
    try:
        from av import CodecContext
        from av.codec.codec import UnknownCodecError
        from av.video.codeccontext import VideoCodecContext
    except ImportError as error:
        raise _needs_pyav() from error
    try:
        context = CodecContext.create(name, mode)
    except UnknownCodecError as error:
        raise MissingDependencyError(f"this PyAV has no {name}: leave its codec out of --inputs") from error
    assert isinstance(context, VideoCodecContext)
    return context


def _needs_pyav() -> MissingDependencyError:
    return MissingDependencyError("H.264, H.265 and AV1 need PyAV: pip install 'isthmus[video]'")
