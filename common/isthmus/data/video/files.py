"""Frames of videos, one after another with their times: files, pipes, folders of images, and cameras.

Files and pipes are read with PyAV (FFmpeg), cameras with OpenCV; both are of the extra `video`, and loaded when first
needed. Frames come out upright, as 8-bit sRGB, in the order in which they are shown, and at most one is held in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE, Image
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.image.formats import is_image_name
from isthmus.data.video.container import ContainerVideo
from isthmus.data.video.formats import CAMERA
from isthmus.data.video.libraries import import_av, import_cv2
from isthmus.data.video.source import DEFAULT_FPS, MAX_FPS, MIN_FPS, Closing, SourceFrame, VideoSource, told_fps


def open_video(
    source: str | Path | BinaryIO,
    *,
    size: tuple[int, int] | None = None,
    fps: float = 0.0,
    with_vectors: bool = False,
    format: str | None = None,  # noqa: A002
) -> VideoSource:
    """The frames of a video.

    Args:
        source: a file that PyAV reads, a folder of images (sorted by path), an image (one frame), a binary stream (a
            pipe: `sys.stdin.buffer`), an address with a scheme ("rtsp://..."), or a camera ("camera:0").
        size: height and width that frames are scaled to; None for their own.
        fps: frames a second to count times by; 0 for the source's own times.
        with_vectors: whether to give the motion vectors that the video carries, where it does.
        format: FFmpeg's name of the format, for streams that do not show it ("h264"); None to look.

    Raises:
        InputError: no such source, or one that is no video; the message names it.
        MissingDependencyError: PyAV, or OpenCV for a camera, is not installed.
    """
    if fps and not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(f"fps: expected {MIN_FPS:g} to {MAX_FPS:g} frames a second, got {fps:g}")
    if size is not None and (min(size) < 1 or max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS):
        raise InputError(f"size: expected height and width of 1 to {MAX_SIDE} pixels, got {size[0]} x {size[1]}")
    if isinstance(source, str) and (found := CAMERA.fullmatch(source)):
        return CameraVideo(int(found[1]), size, fps)
    if isinstance(source, str | Path) and "://" not in str(source):
        path = Path(source)
        if path.is_dir() or (path.is_file() and is_image_name(path)):
            return FolderVideo(path, size, fps)
        if not path.exists():
            raise InputError(f"{path}: expected a file, a folder of images or camera:0, got a path where nothing is")
    return ContainerVideo(source, size, fps, with_vectors=with_vectors, format_name=format)


class FolderVideo(Closing):
    """Images as frames, sorted by path; see `open_video`, which makes it."""

    def __init__(self, path: Path, size: tuple[int, int] | None, fps: float) -> None:
        """Find the images."""
        self.name = str(path)
        self.fps = fps or DEFAULT_FPS
        self.is_live = False
        self._size = size
        self._paths = image_paths([path])

    def __iter__(self) -> Iterator[SourceFrame]:
        """The images; InputError at one that cannot be read."""
        for index, path in enumerate(self._paths):
            pixels = read_image(path).pixels
            if self._size is not None and pixels.shape[:2] != self._size:
                frame = import_av().VideoFrame.from_ndarray(pixels, "rgb24")
                pixels = frame.reformat(self._size[1], self._size[0], interpolation="AREA").to_ndarray()
            yield SourceFrame(Image(pixels), index, index / self.fps)


class CameraVideo(Closing):
    """A camera of this machine; see `open_video`, which makes it."""

    def __init__(self, number: int, size: tuple[int, int] | None, fps: float) -> None:
        """Open the device."""
        self._cv2 = import_cv2()
        self.name = f"camera:{number}"
        self.is_live = True
        self._size = size
        self._capture = self._cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise InputError(f"{self.name}: expected a camera, got none that opens; is it in use, or another number?")
        if fps:
            self._capture.set(self._cv2.CAP_PROP_FPS, fps)
        self.fps = told_fps(fps, float(self._capture.get(self._cv2.CAP_PROP_FPS)))

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()

    def __iter__(self) -> Iterator[SourceFrame]:
        """Frames until the camera gives no more."""
        start_s = time.perf_counter()
        index = 0
        while True:
            is_read, bgr = self._capture.read()
            if not is_read:
                if not index:
                    raise InputError(f"{self.name}: expected frames, got none; is the camera in use?")
                return
            if self._size is not None and bgr.shape[:2] != self._size:
                bgr = self._cv2.resize(bgr, self._size[::-1], interpolation=self._cv2.INTER_AREA)
            time_s = time.perf_counter() - start_s
            yield SourceFrame(Image(self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)), index, time_s)
            index += 1
