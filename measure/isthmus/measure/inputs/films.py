"""Small videos of every container, some frames each."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.data.video.files import open_video
from isthmus.measure.inputs.pictures import gif_files, png_files, webp_files

SIDE, FRAMES, MOST_FRAMES = 32, 4, 40
WAIT_S = 20.0
"""For a pipe's next bytes, which are all there."""
CONTAINERS: Mapping[str, tuple[str, str]] = {
    ".mp4": ("mp4", "libx264"),
    ".mov": ("mov", "mpeg4"),
    ".3gp": ("3gp", "mpeg4"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx"),
    ".avi": ("avi", "mpeg4"),
    ".y4m": ("yuv4mpegpipe", "wrapped_avframe"),
    ".264": ("h264", "libx264"),
    ".265": ("hevc", "libx265"),
    ".mpg": ("mpeg", "mpeg2video"),
    ".ts": ("mpegts", "libx264"),
    ".wmv": ("asf", "wmv2"),
    ".flv": ("flv", "flv"),
    ".ogv": ("ogg", "libvpx"),
    ".mjpeg": ("mjpeg", "mjpeg"),
    ".ivf": ("ivf", "libvpx"),
    ".obu": ("obu", "libsvtav1"),
}
"""A container by the names of its files: FFmpeg's name of it, and a codec that it holds."""


def film(container: str, codec: str) -> bytes:
    """A small video of noise that moves, what describes it in front where that can be."""
    import av

    noise = np.random.default_rng(9).integers(0, 256, (SIDE, SIDE + FRAMES, 3)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"  # a real file, as what is written last goes to its front
        options = {"movflags": "faststart"} if container in ("mp4", "mov") else {}
        with av.open(str(path), "w", format=container, options=options) as written:
            _write(written, codec, noise)
        return path.read_bytes()


def _write(written: Any, codec: str, noise: Any) -> None:
    import av

    stream: Any = written.add_stream(codec, rate=25)
    stream.height, stream.width = SIDE, SIDE
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    stream.thread_count, stream.gop_size = 1, 3
    for place in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(noise[:, place : place + SIDE]), "rgb24")
        written.mux(stream.encode(frame))
    written.mux(stream.encode(None))


def film_files(suffix: str) -> tuple[bytes, ...]:
    """The video of a suffix."""
    return (film(*CONTAINERS[suffix]),)


def piped_files() -> tuple[bytes, ...]:
    """Videos as they come through a pipe."""
    return tuple(film(*CONTAINERS[suffix]) for suffix in (".mp4", ".ts", ".mkv"))


def moving_files() -> tuple[bytes, ...]:
    """Images that move."""
    return gif_files()[1], webp_files()[2], png_files()[4]


def read_film(path: Path) -> None:
    """The first frames of a file."""
    with open_video(path) as video:
        for _ in islice(video, MOST_FRAMES):
            pass


def read_piped(path: Path) -> None:
    """The same, from front to end."""
    with open_video(io.BytesIO(path.read_bytes()), wait_s=WAIT_S) as video:
        for _ in islice(video, MOST_FRAMES):
            pass


def films_of(suffix: str) -> partial[tuple[bytes, ...]]:
    """What makes the video of a suffix."""
    return partial(film_files, suffix)
