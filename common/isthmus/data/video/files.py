"""Frames of videos, one after another with their times: files, pipes, folders of images, and cameras.

Files and pipes are read with PyAV (FFmpeg), cameras with OpenCV; both are of the extra `video`, and loaded when first
needed. Frames come out upright, as 8-bit sRGB, in the order in which they are shown, and at most one is held in memory.

Damage: what cannot be decoded is passed over, what can be is given, and in the end an `InputError` says what was
missing. A file that is cut where its container cannot tell (y4m, raw H.264) just ends earlier, and of damage that a
decoder conceals by itself nobody hears.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE, Image, VideoFrame
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.image.formats import is_image_name
from isthmus.data.video.codec_vectors import CodecVectors, vectors_of
from isthmus.data.video.formats import CAMERA

if TYPE_CHECKING:
    from av import VideoFrame as AvFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

DEFAULT_FPS = 25.0
"""Of frames that say nothing of time: folders of images, and raw streams without timing."""

MIN_FPS, MAX_FPS = 0.01, 1000.0

TEXT_FORMATS = ("tty",)
"""What FFmpeg would draw as pictures of text."""

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame(VideoFrame):
    """A frame as its source gives it; `index` counts all frames of the source from 0.

    Attributes:
        time_s: when it is to be shown, from the first frame on; never falls.
        vectors: the compressed video's own motion vectors, in pixels of this frame, or None.
    """

    time_s: float = 0.0
    vectors: CodecVectors | None = None


class VideoSource(Protocol):
    """Where frames come from: iterate it once, then close it.

    Attributes:
        name: for messages.
        fps: frames a second, as far as the source knows.
        is_live: whether frames come in their own time and wait for nobody.
    """

    name: str
    fps: float
    is_live: bool

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames. InputError at what cannot be read, after all that could be."""

    def close(self) -> None:
        """Let go of the file or the device. May be called again."""

    def __enter__(self) -> Self:
        """The source."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


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
    return FileVideo(source, size, fps, with_vectors=with_vectors, format_name=format)


class _Closing:
    """Closing at the end of a `with`."""

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FileVideo(_Closing):
    """A file or stream that PyAV reads; see `open_video`, which makes it."""

    def __init__(
        self,
        source: str | Path | BinaryIO,
        size: tuple[int, int] | None,
        fps: float,
        *,
        with_vectors: bool,
        format_name: str | None,
    ) -> None:
        """Open the container and its first stream of video."""
        av = import_av()
        self.name = str(source) if isinstance(source, str | Path) else "standard input"
        self.is_live = "://" in self.name
        self._size, self._wanted_fps, self._with_vectors = size, fps, with_vectors
        # A colon in a file's name would make FFmpeg take what stands before it for a protocol.
        url = self.name if self.is_live else f"file:{self.name}"
        opened: Any = url if isinstance(source, str | Path) else _Reader(source)
        try:
            self._container: InputContainer = av.open(opened, "r", format=format_name, metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise InputError(f"{self.name}: expected a video that FFmpeg reads: {_said(error)}") from error
        try:
            self._stream = self._first_stream()
        except InputError:
            self._container.close()
            raise
        own = self._stream.average_rate or self._stream.guessed_rate
        own_fps = float(own) if own else DEFAULT_FPS
        self.fps = fps or (own_fps if MIN_FPS <= own_fps <= MAX_FPS else DEFAULT_FPS)

    def _first_stream(self) -> VideoStream:
        from av.codec.context import Flags2

        if self._container.format.name in TEXT_FORMATS:
            raise InputError(f"{self.name}: expected a video, got text")
        streams = self._container.streams.video
        if not streams:
            kinds = [stream.type for stream in self._container.streams]
            raise InputError(f"{self.name}: expected a stream of video, got {', '.join(kinds) or 'none at all'}")
        stream = streams[0]
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS or max(context.width, context.height) > MAX_SIDE:
            raise InputError(
                f"{self.name}: expected frames of at most {MAX_PIXELS} pixels, got {context.width} x {context.height}"
            )
        stream.thread_count = 1  # the edge has other work for its cores
        if self._with_vectors:
            context.flags2 |= Flags2.export_mvs
        return stream

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def __iter__(self) -> Iterator[SourceFrame]:
        """All frames that can be decoded; in the end InputError if some could not."""
        av = import_av()
        index, packet_count, damaged_count = 0, 0, 0
        first_s, last_s = 0.0, 0.0
        is_after_neighbour = False  # the frame before this one was shown just before it
        trouble = ""
        try:
            for packet in self._container.demux(self._stream):
                packet_count += packet.size > 0
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    damaged_count += 1
                    trouble = trouble or _said(error)
                    is_after_neighbour = False
                    continue
                for frame in frames:
                    if frame.is_corrupt or not isinstance(frame, av.VideoFrame):
                        damaged_count += 1
                        is_after_neighbour = False
                        continue
                    own_s = frame.time if frame.pts is not None and not self._wanted_fps else None
                    if own_s is None:
                        time_s = index / self.fps
                    else:
                        first_s = own_s if index == 0 else first_s
                        time_s = max(own_s - first_s, last_s)
                    vectors = vectors_of(frame) if self._with_vectors and is_after_neighbour else None
                    yield self._frame(frame, index, time_s, vectors)
                    index, last_s, is_after_neighbour = index + 1, time_s, True
        except av.FFmpegError as error:
            trouble = _said(error)
        self._check_end(index, packet_count, damaged_count, trouble)

    def _frame(self, frame: AvFrame, index: int, time_s: float, vectors: CodecVectors | None) -> SourceFrame:
        if frame.width * frame.height > MAX_PIXELS:
            raise InputError(
                f"{self.name}: frame {index}: expected at most {MAX_PIXELS} pixels, got {frame.width} x {frame.height}"
            )
        turns = round(frame.rotation / 90) % 4
        height, width = self._size or (frame.height, frame.width)
        if turns % 2 and self._size is not None:
            height, width = width, height
        pixels = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
        if turns:
            pixels, vectors = np.rot90(pixels, turns), None
        elif vectors is not None and (height, width) != (frame.height, frame.width):
            vectors = None  # of other pixels than those given
        return SourceFrame(Image(np.asarray(pixels, np.uint8)), index, time_s, vectors)

    def _check_end(self, count: int, packet_count: int, damaged_count: int, trouble: str) -> None:
        promised = self._stream.frames
        if not count:
            raise InputError(f"{self.name}: expected a video, got no frame that can be decoded ({trouble or 'empty'})")
        if trouble or damaged_count:
            raise InputError(
                f"{self.name}: expected a whole video, got {count} frames and {damaged_count} damaged pieces "
                f"({trouble or 'marked by the decoder'})"
            )
        if packet_count < promised:
            raise InputError(f"{self.name}: expected {promised} frames, as the file says, got {count}: it is cut")


class FolderVideo(_Closing):
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


class CameraVideo(_Closing):
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
        own_fps = float(self._capture.get(self._cv2.CAP_PROP_FPS))
        self.fps = fps or (own_fps if MIN_FPS <= own_fps <= MAX_FPS else DEFAULT_FPS)

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


def import_av() -> Any:
    """The package `av`. MissingDependencyError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("reading video needs PyAV: pip install 'isthmus[video]'") from error
    return av


def import_cv2() -> Any:
    """The package `cv2`, held to one thread. MissingDependencyError if it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError("video needs OpenCV: pip install 'isthmus[video]'") from error
    cv2.setNumThreads(1)  # the edge has other work for its cores, and small frames gain nothing
    return cv2


class _Reader(io.RawIOBase):
    """A stream without `seek` and `close`: pipes cannot be sought in, and who opened it closes it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)


def _said(error: BaseException) -> str:
    """What FFmpeg says, without its numbers."""
    return str(getattr(error, "strerror", "") or error)
