"""Videos as other tools write them: mirrored, with pixels that are not square, tagged, trimmed, with gaps, cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from support.tiny_clips import UInt8, panning, write_video


def written(
    path: Path,
    frames: list[av.VideoFrame],
    *,
    codec: str = "libx264",
    describe: Callable[[Any], None] = lambda _: None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """A video of frames as they are, 25 a second; `describe` sets what it says of itself."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=dict(options or {}))
        stream.height, stream.width = frames[0].height, frames[0].width
        stream.pix_fmt = frames[0].format.name
        stream.thread_count, stream.max_b_frames = 1, 0
        describe(stream)
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def from_pictures(pictures: list[UInt8]) -> list[av.VideoFrame]:
    """Frames of 4:2:0, as most videos have them."""
    return [av.VideoFrame.from_ndarray(p, "rgb24").reformat(format="yuv420p") for p in pictures]


def turned(path: Path, pictures: list[UInt8], degrees: int, *, is_mirrored: bool) -> Path:
    """To be turned counter-clockwise, and then mirrored from left to right."""
    return written(path, from_pictures(pictures), describe=lambda s: s.set_display_rotation(degrees, hflip=is_mirrored))


def with_aspect(path: Path, pictures: list[UInt8], aspect: Fraction) -> Path:
    """Pixels of another shape."""
    return written(
        path, from_pictures(pictures), describe=lambda s: setattr(s.codec_context, "sample_aspect_ratio", aspect)
    )


def of_one_colour(
    path: Path,
    size: tuple[int, int],
    yuv: tuple[int, int, int],
    *,
    matrix: int = 2,
    full_range: int = 0,
    describe: Callable[[Any], None] = lambda _: None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Two frames of one colour, lossless; `matrix` and `full_range` are FFmpeg's numbers, and go into the tags."""
    height, width = size
    planes = np.full((height * 3 // 2, width), yuv[0], np.uint8)
    planes[height : height + height // 4], planes[height + height // 4 :] = yuv[1], yuv[2]
    frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
    frame.colorspace, frame.color_range = matrix, full_range

    def tagged(stream: Any) -> None:
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, full_range
        describe(stream)

    return written(path, [frame, frame], describe=tagged, options={"qp": "0"} | dict(options or {}))


def trimmed(path: Path, source: Path, frames: int) -> Path:
    """An MP4 whose edit list leaves out its first frames, as cutting without coding anew writes it."""
    with (
        av.open(str(source)) as given,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled", "movflags": "faststart"}) as cut,
    ):
        stream = cut.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            left_out = round(frames / 25 / packet.time_base)
            packet.pts, packet.dts = packet.pts - left_out, packet.dts - left_out
            packet.stream = stream
            cut.mux(packet)
    return path


def with_gaps(path: Path, pictures: list[UInt8], missing: set[int]) -> Path:
    """A video that counts frames which it does not hold, as a grabber that could not keep pace writes an AVI."""
    frames = []
    for number, frame in enumerate(from_pictures(pictures)):
        frame.pts, frame.time_base = number, Fraction(1, 25)
        if number not in missing:
            frames.append(frame)
    return written(path, frames, codec="mpeg4")


def cut(path: Path, codec: str = "libx264", *, share: float = 0.6, frames: int = 60) -> Path:
    """The beginning of a video that was whole."""
    whole = write_video(path.with_stem("whole"), panning(frames), codec=codec)
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
