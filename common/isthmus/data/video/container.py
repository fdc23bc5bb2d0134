"""Videos in containers, files and pipes alike, read with PyAV (FFmpeg).

Damage: what cannot be decoded is passed over, what can be is given, and in the end an `InputError` says what was
missing. A file that is cut where its container cannot tell (y4m, raw H.264, MPEG-TS) just ends earlier, and of damage
that a decoder conceals by itself nobody hears.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE, Image
from isthmus.data.video.codec_vectors import CodecVectors, vectors_of
from isthmus.data.video.ending import UNKNOWN, is_cut_in_time, missing_bytes
from isthmus.data.video.fragments import has_impossible_fragment
from isthmus.data.video.libraries import import_av
from isthmus.data.video.picture import is_as_coded, shown_pixels, shown_size
from isthmus.data.video.source import DEFAULT_FPS, Closing, ReorderedError, SourceFrame, told_fps

if TYPE_CHECKING:
    from av import VideoFrame as AvFrame
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

TEXT_FORMATS = ("tty",)
"""What FFmpeg would draw as pictures of text."""


RAW_FORMATS = ("h264", "hevc", "vvc", "av1", "obu", "mjpeg", "m4v", "mpegvideo", "h263", "h261", "vc1", "dirac")
"""Pictures without a container, and so without times."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a container is opened from.

    Attributes:
        name: for messages.
        source: a path or an address as FFmpeg takes it, or a stream.
        file: the source where its size can be looked at, else None; a stream is closed with the container.
        is_live: whether frames come in their own time and wait for nobody.
        probing: options of FFmpeg, where what is not there yet may still be coming: a pipe, an address.
        format_name: FFmpeg's, None to look.
        wait_s: how long FFmpeg may wait for an address; 0 for ever.
        low_delay: whether no frame is held back for others that are shown before it.
    """

    name: str
    source: str | BinaryIO
    file: str | Path | BinaryIO | None = None
    is_live: bool = False
    probing: Mapping[str, str] | None = None
    format_name: str | None = None
    wait_s: float = 0.0
    low_delay: bool = False


@dataclass(slots=True)
class _Seen:
    """What has come of a stream so far."""

    frames: int = 0
    damaged: int = 0
    newest_pts: int | None = None
    end_s: float = 0.0
    trouble: str = ""


class ContainerVideo(Closing):
    """A file or stream that PyAV reads; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(self, opening: Opening, size: tuple[int, int] | None, fps: float, *, with_vectors: bool) -> None:
        """Open the container and its first stream of video."""
        av = import_av()
        self.name, self.is_live = opening.name, opening.is_live
        self._opening = opening
        self._size, self._with_vectors = size, with_vectors
        options = None if opening.probing is None else dict(opening.probing)
        source: Any = opening.source
        if opening.file is not None and has_impossible_fragment(opening.file):
            self._close_file()
            raise InputError(
                f"{self.name}: expected a whole video, got a fragment that speaks of more pieces than there are; it is "
                "damaged"
            )
        try:
            self._container: InputContainer = av.open(
                source,
                "r",
                format=opening.format_name,
                metadata_errors="replace",
                options=options,
                timeout=opening.wait_s or None,
            )
        except (av.FFmpegError, ValueError) as error:
            cut = _cut(self._missing())
            self._close_file()
            raise InputError(f"{self.name}: expected a video that FFmpeg reads: {_said(error)}{cut}") from error
        try:
            self._stream = self._first_stream()
        except InputError:
            self.close()
            raise
        # Without a look ahead the guess is at fields, not frames.
        own = self._stream.average_rate or self._stream.codec_context.framerate or self._stream.guessed_rate
        # Nor has FFmpeg then times for what has none of its own.
        self._has_times = not fps and (opening.probing is None or self._container.format.name not in RAW_FORMATS)
        self.fps = told_fps(fps, float(own) if own else DEFAULT_FPS)

    def _first_stream(self) -> VideoStream:
        from av.codec.context import Flags, Flags2

        if self._container.format.name in TEXT_FORMATS:
            raise InputError(f"{self.name}: expected a video, got text")
        streams = self._container.streams.video
        if not streams:
            kinds = [stream.type for stream in self._container.streams]
            raise InputError(f"{self.name}: expected a stream of video, got {', '.join(kinds) or 'none at all'}")
        stream = streams[0]
        context: VideoCodecContext | None = (
            stream.codec_context
        )  # none where no decoder knows what the stream says it is
        if context is None:
            raise InputError(f"{self.name}: expected a stream of video in a known codec, got an unknown one")
        if context.width * context.height > MAX_PIXELS or max(context.width, context.height) > MAX_SIDE:
            raise InputError(
                f"{self.name}: expected frames of at most {MAX_PIXELS} pixels, got {context.width} x {context.height}"
            )
        stream.thread_count = 1  # the edge has other work for its cores
        if self._with_vectors:
            context.flags2 |= Flags2.export_mvs
        if self._opening.low_delay:
            context.flags |= Flags.low_delay
        return stream

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._opening.file is not None and not isinstance(self._opening.file, str | Path):
            self._opening.file.close()

    def __iter__(self) -> Iterator[SourceFrame]:
        """All frames that can be decoded; in the end InputError if some could not."""
        av = import_av()
        seen = _Seen()
        first_s: float | None = None
        last_s = 0.0
        is_after_neighbour = False  # the frame before this one was shown just before it
        try:
            for frame in self._decoded(seen):
                if frame is None:
                    is_after_neighbour = False
                    continue
                own_s = frame.time if frame.pts is not None and self._has_times else None
                if own_s is None:
                    time_s = seen.frames / self.fps
                else:
                    if first_s is None:  # of RTP the first frames may come before the times do
                        first_s = own_s - seen.frames / self.fps
                    time_s = max(own_s - first_s, last_s)
                vectors = vectors_of(frame) if self._with_vectors and is_after_neighbour else None
                yield self._frame(frame, seen.frames, time_s, vectors)
                last_s, is_after_neighbour = time_s, True
                seen.frames += 1
        except av.FFmpegError as error:
            seen.trouble = _said(error)
        self._check_end(seen)

    def _decoded(self, seen: _Seen) -> Iterator[AvFrame | None]:
        """The frames that can be decoded, None for a damaged piece."""
        av = import_av()
        for packet in self._container.demux(self._streams()):
            if packet.pts is not None and packet.time_base:
                seen.end_s = max(seen.end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is not self._stream:
                continue
            try:
                frames = packet.decode()
                if self._opening.low_delay:
                    self._check_order(packet.pts, seen)
            except av.FFmpegError as error:
                seen.damaged += 1
                seen.trouble = seen.trouble or _said(error)
                yield None
                continue
            for frame in frames:
                if not isinstance(frame, av.VideoFrame) or frame.is_corrupt:
                    seen.damaged += 1
                    yield None
                else:
                    yield frame

    def _check_order(self, pts: int | None, seen: _Seen) -> None:
        """Raises where this piece is shown before one that came before it, or the decoder waits for such pieces."""
        is_back = pts is not None and seen.newest_pts is not None and pts < seen.newest_pts
        if is_back or self._stream.codec_context.has_b_frames:
            raise ReorderedError(
                f"{self.name}: expected a video without B-frames for --low-delay, got one that has or announces some; "
                "have its encoder make none (zerolatency, bf 0), or leave --low-delay out"
            )
        seen.newest_pts = seen.newest_pts if pts is None else pts

    def _streams(self) -> list[Any]:
        """Those that are read: sound only where its end says whether the file is whole."""
        return [self._stream, *self._container.streams.audio]

    def _frame(self, frame: AvFrame, index: int, time_s: float, vectors: CodecVectors | None) -> SourceFrame:
        aspect = self._stream.sample_aspect_ratio
        height, width = shown_size(frame.height, frame.width, aspect)
        if height * width > MAX_PIXELS or max(height, width) > MAX_SIDE:
            raise InputError(
                f"{self.name}: frame {index}: expected at most {MAX_PIXELS} pixels, got {width} x {height}"
            )
        pixels = shown_pixels(frame, aspect, self._size)
        kept = vectors if vectors is not None and is_as_coded(frame, pixels) else None
        return SourceFrame(Image(pixels), index, time_s, kept)

    def _check_end(self, seen: _Seen) -> None:
        count, missing = seen.frames, self._missing()
        cut = _cut(missing)
        if missing == UNKNOWN:
            promised_s = (self._container.duration or 0) / 1e6
            if is_cut_in_time(self._container.format.name, promised_s, seen.end_s, self.fps):
                cut = f"; it is cut: it ends at {seen.end_s:.2f} of {promised_s:.2f} seconds"
        if not count:
            trouble = seen.trouble or "empty"
            raise InputError(f"{self.name}: expected a video, got no frame that can be decoded ({trouble}){cut}")
        if seen.trouble or seen.damaged:
            raise InputError(
                f"{self.name}: expected a whole video, got {count} frames and {seen.damaged} damaged pieces "
                f"({seen.trouble or 'marked by the decoder'}){cut}"
            )
        if cut:
            raise InputError(f"{self.name}: expected a whole video, got {count} frames{cut}")

    def _missing(self) -> int:
        """Bytes that a file misses by its own account; `UNKNOWN` where it gives none, or is no file."""
        return UNKNOWN if self._opening.file is None else missing_bytes(self._opening.file)


def _cut(missing: int) -> str:
    """In words."""
    return f"; it is cut: {missing} bytes that it speaks of are not there" if missing > 0 else ""


def _said(error: BaseException) -> str:
    """What FFmpeg says, without its numbers."""
    return str(getattr(error, "strerror", "") or error)
