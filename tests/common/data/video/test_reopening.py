"""Cameras on the network, which end, break off and fall silent: RTSP from another project's server, and HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from support.rtsp_camera import free_port, rtsp_camera
from support.tiny_clips import UInt8, panning, write_video

from isthmus.common.errors import InputError
from isthmus.data.video import reopening
from isthmus.data.video.files import open_video
from isthmus.data.video.reopening import ReopenedVideo
from isthmus.data.video.source import Closing, SourceFrame, VideoSource

FRAMES = 8


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "FIRST_WAIT_S", 0.05)


def read(path: Path | str) -> list[SourceFrame]:
    with open_video(path) as video:
        return list(video)


def pixels(frames: Sequence[SourceFrame]) -> list[UInt8]:
    return [frame.image.pixels for frame in frames]


# --- RTSP


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_an_rtsp_camera_gives_the_frames_of_its_film(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "clip.mp4", panning(FRAMES), codec=codec)
    port = free_port()
    with rtsp_camera(tmp_path, port), open_video(f"rtsp://127.0.0.1:{port}/clip.mp4", wait_s=60) as video:
        assert video.is_live
        assert video.fps == 25
        frames = list(video)
    assert np.array_equal(pixels(frames), pixels(read(path)))
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(FRAMES)], abs=1e-3)
    assert not any(frame.gap for frame in frames)


@pytest.mark.slow
def test_an_rtsp_camera_that_ends_and_dies(tmp_path: Path) -> None:
    """It ends after each film, then is killed in the midst of one, comes back, and goes for good."""
    film = pixels(read(write_video(tmp_path / "clip.mp4", panning(FRAMES))))
    write_video(tmp_path / "long.mp4", panning(250))
    port = free_port()
    address = f"rtsp://127.0.0.1:{port}/clip.mp4"
    with rtsp_camera(tmp_path, port), open_video(address, wait_s=60, reconnects=3) as video:
        frames = list(islice(video, 2 * FRAMES + 2))
    assert np.array_equal(pixels(frames), (film * 3)[: len(frames)])
    assert [frame.index for frame in frames if frame.gap] == [FRAMES, 2 * FRAMES]
    assert frames[FRAMES].gap == "expected a source that goes on, it ended"
    assert [frame.index for frame in frames] == list(range(len(frames)))
    times = [frame.time_s for frame in frames]
    assert times == sorted(times)
    assert times[FRAMES] > times[FRAMES - 1] + 0.05
    with rtsp_camera(tmp_path, port) as camera:
        video = open_video(f"rtsp://127.0.0.1:{port}/long.mp4", wait_s=60, reconnects=50)
        live = iter(video)
        next(live)
        camera.kill()
        camera.wait()
    with rtsp_camera(tmp_path, port), video:
        again = next(frame for frame in live if frame.gap)
        assert 0 < again.index < 250


# --- HTTP


@contextmanager
def http_camera(films: Sequence[bytes], *, stalls: bool = False) -> Iterator[str]:
    """Sends one of these to each who comes, and then hangs up, or nothing more; after the last it listens no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            held = []
            for film in films:
                connection, _ = server.accept()
                connection.recv(1 << 16)
                length = b"" if stalls else b"Content-Length: %d\r\n" % len(film)  # or its end is an error to FFmpeg
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n%s\r\n%s" % (length, film))
                held.append(connection)
                if not stalls:
                    connection.close()
            server.close()
            done.wait()
            for connection in held:
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/live.ts"
        done.set()
        thread.join()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clips") / "clip.ts", panning(FRAMES)).read_bytes()


def test_what_hangs_up_is_opened_again_and_then_given_up(film: bytes) -> None:
    frames: list[SourceFrame] = []
    with (
        http_camera([film, film]) as address,
        open_video(address, reconnects=2) as video,
        pytest.raises(InputError, match=r"tried again 2 times in a row \(--reconnect\)"),
    ):
        frames.extend(video)
    assert [frame.index for frame in frames] == list(range(2 * FRAMES))
    assert [frame.index for frame in frames if frame.gap] == [FRAMES]


def test_without_being_asked_it_is_not(film: bytes) -> None:
    with http_camera([film]) as address:
        assert len(read(address)) == FRAMES


def test_what_falls_silent_is_opened_again(film: bytes) -> None:
    with (
        http_camera([film, film], stalls=True) as address,
        open_video(address, reconnects=1, wait_s=1) as video,
    ):
        gaps = (frame.gap for frame in video if frame.gap)
        assert "got nothing for 1 seconds" in next(gaps)


def test_an_address_where_nobody_is_fails_at_once() -> None:
    with pytest.raises(InputError, match="refused"):
        open_video(f"http://127.0.0.1:{free_port()}/live.ts", reconnects=9)


# --- any


class Scripted(Closing):
    """Gives so many frames, then ends or breaks off."""

    name, fps, is_live = "camera", 25.0, True

    def __init__(self, count: int, error: InputError | None = None) -> None:
        self._count, self._error = count, error
        self.is_closed = False

    def __iter__(self) -> Iterator[SourceFrame]:
        from isthmus.common.signals import Image

        for index in range(self._count):
            yield SourceFrame(Image(np.zeros((8, 8, 3), np.uint8)), index, index / 25)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.is_closed = True


def test_waits_double_and_frames_set_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    broken = InputError("camera: broken pipe")
    script: list[Scripted | InputError] = [
        *(Scripted(2), broken, broken, Scripted(0), broken, Scripted(1, broken), broken),
        *[broken] * 6,
    ]
    left, opened, waits = iter(script), [], [0.0]

    def open_source() -> VideoSource:
        waits.append(0.0)
        source = next(left)
        if isinstance(source, InputError):
            raise source
        opened.append(source)
        return source

    def sleep(wait_s: float) -> None:
        waits[-1] += wait_s

    looks: list[float] = []
    video = ReopenedVideo("camera", open_source, 6, while_waiting=lambda: looks.append(time.monotonic()), sleep=sleep)
    frames: list[SourceFrame] = []
    with pytest.raises(InputError, match=r"^camera: broken pipe; tried again 6 times"):
        frames.extend(video)
    assert [frame.gap for frame in frames] == ["", "", "expected a source that goes on, it ended"]
    assert waits[1:] == pytest.approx([0.5, 1, 2, 4, 8, 0.5, 1, 2, 4, 8, 10, 0], abs=1e-6)
    assert len(looks) > 100
    assert all(source.is_closed for source in opened)
