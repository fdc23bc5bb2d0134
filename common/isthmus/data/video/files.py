"""Frames of videos, one after another with their times: files, pipes, addresses, folders of images, and cameras.

Files and pipes are read with PyAV (FFmpeg), cameras with OpenCV; both are of the extra `video`, and loaded when first
needed. What may fall silent (pipes, addresses, cameras) is waited for within a bound, and Ctrl-C ends the wait. Frames
come out upright, as 8-bit sRGB, in the order in which they are shown, and at most one is held in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE
from isthmus.common.video.signal import SOURCE_WAIT_S
from isthmus.data.bag.formats import is_bag
from isthmus.data.image.formats import is_image_name
from isthmus.data.video.bag import BagVideo
from isthmus.data.video.camera import CameraVideo
from isthmus.data.video.container import ContainerVideo, Opening
from isthmus.data.video.formats import CAMERA
from isthmus.data.video.patience import LEAVE_S, PatientVideo
from isthmus.data.video.pipe import HEADLESS, PREFER_TCP, PipeReader, is_pipe, probing, regular_file, seekable_input
from isthmus.data.video.reopening import ReopenedVideo
from isthmus.data.video.source import MAX_FPS, MIN_FPS, VideoSource
from isthmus.data.video.stills import MovingImageVideo, StillsVideo, is_moving, is_pattern

STANDARD_INPUT = "standard input"
MOVING_SUFFIXES = (".gif", ".webp", ".png", ".apng")


def open_video(  # noqa: PLR0913  what is asked of a source, each by its name
    source: str | Path | BinaryIO,
    *,
    size: tuple[int, int] | None = None,
    fps: float = 0.0,
    with_vectors: bool = False,
    format: str | None = None,  # noqa: A002
    wait_s: float = SOURCE_WAIT_S,
    reconnects: int = 0,
    low_delay: bool = False,
    while_waiting: Callable[[], None] = lambda: None,
    topic: str = "",
) -> VideoSource:
    """The frames of a video.

    Args:
        source: a file that PyAV reads, a folder of images (in natural order), a pattern of them ("frame%04d.png"), an
            image (one frame, or those of a moving GIF, WebP or PNG), a bag, a binary stream (a pipe:
            `sys.stdin.buffer`), a named pipe, an address with a scheme ("rtsp://..."), or a camera ("camera:0").
        size: height and width that frames are scaled to; None for their own.
        fps: frames a second to count times by; 0 for the source's own times.
        with_vectors: whether to give the motion vectors that the video carries, where it does.
        format: FFmpeg's name of the format, for streams that do not show it ("h264"); None to look.
        wait_s: how long a pipe, an address or a camera may be silent; 0 for ever.
        reconnects: tries in a row to open an address or a camera again that ended, broke off or fell silent.
        low_delay: whether no frame is to be held back for others that are shown before it; a video with B-frames is
            refused then, where its first one comes.
        while_waiting: called again and again while one of these is waited for.
        topic: of a bag; "" where it has one of pictures.

    Raises:
        InputError: no such source, or one that is no video; the message names it. Frames raise it too.
        MissingDependencyError: PyAV, or OpenCV for a camera, is not installed.
    """
    if fps and not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(f"fps: expected {MIN_FPS:g} to {MAX_FPS:g} frames a second, got {fps:g}")
    if size is not None and (min(size) < 1 or max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS):
        raise InputError(f"size: expected height and width of 1 to {MAX_SIDE} pixels, got {size[0]} x {size[1]}")
    if isinstance(source, str | Path) and is_bag(source):
        return BagVideo(Path(source), topic, size, fps)
    if topic:
        raise InputError(f"topic: expected a bag (.mcap, .db3, .bag, or a folder) for {topic}, got {source}")
    given = _Given(size, fps, with_vectors, format, wait_s, reconnects, low_delay, while_waiting)
    if not isinstance(source, str | Path):
        file = regular_file(source)
        return (
            given.pipe(source, STANDARD_INPUT) if file is None else given.container(Opening(STANDARD_INPUT, file, file))
        )
    if isinstance(source, str) and (found := CAMERA.fullmatch(source)):
        return given.live(source, partial(CameraVideo, int(found[1]), size, fps))
    return given.address(str(source)) if "://" in str(source) else given.path(Path(source))


@dataclass(frozen=True, slots=True)
class _Given:
    """How a source is to be opened; see `open_video`."""

    size: tuple[int, int] | None
    fps: float
    with_vectors: bool
    format_name: str | None
    wait_s: float
    reconnects: int
    low_delay: bool
    while_waiting: Callable[[], None]

    def path(self, path: Path) -> VideoSource:
        """A file, a folder, a pattern, or a named pipe."""
        if path.is_file() and path.name.lower().endswith(MOVING_SUFFIXES) and is_moving(path):
            return MovingImageVideo(path, self.size, self.fps)
        if path.is_dir() or (path.is_file() and is_image_name(path)) or (is_pattern(path) and not path.exists()):
            return StillsVideo(path, self.size, self.fps)
        if not path.exists():
            raise InputError(f"{path}: expected a file, a folder of images or camera:0, got a path where nothing is")
        if is_pipe(path):
            return self.pipe(path, str(path))
        # A colon in a file's name would make FFmpeg take what stands before it for a protocol.
        return self.container(Opening(str(path), f"file:{path}", path))

    def address(self, address: str) -> VideoSource:
        """What FFmpeg fetches."""
        ffmpeg_wait_s = self.wait_s + LEAVE_S / 2 if self.wait_s else 0.0  # so that its thread ends too, but not first
        options = HEADLESS | (PREFER_TCP if address.lower().startswith("rtsp:") else {})
        opening = Opening(address, address, is_live=True, probing=options, wait_s=ffmpeg_wait_s)
        return self.live(address, partial(self.container, opening))

    def pipe(self, source: BinaryIO | Path, name: str) -> VideoSource:
        """A stream that is read from front to end."""
        try:
            reader = PipeReader(source, name)
        except OSError as error:
            raise InputError(f"{name}: expected a pipe that can be read: {error.strerror or error}") from error

        def opened() -> ContainerVideo:
            stream = seekable_input(reader)
            if isinstance(stream, PipeReader):
                return self.container(Opening(name, cast(BinaryIO, stream), probing=probing(reader)))
            return self.container(Opening(name, stream, stream))

        return self.patient(name, opened, heard_s=lambda: reader.heard_s, stop=reader.stop, release=reader.release)

    def live(self, name: str, open_source: Callable[[], VideoSource]) -> VideoSource:
        """What may fall silent, and be opened again."""
        opened = partial(self.patient, name, open_source)
        if not self.reconnects:
            return opened()
        return ReopenedVideo(name, opened, self.reconnects, while_waiting=self.while_waiting)

    def patient(self, name: str, open_source: Callable[[], VideoSource], **more: Any) -> VideoSource:
        """What may fall silent."""
        return PatientVideo(name, open_source, self.wait_s, while_waiting=self.while_waiting, **more)

    def container(self, opening: Opening) -> ContainerVideo:
        """What PyAV reads."""
        opening = replace(opening, format_name=self.format_name, low_delay=self.low_delay)
        return ContainerVideo(opening, self.size, self.fps, with_vectors=self.with_vectors)
