"""Videos in containers, files and pipes alike, read with PyAV (FFmpeg).

Damage: what cannot be decoded is passed over, what can be is given, and in the end an `InputError` says what was
missing. A file that is cut where its container cannot tell (y4m, raw H.264) just ends earlier, and of damage that a
decoder conceals by itself nobody hears.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE, Image
from isthmus.data.video.codec_vectors import CodecVectors, vectors_of
from isthmus.data.video.libraries import import_av
from isthmus.data.video.source import DEFAULT_FPS, Closing, SourceFrame, told_fps

if TYPE_CHECKING:
    from av import VideoFrame as AvFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

TEXT_FORMATS = ("tty",)
"""What FFmpeg would draw as pictures of text."""


class ContainerVideo(Closing):
    """A file or stream that PyAV reads; see `isthmus.data.video.files.open_video`, which makes it."""

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
        self.fps = told_fps(fps, float(own) if own else DEFAULT_FPS)

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
