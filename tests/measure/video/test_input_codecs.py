"""H.264, H.265, AV1 and JPEG as ways to send frames."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.measure.video import input_streams
from isthmus.measure.video.input_codecs import InputCodec, code_clip, input_codecs
from isthmus.measure.video.input_streams import STREAM_CODECS, encode_stream, without_text

pytest.importorskip("cv2", reason="OpenCV is not installed (extra `video`)")
pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")


def moving(height: int = 48, width: int = 64, frames: int = 7) -> np.ndarray:
    coarse = np.random.default_rng(3).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    image = np.kron(coarse, np.ones((height // 6 + 1, width // 8 + 1, 1), np.uint8))[:height, :width]
    return moving_clip(np.ascontiguousarray(image), ClipMotion(pan=(0.01, 0.02), reach=math.inf), frames, 0)


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    """Of luma: chroma is halved before it is coded."""
    return 10 * math.log10(255**2 / np.square((a.astype(float) - b) @ (0.299, 0.587, 0.114)).mean())


def test_bits_of_h264_are_the_bytes_of_its_packets() -> None:
    clip, codec = moving(), InputCodec("h264", 25, "veryfast")
    packets, is_key, _ = encode_stream(STREAM_CODECS["h264"], "veryfast", 25, clip, 32)
    coded = code_clip(codec, clip, key_interval=32)
    assert coded.bits.tolist() == [8 * len(p) for p in packets]
    assert is_key.tolist() == coded.is_key.tolist() == [True] + [False] * 6
    assert coded.bits[0] > 2 * coded.bits[1:].mean()


def test_the_text_that_x264_puts_first_is_not_sent() -> None:
    packets, _, _ = encode_stream(STREAM_CODECS["h264"], "veryfast", 30, moving(), 32)
    assert b"x264" not in b"".join(packets)
    kinds = [unit[0] & 31 for unit in packets[0].split(b"\0\0\1")[1:]]
    assert kinds == [7, 8, 5]  # sequence and picture parameters, an I slice


def test_only_text_is_taken_out_of_a_packet() -> None:
    parameters, picture = b"\0\0\0\1\x67abc", b"\0\0\1\x65\0\0\3\1de"
    assert without_text(parameters + b"\0\0\1\x06text" + picture) == parameters + picture
    assert without_text(b"\0\0\1\x06text") == b""


def test_x265_puts_no_text_first() -> None:
    packets, _, _ = encode_stream(STREAM_CODECS["h265"], "medium", 30, moving(), 32)
    assert b"x265" not in b"".join(packets)
    assert len(packets[0]) < 1500


@pytest.mark.parametrize(("codec", "preset"), [("h264", "medium"), ("h265", "medium"), ("av1", "8")])
def test_frames_of_streams_come_back_as_what_they_were(codec: str, preset: str) -> None:
    clip = moving(64, 96)
    fine, rough = (code_clip(InputCodec(codec, factor, preset), clip, 32) for factor in (18, 42))
    assert fine.is_key.tolist() == [True] + [False] * 6
    assert fine.frames.shape == clip.shape
    # Frames move: one that came late or early would be far off.
    assert min(psnr_db(a, b) for a, b in zip(fine.frames, clip, strict=True)) > 28
    assert psnr_db(rough.frames, clip) < psnr_db(fine.frames, clip)
    assert rough.bits.sum() < fine.bits.sum()


def test_odd_sides_come_back_odd() -> None:
    clip = moving(49, 63)
    assert code_clip(InputCodec("h264", 25, "veryfast"), clip, 32).frames.shape == clip.shape


def test_key_frames_come_as_often_as_asked() -> None:
    coded = code_clip(InputCodec("h264", 30, "veryfast"), moving(), key_interval=3)
    assert np.flatnonzero(coded.is_key).tolist() == [0, 3, 6]


def test_the_first_frame_alone_is_an_i_frame_where_asked() -> None:
    codec = InputCodec("h264", 30, "medium", is_long=True)
    often, once = (code_clip(c, moving(), key_interval=3) for c in (InputCodec("h264", 30, "medium"), codec))
    assert np.flatnonzero(once.is_key).tolist() == [0]
    assert once.bits.sum() < often.bits.sum()
    assert codec.family == "H.264 medium, one I frame"
    with pytest.raises(InputError, match="preset"):
        InputCodec("jpeg", 30, is_long=True)


def test_jpeg_frames_stand_alone() -> None:
    clip = moving()
    fine, rough = (code_clip(InputCodec("jpeg", quality), clip, 32) for quality in (90, 10))
    assert fine.is_key.all()
    assert psnr_db(fine.frames, clip) > psnr_db(rough.frames, clip)
    assert (fine.bits > rough.bits).all()


def test_sweeps_hold_the_codecs_named() -> None:
    both = input_codecs(("h264", "jpeg"))
    assert {c.family for c in both} == {"H.264 veryfast", "H.264 medium", "H.264 medium, one I frame", "JPEG"}
    assert len(both) == 34
    assert len(set(both)) == len({codec.name for codec in both}) == 34
    assert len(input_codecs(("h264", "jpeg"), quick=True)) < 13
    assert {c.codec for c in input_codecs(("jpeg",), quick=True)} == {"jpeg"}
    assert InputCodec("jpeg", 40).name == "JPEG, quality 40"
    more = input_codecs(("h264-medium", "h265", "av1"))
    assert {c.family for c in more} == {"H.264 medium", "H.265 medium", "AV1 preset 4"}
    assert all(c.knob == "CRF" for c in more)
    with pytest.raises(InputError, match="vp9"):
        input_codecs(("vp9",))
    with pytest.raises(InputError, match="preset"):
        InputCodec("h264", 30)


def test_encoders_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STREAM_CODECS, "av1", replace(STREAM_CODECS["av1"], encoder="libnone"))
    with pytest.raises(MissingDependencyError, match="no encoder of av1"):
        input_codecs(("jpeg", "av1"))
    assert input_codecs(("jpeg",))
    with pytest.raises(MissingDependencyError, match="no libnone"):
        input_streams.encode_stream(STREAM_CODECS["av1"], "4", 30, moving(), 32)
