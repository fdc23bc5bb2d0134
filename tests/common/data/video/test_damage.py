"""Damaged videos: each container cut at many of its bytes, and with bits of them turned, is frames or an InputError."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as PillowImage
from support.paths import ROOT
from support.tiny_clips import panning

from isthmus.common.errors import InputError
from isthmus.data.video.files import open_video
from isthmus.data.video.fragments import has_impossible_fragment

SIDE, FRAMES = 32, 4
MOST_CASES = 160
MOST_BYTES = 400 << 20
"""Of the whole process, Python and the libraries included."""


def film(
    codec: str,
    pixels: str = "yuv420p",
    *,
    format: str | None = None,  # noqa: A002
    movflags: str = "",
    frames: int = FRAMES,
    side: int = SIDE,
) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with av.open(str(path), "w", format=format, options={"movflags": movflags} if movflags else {}) as container:
            options = {"x264-params": "no-info=1:keyint=2", "x265-params": "log-level=none:info=0"}
            wanted = {key: value for key, value in options.items() if key[:4] in codec}
            stream: Any = container.add_stream(codec, rate=25, options=wanted)
            stream.width = stream.height = side
            stream.pix_fmt = pixels
            stream.thread_count = 1
            for picture in panning(frames, side, side):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode(None))

    return write


def moving_image(path: Path) -> None:
    first, *rest = (PillowImage.fromarray(picture) for picture in panning(3, 24, 24))
    first.save(path, save_all=True, append_images=rest, duration=40)


CLIPS: dict[str, Callable[[Path], None]] = {
    "index-last.mp4": film("libx264"),
    "index-first.mp4": film("libx264", movflags="faststart"),
    "fragments.mp4": film("libx264", movflags="frag_keyframe+empty_moov"),
    "photographs.mov": film("mjpeg", "yuvj420p", frames=2),
    "a.mkv": film("libx264"),
    "a.webm": film("libvpx-vp9"),
    "a.avi": film("mpeg4"),
    "a.ts": film("libx264"),
    "a.mpg": film("mpeg2video"),
    "a.264": film("libx264"),
    "a.265": film("libx265", format="hevc"),
    "a.mjpeg": film("mjpeg", "yuvj420p", frames=2),
    "a.flv": film("flv1"),
    "a.wmv": film("wmv2"),
    "a.y4m": film("rawvideo", frames=2, side=16),
    "a.gif": moving_image,
    "a.webp": moving_image,
    "a.png": moving_image,
}


def damaged(data: bytes) -> Iterator[bytes]:
    random = np.random.default_rng(7)
    for at in range(0, len(data), max(1, 2 * len(data) // MOST_CASES)):
        yield data[:at]
        changed = bytearray(data)
        changed[at] ^= 1 << int(random.integers(8))
        yield bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_a_video_cut_or_flipped_anywhere_is_frames_or_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    CLIPS[name](path)
    data = path.read_bytes()
    with open_video(path) as video:
        assert len(list(video)) >= 2
    refusals: list[str] = []
    for content in damaged(data):
        path.write_bytes(content)
        try:
            with open_video(path) as video:
                for _ in islice(video, 50):
                    pass
        except InputError as error:
            refusals.append(str(error))
    assert refusals
    assert all(str(path) in refusal and "expected" in refusal for refusal in refusals)


def test_a_fragment_that_speaks_of_too_many_pieces_takes_no_memory(tmp_path: Path) -> None:
    """FFmpeg takes 814 MB for what one turned bit says here."""
    path = tmp_path / "a.mp4"
    CLIPS["fragments.mp4"](path)
    assert not has_impossible_fragment(path)
    data = path.read_bytes()
    count_at = data.index(b"trun") + 8
    for place, bit in ((0, 6), (0, 0), (1, 7), (3, 3)):
        changed = bytearray(data)
        changed[count_at + place] ^= 1 << bit
        path.write_bytes(changed)
        with pytest.raises(InputError, match="a fragment that speaks of more pieces than there are"):
            open_video(path)
    for at in range(len(data)):  # a cut is another matter: what is there can be decoded
        assert not has_impossible_fragment(io.BytesIO(data[:at])), at


# Of its own: what the system counts for `getrusage` a process takes over from whoever started it.
READ = """
import sys
from itertools import islice
from isthmus.common.errors import InputError
from isthmus.data.video.files import open_video
try:
    with open_video(sys.argv[1]) as video:
        print(sum(1 for _ in video))
except InputError as error:
    print(error)
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""


@pytest.mark.slow
def test_memory_of_a_canvas_without_an_end(tmp_path: Path) -> None:
    """One turned bit makes 24 x 24 pixels of an animation 24 x 2,097,176."""
    path = tmp_path / "a.webp"
    moving_image(path)
    changed = bytearray(path.read_bytes())
    assert changed[12:16] == b"VP8X"
    changed[29] ^= 0x20  # height - 1 in 24 bits, from byte 27 on
    path.write_bytes(changed)
    said, peak_kib = peak_of(path)
    assert "sides of at most 65535, got 24 x 2097176" in said
    assert int(peak_kib) << 10 < MOST_BYTES


def peak_of(path: Path) -> list[str]:
    """What reading a video comes to, and the KiB that a process of its own took for it at most."""
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.splitlines()


@pytest.mark.slow
def test_memory_of_what_grows_in_the_midst_of_a_video(tmp_path: Path) -> None:
    """Its second picture has 108 million pixels in 300 KB."""
    path = tmp_path / "a.mkv"
    with path.open("wb") as file:
        for side in ((32, 32), (12_000, 9_000)):
            PillowImage.new("L", side).save(file, "PNG")
    said, peak_kib = peak_of(path)
    assert "expected at most 67108864 pixels, got 12000 x 9000" in said
    assert int(peak_kib) << 10 < MOST_BYTES
