"""Bytes as they come, frames at most two behind, MP4 that must be sought in; and sources that fall silent."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from support.odd_clips import from_pictures
from support.tiny_clips import panning, write_video

from isthmus.common.errors import InputError
from isthmus.data.video import pipe
from isthmus.data.video.files import open_video
from isthmus.data.video.patience import PatientVideo
from isthmus.data.video.pipe import PipeReader
from isthmus.data.video.source import Closing, SourceFrame, VideoSource


@pytest.mark.parametrize(
    ("container", "codec", "behind"), [("mpegts", "libx264", 2), ("h264", "libx264", 1), ("mjpeg", "mjpeg", 1)]
)
def test_a_live_pipe_is_at_most_two_frames_behind(container: str, codec: str, behind: int) -> None:
    """Each frame is only sent once the one `behind` it has come out: more delay than that, and nothing moves."""
    reading, writing = os.pipe()
    came = threading.Semaphore(behind + 1)
    is_late: list[int] = []

    def send() -> None:
        with (
            io.FileIO(writing, "w") as into,
            av.open(into, "w", format=container, options={"flush_packets": "1"}) as film,
        ):
            options = {"tune": "zerolatency", "preset": "ultrafast"} if codec == "libx264" else {}
            stream: Any = film.add_stream(codec, rate=25, options=options)
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for index, frame in enumerate(from_pictures(panning(20))):
                if not came.acquire(timeout=5):
                    is_late.append(index)
                    break
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))

    sender = threading.Thread(target=send)
    sender.start()
    shown = None if container == "mpegts" else container
    with io.FileIO(reading) as given, open_video(given, format=shown) as video:
        times = []
        for frame in video:
            times.append(frame.time_s)
            came.release()
    sender.join()
    assert not is_late
    assert times == pytest.approx([i / 25 for i in range(20)], abs=2e-3)
    assert video.fps == 25


def test_a_reader_gives_what_is_there() -> None:
    reading, writing = os.pipe()
    with io.FileIO(reading) as given:
        reader = PipeReader(given, "a pipe")
        os.write(writing, b"abcdef")
        assert reader.peek(2) == b"ab"
        assert reader.read(4) == b"ab"
        assert reader.read(100) == b"cdef"
        assert reader.heard_s > 0
        threading.Timer(0.05, reader.stop).start()
        assert reader.read(100) == b""  # it was told to stop
        os.close(writing)
    assert not reader.seekable()


def test_an_mp4_too_large_to_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_video(tmp_path / "a.mov", panning(5)).read_bytes()
    monkeypatch.setattr(pipe, "MAX_SPOOLED_BYTES", 100)
    with pytest.raises(InputError, match=r"index in front.*faststart"):
        open_video(io.BytesIO(data))


def test_a_file_behind_standard_input(tmp_path: Path) -> None:
    """`isthmus edge - < clip.mov`: that can be sought in."""
    path = write_video(tmp_path / "a.mov", panning(5))
    with io.FileIO(path) as given, open_video(given) as video:
        assert len(list(video)) == 5


class Silent(Closing):
    """Some frames, and then nothing until it is told to stop."""

    fps, is_live, name = 25.0, True, "silent"

    def __init__(self, path: Path) -> None:
        self.stopped = threading.Event()
        self.is_closed = False
        self._path = path

    def __iter__(self) -> Iterator[SourceFrame]:
        with open_video(self._path) as video:
            yield from video
        self.stopped.wait()

    def close(self) -> None:
        self.is_closed = True


def test_silence(tmp_path: Path) -> None:
    source = Silent(write_video(tmp_path / "a.ts", panning(3)))
    looks: list[float] = []
    video = PatientVideo(
        "silent", lambda: source, 0.2, stop=source.stopped.set, while_waiting=lambda: looks.append(time.monotonic())
    )
    frames = iter(video)
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match=r"silent: expected another frame, got nothing for 0\.2 seconds"):
        next(frames)
    assert len(looks) > 3
    video.close()
    video.close()
    assert source.is_closed


def test_an_opening_that_fails() -> None:
    def fails() -> VideoSource:
        raise InputError("no such thing")

    with pytest.raises(InputError, match="no such thing"):
        PatientVideo("x", fails, 0.0)
