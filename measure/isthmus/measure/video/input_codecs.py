"""The other way to use a cloud: frames as an input codec writes them, decoded there and classified by a whole network.

H.264 is x264 through PyAV, as a camera with no time to spare would run it: `tune=zerolatency` (no frame waits for a
later one: I P P P), constant rate factor, one thread, two efforts; an I frame as often as our key frames, or the first
alone, which is what a stream that loses nothing can do, and the cheapest. Every byte
of every packet counts but one kind: x264 writes its options as text into the first packet (a message of supplemental
enhancement information, some 700 bytes), which no camera would send; `without_text` takes it out. JPEG is Pillow's
with optimised Huffman tables and halved chroma, each frame a whole file.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.common.errors import InputError, MissingDependencyError

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

H264, JPEG = "h264", "jpeg"
H264_SWEEPS = (
    ("veryfast", False, (14, 18, 21, 25, 30, 34, 38, 42, 46, 50)),
    ("medium", False, (10, 14, 18, 21, 25, 30, 36, 42, 48)),
    ("medium", True, (10, 14, 18, 21, 25, 30, 36, 42, 48)),
)
"""Preset, whether the first frame alone is an I frame, and the constant rate factors swept."""
JPEG_QUALITIES = (6, 12, 25, 50, 75, 92)
SUPPLEMENTAL = 6  # type of a NAL unit
_UNIT = re.compile(rb"\x00?\x00\x00\x01(.).*?(?=\x00?\x00\x00\x01|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class InputCodec:
    """One setting of an input codec.

    Attributes:
        codec: `h264` or `jpeg`.
        setting: constant rate factor, or quality.
        preset: of x264; empty for JPEG.
        is_long: whether the first frame alone is an I frame (but for scene cuts that x264 finds).
    """

    codec: str
    setting: int
    preset: str = ""
    is_long: bool = False

    def __post_init__(self) -> None:
        if (
            self.codec not in (H264, JPEG)
            or (self.codec == H264) != bool(self.preset)
            or self.is_long > bool(self.preset)
        ):
            raise InputError(f"expected h264 with a preset or jpeg without, got {self}")

    @property
    def family(self) -> str:
        """Of the curve that this is a point of."""
        if self.codec == JPEG:
            return "JPEG"
        return f"H.264 {self.preset}{', one I frame' if self.is_long else ''}"

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.family}, {self.setting_name}"

    @property
    def setting_name(self) -> str:
        """``CRF 30``, or ``quality 40``."""
        return f"{'CRF' if self.codec == H264 else 'quality'} {self.setting}"


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
    """The sweep of each codec named; every third setting where `quick`."""
    unknown = [name for name in names if name not in (H264, JPEG)]
    if unknown:
        raise InputError(f"expected input codecs among {H264}, {JPEG}, got {', '.join(unknown)}")
    found: list[InputCodec] = []
    if H264 in names:
        for preset, is_long, factors in H264_SWEEPS:
            found += [InputCodec(H264, factor, preset, is_long) for factor in (factors[::3] if quick else factors)]
    if JPEG in names:
        found += [InputCodec(JPEG, quality) for quality in (JPEG_QUALITIES[::3] if quick else JPEG_QUALITIES)]
    return tuple(found)


def code_clip(codec: InputCodec, frames: UInt8, key_interval: int) -> CodedClip:
    """Encode and decode a clip, uint8 ``[frames, height, width, 3]``.

    Raises:
        MissingDependencyError: H.264 without PyAV.
    """
    if codec.codec == JPEG:
        return _code_jpeg(codec.setting, frames)
    packets, is_key, encode_ms = bitstream_packets(codec, frames, key_interval)
    decoded, decode_ms = _decode_h264(packets, *frames.shape[1:3])
    return CodedClip(decoded, np.array([8.0 * len(p) for p in packets]), is_key, encode_ms, decode_ms)


def bitstream_packets(
    codec: InputCodec, frames: UInt8, key_interval: int
) -> tuple[list[bytes], npt.NDArray[np.bool_], Float64]:
    """An H.264 stream (Annex B) of frames ``[n, height, width, 3]``: packets, which are I, and milliseconds ``[n]``."""
    try:
        import av
        from av.video.codeccontext import VideoCodecContext
    except ImportError as error:
        raise MissingDependencyError("H.264 needs PyAV: pip install 'isthmus[video]'") from error
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    height, width = frames.shape[1:3]
    # 4:2:0 needs even sides: the border is repeated, and cut away again by the decoder here.
    context.width, context.height = width + width % 2, height + height % 2
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    context.thread_count, context.gop_size = 1, len(frames) if codec.is_long else key_interval
    context.options = {"preset": codec.preset, "tune": "zerolatency", "crf": str(codec.setting)}
    packets: list[bytes] = []
    is_key: list[bool] = []
    encode_ms: list[float] = []
    for index, pixels in enumerate(frames):
        padded = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        start_s = time.perf_counter()
        frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
        frame.pts = index
        found = context.encode(frame)
        encode_ms.append(1e3 * (time.perf_counter() - start_s))
        for packet in found:
            is_key.append(packet.is_keyframe)
            packets.append(without_text(bytes(packet)))
    if len(packets) != len(frames) or context.encode(None):
        raise InputError(f"expected a packet for each of {len(frames)} frames from x264, got {len(packets)}")
    return packets, np.array(is_key), np.array(encode_ms)


def without_text(packet: bytes) -> bytes:
    """An H.264 packet (Annex B) without its supplemental enhancement information."""
    return b"".join(unit[0] for unit in _UNIT.finditer(packet) if unit[1][0] & 31 != SUPPLEMENTAL)


def _decode_h264(packets: Sequence[bytes], height: int, width: int) -> tuple[UInt8, Float64]:
    import av
    from av.video.codeccontext import VideoCodecContext

    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    context.options = {"flags": "low_delay"}
    found: list[UInt8] = []
    decode_ms = []
    for data in (*packets, b""):
        start_s = time.perf_counter()
        frames = context.decode(av.Packet(data) if data else None)
        found += [f.to_ndarray(format="rgb24").astype(np.uint8, copy=False)[:height, :width] for f in frames]
        decode_ms.append(1e3 * (time.perf_counter() - start_s))
    if len(found) != len(packets):
        raise InputError(f"expected {len(packets)} frames of H.264 back, got {len(found)}")
    return np.stack(found), np.array(decode_ms[:-1])


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
