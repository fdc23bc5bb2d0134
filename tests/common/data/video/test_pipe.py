"""Bytes as they come, frames at most two behind, MP4 that must be sought in; and sources that fall silent."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
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


class Pieces(io.RawIOBase):
    """A stream that gives one piece a read, and counts them."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__()
        self.given = 0
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        if not self._rest and self.given < len(self._pieces):
            self._rest = self._pieces[self.given]
            self.given += 1
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def test_a_decoder_that_waits_for_b_frames_need_not() -> None:
    """MPEG-2's does, be there any or not; asked for low delay it is a frame earlier."""
    file = io.BytesIO()
    pieces: list[bytes] = []
    with av.open(file, "w", format="mpegts", options={"flush_packets": "1"}) as film:
        stream: Any = film.add_stream("mpeg2video", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.max_b_frames = 64, 96, "yuv420p", 0
        for frame in from_pictures(panning(30)):
            film.mux(stream.encode(frame))
            pieces.append(file.getvalue()[sum(map(len, pieces)) :])

    def behind(low_delay: bool) -> int:
        source = Pieces(pieces)
        with open_video(cast(BinaryIO, source), low_delay=low_delay) as video:
            return next(source.given - frame.index for frame in video if frame.index == 15)

    assert behind(low_delay=True) == behind(low_delay=False) - 1


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.ts", "libx264"),
        ("a.264", "libx264"),
        ("a.mkv", "libx265"),
        ("a.ts", "mpeg2video"),
        ("a.avi", "mpeg4"),
    ],
)
def test_no_frame_comes_in_another_order_for_the_sake_of_delay(tmp_path: Path, name: str, codec: str) -> None:
    pictures = panning(12)
    path = write_video(tmp_path / name, pictures, codec=codec, b_frames=2)
    with open_video(path) as video:
        whole = [frame.image.pixels for frame in video]
    assert len(whole) == 12
    seen: list[SourceFrame] = []
    with (
        open_video(path, low_delay=True) as video,
        pytest.raises(InputError, match=r"without B-frames for --low-delay, got .*zerolatency"),
    ):
        seen.extend(video)
    for frame in seen:  # before the first B-frame, what it is shown before may have come
        assert np.array_equal(frame.image.pixels, whole[round(frame.time_s * 25)])


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.264"])
def test_without_b_frames_nothing_is_missing(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, panning(12))
    with open_video(path) as video, open_video(path, low_delay=True) as quick:
        whole = [frame.image.pixels for frame in video]
        assert np.array_equal([frame.image.pixels for frame in quick], whole)
    assert len(whole) == 12


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
