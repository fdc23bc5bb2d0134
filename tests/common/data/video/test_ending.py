"""What a file says of its own length, against what is there; and files that say anything at all."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from support.tiny_clips import panning, write_video

from isthmus.data.video import ending
from isthmus.data.video.ending import UNKNOWN, is_cut_in_time, missing_bytes

KINDS = [
    ("a.mp4", "libx264"),
    ("a.mov", "libx264"),
    ("a.mkv", "libx264"),
    ("a.webm", "libvpx"),
    ("a.avi", "mpeg4"),
    ("a.wmv", "wmv2"),
]


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_what_is_missing(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, panning(4), codec=codec)
    data = path.read_bytes()
    assert missing_bytes(path) == missing_bytes(str(path)) == missing_bytes(io.BytesIO(data)) == 0
    for gone in (2, 50, len(data) // 3):
        assert gone - 1 <= missing_bytes(io.BytesIO(data[:-gone])) or name.endswith((".mp4", ".mov"))
    assert missing_bytes(io.BytesIO(data[: len(data) * 2 // 3])) > 0
    assert missing_bytes(io.BytesIO(data + b"more")) <= 4  # a box is begun, or something is behind


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_any_bytes_at_all(tmp_path: Path, name: str, codec: str) -> None:
    """Cut at every byte, and every byte turned over: a number comes back, and no file makes it long."""
    data = write_video(tmp_path / name, panning(1, 16, 16), codec=codec).read_bytes()
    for at in range(len(data)):
        assert missing_bytes(io.BytesIO(data[:at])) >= UNKNOWN
        spoiled = bytearray(data)
        spoiled[at] ^= 0xFF
        assert missing_bytes(io.BytesIO(spoiled)) >= UNKNOWN


def test_many_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "MAX_BOXES", 10)
    box = (8).to_bytes(4, "big") + b"free"
    assert missing_bytes(io.BytesIO(box * 20 + b"\xff\xff\xff\xffmdat")) == 0


def test_what_says_nothing(tmp_path: Path) -> None:
    assert missing_bytes(write_video(tmp_path / "a.ts", panning(2))) == UNKNOWN
    assert missing_bytes(tmp_path / "none.mp4") == UNKNOWN
    assert missing_bytes(io.BytesIO(b"\x00\x00\x00\x00mdat" + bytes(99))) == 0  # to the end, as a recorder leaves it


@pytest.mark.parametrize(
    ("name", "promised_s", "end_s", "is_cut"),
    [
        ("matroska,webm", 2.4, 1.36, True),
        ("matroska,webm", 2.4, 2.36, False),
        ("mpegts", 2.4, 1.0, False),
        ("ivf", 171798691.8, 2.0, False),
        ("flv", 0.0, 2.0, False),
    ],
)
def test_time(name: str, promised_s: float, end_s: float, is_cut: bool) -> None:
    assert is_cut_in_time(name, promised_s, end_s, 25.0) == is_cut
