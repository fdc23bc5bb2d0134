"""Frames of files, pipes, folders and cameras; and what is refused, or read as far as it goes."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.tiny_clips import damage, panning, write_video

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import Image
from isthmus.data.image.files import write_image
from isthmus.data.video import container
from isthmus.data.video.files import open_video
from isthmus.data.video.formats import is_video_name
from isthmus.data.video.source import SourceFrame


def frames_of(source: Any, **options: Any) -> list[SourceFrame]:
    with open_video(source, **options) as video:
        return list(video)


def read_until_error(source: Any, match: str) -> list[SourceFrame]:
    """The frames before the error that must come."""
    found: list[SourceFrame] = []
    with open_video(source) as video, pytest.raises(InputError, match=match):
        found.extend(frame for frame in video)
    return found


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.264", "libx264"),
        ("a.y4m", "rawvideo"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx-vp9"),
    ],
)
def test_files_and_pipes(tmp_path: Path, name: str, codec: str) -> None:
    pictures = panning(10)
    path = write_video(tmp_path / name, pictures, codec=codec)
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        frames = frames_of(source)
        assert [frame.index for frame in frames] == list(range(10))
        assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(10)], abs=2e-3)
        for frame, pixels in zip(frames, pictures, strict=True):
            assert np.abs(frame.image.pixels.astype(int) - pixels).mean() < 14
            assert frame.vectors is None
    with open_video(path) as video:
        assert (video.name, video.fps, video.is_live) == (str(path), 25.0, False)


def test_names_with_colons_and_spaces(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cache:a b.mp4", panning(3))
    assert len(frames_of(path)) == 3


def test_own_vectors(tmp_path: Path) -> None:
    """x264 has found the pan; its vectors say where each block comes from in the frame before."""
    path = write_video(tmp_path / "a.mp4", panning(8, step=4.0))
    frames = frames_of(path, with_vectors=True)
    assert frames[0].vectors is None
    for frame in frames[2:]:
        assert frame.vectors is not None
        grid, is_known = frame.vectors.grid()
        assert grid.shape == (16, 24, 2)
        assert is_known.mean() > 0.5
        assert np.median(grid[is_known], 0) == pytest.approx((-2, 4), abs=0.5)


def test_no_vectors_where_frames_are_out_of_order(tmp_path: Path) -> None:
    path = tmp_path / "b.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "2", "b-adapt": "0"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for pixels in panning(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    vectors = [frame.vectors for frame in frames_of(path, with_vectors=True)]
    assert len(vectors) == 12
    assert any(v is None for v in vectors[1:])


def test_size_and_fps(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", panning(5))
    frames = frames_of(path, size=(30, 40), fps=10.0)
    assert [frame.image.pixels.shape for frame in frames] == [(30, 40, 3)] * 5
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_upright(tmp_path: Path, turns: int) -> None:
    """A phone held on its side: the file says how its frames are to be turned, counter-clockwise in degrees."""
    pictures = panning(3)
    path = write_video(tmp_path / "a.mp4", pictures, rotation=[0, 90, 180, -90][turns])
    frames = frames_of(path, with_vectors=True)
    for frame, pixels in zip(frames, pictures, strict=True):
        assert np.abs(frame.image.pixels.astype(int) - np.rot90(pixels, turns)).mean() < 14
    assert frames_of(path, size=(20, 50))[0].image.pixels.shape == (20, 50, 3)


def test_a_folder_and_one_image(tmp_path: Path) -> None:
    for index, pixels in enumerate(panning(4)):
        write_image(Image(pixels), tmp_path / f"{index:03d}.png")
    frames = frames_of(tmp_path, fps=5)
    assert [frame.time_s for frame in frames] == [0, 0.2, 0.4, 0.6]
    assert all(np.array_equal(f.image.pixels, p) for f, p in zip(frames, panning(4), strict=True))
    assert len(frames_of(tmp_path / "002.png", size=(10, 12))) == 1
    (tmp_path / "002.png").write_bytes(b"oops")
    assert len(read_until_error(tmp_path, "002.png: expected an image")) == 2


def test_a_cut_file(tmp_path: Path) -> None:
    """What is there is read, and then the file is said to be cut."""
    data = write_video(tmp_path / "a.mp4", panning(30)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    found = read_until_error(tmp_path / "cut.mp4", "cut.mp4: expected")
    assert 3 < len(found) < 30
    (tmp_path / "cut.mp4").write_bytes(data[:40])
    with pytest.raises(InputError, match=r"cut\.mp4: expected a stream of video, got none at all"):
        open_video(tmp_path / "cut.mp4")


def test_a_damaged_file(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "bad.mp4", panning(20)))
    found = read_until_error(path, "bad.mp4: expected a whole video, got .* damaged pieces")
    assert 3 < len(found) < 20
    assert [frame.index for frame in found] == list(range(len(found)))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.mp4", b"", "expected a video that FFmpeg reads"),
        ("noise.mp4", np.random.default_rng(0).bytes(5000), "expected a video that FFmpeg reads"),
        ("words.mp4", b"hello\n" * 500, "expected a video that FFmpeg reads"),
        ("words.txt", b"hello\n" * 500, "expected a video, got text"),
    ],
)
def test_no_video(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=says) as told:
        open_video(path)
    assert name in str(told.value)
    with pytest.raises(InputError, match="standard input: expected"):
        open_video(io.BytesIO(data))


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"a\.wav: expected a stream of video, got audio"):
        open_video(path)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", panning(2))
    monkeypatch.setattr(container, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="at most 1000 pixels, got 96 x 64"):
        open_video(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"fps": 0.001}, "fps: expected"), ({"fps": -1.0}, "fps: expected"), ({"size": (0, 5)}, "size: expected")],
)
def test_arguments(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        open_video(tmp_path, **options)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mp4: expected a file"):
        open_video(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="expected image files"):
        open_video(tmp_path)
    with pytest.raises(InputError, match="camera:99: expected a camera"):
        open_video("camera:99")


class FakeCapture:
    """A camera of three frames, blue as OpenCV says it."""

    def __init__(self, number: int) -> None:
        self.left, self.number = 3, number

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, _: int) -> float:
        return 0.0

    def set(self, _: int, value: float) -> None:
        self.fps = value

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        blue = np.zeros((20, 30, 3), np.uint8)
        blue[..., 0] = 200
        return self.left >= 0, blue

    def release(self) -> None:
        self.left = 0


def test_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.VideoCapture", FakeCapture)
    with open_video("camera:0", fps=12.0, size=(10, 15)) as video:
        assert (video.is_live, video.fps, video.name) == (True, 12.0, "camera:0")
        frames = list(video)
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert frames[0].image.pixels.shape == (10, 15, 3)
    assert frames[0].image.pixels[0, 0].tolist() == [0, 0, 200]
    assert frames[0].time_s <= frames[1].time_s <= frames[2].time_s


def test_a_camera_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gave is given; then its thread is left alone, as nothing can wake it."""
    wakes = threading.Event()

    class Stalling(FakeCapture):
        def read(self) -> tuple[bool, Any]:
            if self.left == 1:
                wakes.wait(10)
            return super().read()

    monkeypatch.setattr("cv2.VideoCapture", Stalling)
    found: list[int] = []
    with open_video("camera:0", wait_s=0.2) as video, pytest.raises(InputError, match=r"nothing for 0\.2 seconds"):
        found.extend(frame.index for frame in video)
    assert found == [0, 1]
    wakes.set()


@pytest.mark.parametrize("package", ["av", "cv2"])
def test_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    path = write_video(tmp_path / "a.mp4", panning(2))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'isthmus\[video\]'"):
        open_video(path if package == "av" else "camera:0")


def test_names() -> None:
    assert all(is_video_name(name) for name in ("a.mp4", "B.MKV", "x.y4m", "a.264", "camera:0"))
    assert not any(is_video_name(name) for name in ("a.png", "a.npy", "-", "camera:x", "0", "mp4"))
