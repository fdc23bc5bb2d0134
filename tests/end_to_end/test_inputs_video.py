"""Videos that people have: what writes each, and what must come out; or the words in which it is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import PIL.Image
import pytest
from support.odd_clips import cut, of_one_colour, trimmed, turned, with_aspect, with_gaps, written
from support.tiny_clips import UInt8, panning, write_video

from isthmus.common.errors import InputError
from isthmus.common.signals import Image
from isthmus.data.image.files import write_image
from isthmus.data.video.files import open_video

PICTURES = panning(3)
FAR = 14
"""Mean difference that coding makes at most."""


@dataclass(frozen=True, slots=True)
class Read:
    """What came out: frames until the end, or until what was said."""

    frames: list[UInt8] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    said: str = ""


def read(source: Path | io.BytesIO) -> Read:
    frames: list[UInt8] = []
    times: list[float] = []
    try:
        with open_video(source, wait_s=10) as video:
            for frame in video:
                frames.append(frame.image.pixels)
                times.append(frame.time_s)
    except InputError as error:
        return Read(frames, times, str(error))
    return Read(frames, times)


def shows(wanted: list[UInt8], far: float = FAR) -> Callable[[Read], None]:
    def check(found: Read) -> None:
        assert found.said == ""
        assert len(found.frames) == len(wanted)
        for frame, pixels in zip(found.frames, wanted, strict=True):
            assert frame.shape == pixels.shape
            assert np.abs(frame.astype(int) - pixels).mean() < far

    return check


def shows_colour(rgb: tuple[int, int, int]) -> Callable[[Read], None]:
    """Of BT.601 or BT.709 worked out by hand; swscale's integers are up to two levels off."""

    def check(found: Read) -> None:
        assert found.said == ""
        assert np.abs(found.frames[0].reshape(-1, 3).astype(int) - rgb).max() <= 2

    return check


def has(count: int, times_s: list[float] | None = None) -> Callable[[Read], None]:
    def check(found: Read) -> None:
        assert (found.said, len(found.frames)) == ("", count)
        if times_s is not None:
            assert found.times_s == pytest.approx(times_s, abs=2e-3)

    return check


def is_said_to_be_cut(found: Read) -> None:
    assert "it is cut" in found.said
    assert 3 < len(found.frames) < 60 or not found.frames


def uncoded(yuv: tuple[int, int, int], matrix: int, *, is_full: bool = False) -> tuple[int, int, int]:
    """What the standards say of a colour: Kr and Kb of BT.601 or BT.709, limited or full range."""
    kr, kb = {601: (0.299, 0.114), 709: (0.2126, 0.0722)}[matrix]
    y, u, v = yuv[0] / 255, (yuv[1] - 128) / 255, (yuv[2] - 128) / 255
    if not is_full:
        y, u, v = (yuv[0] - 16) / 219, (yuv[1] - 128) / 224, (yuv[2] - 128) / 224
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return tuple(int(np.clip(round(255 * c), 0, 255)) for c in (red, green, blue))  # type: ignore[return-value]


def oriented(degrees: int, *, is_mirrored: bool) -> list[UInt8]:
    turned_back = [np.rot90(p, degrees // 90) for p in PICTURES]
    return [np.fliplr(p) if is_mirrored else p for p in turned_back]


def stretched(height: int, width: int) -> list[UInt8]:
    return [np.asarray(cv2.resize(p, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8) for p in PICTURES]


def numbered_folder(folder: Path, names: list[str]) -> Path:
    """Image i is of grey 10 i, whatever its name."""
    folder.mkdir()
    for index, name in enumerate(names):
        write_image(Image(np.full((8, 8, 3), 10 * index, np.uint8)), folder / name)
    return folder


def greys(found: Read) -> list[int]:
    return [int(frame[0, 0, 0]) // 10 for frame in found.frames]


def counts_up(count: int, times_s: list[float] | None = None) -> Callable[[Read], None]:
    def check(found: Read) -> None:
        has(count, times_s)(found)
        assert greys(found) == list(range(count))

    return check


def moving(path: Path, *, milliseconds: list[int]) -> Path:
    """Frame i is of grey 10 i; a GIF has palettes, so greys are kept whole."""
    frames = [PIL.Image.fromarray(np.full((8, 8, 3), 10 * i, np.uint8)) for i in range(len(milliseconds))]
    more: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, **more)
    return path


def piped(path: Path) -> io.BytesIO:
    return io.BytesIO(path.read_bytes())


def with_index_last(path: Path) -> Path:
    """As most tools write an MP4, where nothing else is asked for."""
    plain = path.with_name("plain.mov")
    write_video(plain, PICTURES)  # no faststart: that is asked for by its name
    with av.open(str(plain)) as given, av.open(str(path), "w") as again:
        stream = again.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                again.mux(packet)
    data = path.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    return path


def with_hdr(stream: Any) -> None:
    """FFmpeg's numbers of PQ and BT.2020."""
    stream.codec_context.color_trc, stream.codec_context.color_primaries = 16, 9


HALF_CLEAR = av.VideoFrame.from_ndarray(np.full((16, 16, 4), (128, 10, 200, 30), np.uint8), "argb")
HD, SD = (720, 1280), (480, 640)
BLUE_GREEN = (200, 90, 110)
CASES: list[tuple[str, Callable[[Path], Path | io.BytesIO], Callable[[Read], None]]] = [
    *(
        (
            f"turned by {degrees}{', mirrored' if is_mirrored else ''}, {suffix}",
            lambda d, s=suffix, t=degrees, m=is_mirrored: turned(d / f"a.{s}", PICTURES, t, is_mirrored=m),
            shows(oriented(degrees, is_mirrored=is_mirrored)),
        )
        for suffix in ("mp4", "mov", "mkv")
        for degrees in (0, 90, 180, 270)
        for is_mirrored in (False, True)
    ),
    *(
        (
            f"pixels {aspect} as wide as high, {suffix}",
            lambda d, a=aspect, s=suffix: with_aspect(d / f"a.{s}", PICTURES, a),
            shows(stretched(height, width)),
        )
        for suffix in ("mp4", "mkv", "264")
        for aspect, height, width in (
            (Fraction(16, 11), 64, 140),
            (Fraction(1, 2), 128, 96),
            (Fraction(1), 64, 96),
            (Fraction(64, 45), 64, 137),
        )
    ),
    ("untagged HD", lambda d: of_one_colour(d / "a.mp4", HD, BLUE_GREEN), shows_colour(uncoded(BLUE_GREEN, 709))),
    ("untagged SD", lambda d: of_one_colour(d / "a.mp4", SD, BLUE_GREEN), shows_colour(uncoded(BLUE_GREEN, 601))),
    (
        "HD that says BT.601",
        lambda d: of_one_colour(d / "a.mp4", HD, BLUE_GREEN, matrix=6),
        shows_colour(uncoded(BLUE_GREEN, 601)),
    ),
    (
        "SD that says BT.709",
        lambda d: of_one_colour(d / "a.mkv", SD, BLUE_GREEN, matrix=1),
        shows_colour(uncoded(BLUE_GREEN, 709)),
    ),
    (
        "full range",
        lambda d: of_one_colour(d / "a.mp4", SD, BLUE_GREEN, matrix=6, full_range=2),
        shows_colour(uncoded(BLUE_GREEN, 601, is_full=True)),
    ),
    (
        "full range of untagged HD",
        lambda d: of_one_colour(d / "a.mp4", HD, BLUE_GREEN, full_range=2),
        shows_colour(uncoded(BLUE_GREEN, 709, is_full=True)),
    ),
    (
        "taken as it is: PQ and BT.2020",
        lambda d: of_one_colour(d / "a.mp4", SD, BLUE_GREEN, describe=with_hdr),
        shows_colour(uncoded(BLUE_GREEN, 601)),
    ),
    (
        "taken as it is: interlaced",
        lambda d: of_one_colour(d / "a.mp4", SD, BLUE_GREEN, options={"x264-params": "interlaced=1:tff=1"}),
        shows_colour(uncoded(BLUE_GREEN, 601)),
    ),
    (
        "taken as it is: half clear",
        lambda d: written(d / "a.mov", [HALF_CLEAR, HALF_CLEAR], codec="qtrle"),
        shows_colour((10, 200, 30)),
    ),
    *(
        (f"cut at 60 %, {name}", lambda d, n=name, c=codec: cut(d / n, c), is_said_to_be_cut)
        for name, codec in (
            ("a.mkv", "libx264"),
            ("a.webm", "libvpx"),
            ("a.mp4", "libx264"),
            ("a.mov", "libx264"),
            ("a.avi", "mpeg4"),
            ("a.3gp", "mpeg4"),
            ("a.flv", "flv1"),
            ("a.ivf", "libvpx"),
            ("a.wmv", "wmv2"),
        )
    ),
    *(
        (f"cut at 60 % in a pipe, {name}", lambda d, n=name, c=codec: piped(cut(d / n, c)), is_said_to_be_cut)
        for name, codec in (("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.mp4", "libx264"), ("a.flv", "flv1"))
    ),
    *(
        (f"whole, {name}", lambda d, n=name, c=codec: write_video(d / n, panning(30), codec=c), has(30))
        for name, codec in (
            ("a.mkv", "libx264"),
            ("a.webm", "libvpx-vp9"),
            ("a.mov", "libx264"),
            ("a.avi", "mpeg4"),
            ("a.flv", "flv1"),
            ("a.ivf", "libvpx"),
            ("a.wmv", "wmv2"),
            ("a.ts", "libx264"),
            ("a.mpg", "mpeg2video"),
        )
    ),
    (
        "an edit list",
        lambda d: trimmed(d / "a.mp4", write_video(d / "whole.mp4", panning(30)), 8),
        shows(panning(30)[8:]),
    ),
    (
        "an edit list in a pipe",
        lambda d: piped(trimmed(d / "a.mp4", write_video(d / "whole.mp4", panning(30)), 8)),
        shows(panning(30)[8:]),
    ),
    (
        "an AVI with gaps",
        lambda d: with_gaps(d / "a.avi", panning(30), {5, 6, 12, 28}),
        has(26, [i / 25 for i in range(30) if i not in {5, 6, 12, 28}]),
    ),
    (
        "frame1 to frame12",
        lambda d: numbered_folder(d / "f", [f"frame{i}.png" for i in range(1, 13)]),
        counts_up(12),
    ),
    (
        "frames with zeros in front, and without",
        lambda d: numbered_folder(d / "f", ["a1.png", "a02.png", "a3.png", "a010.png", "b1.png"]),
        counts_up(5),
    ),
    (
        "frame%04d.png, from 9 on",
        lambda d: numbered_folder(d / "f", [f"frame{i:04d}.png" for i in range(9, 13)]) / "frame%04d.png",
        counts_up(4, [0, 0.04, 0.08, 0.12]),
    ),
    (
        "frame%d.png with one missing: the others keep their times",
        lambda d: numbered_folder(d / "f", ["frame8.png", "frame9.png", "frame11.png"]) / "frame%d.png",
        counts_up(3, [0, 0.04, 0.12]),
    ),
    (
        "a pattern without files",
        lambda d: numbered_folder(d / "f", ["x.png"]) / "frame%03d.png",
        lambda found: None if "such as frame001.png" in found.said else pytest.fail(found.said),
    ),
    *(
        (
            f"a moving image, {suffix}",
            lambda d, s=suffix: moving(d / f"a.{s}", milliseconds=[40, 100, 200, 40]),
            counts_up(4, [0, 0.04, 0.14, 0.34]),
        )
        for suffix in ("gif", "webp", "png")
    ),
    ("an image that does not move", lambda d: moving(d / "a.gif", milliseconds=[40]), counts_up(1)),
    ("an MP4 in a pipe, its index in front", lambda d: piped(write_video(d / "a.mp4", PICTURES)), shows(PICTURES)),
    ("an MP4 in a pipe, its index last", lambda d: piped(with_index_last(d / "a.mp4")), shows(PICTURES)),
    ("a MOV in a pipe", lambda d: piped(write_video(d / "a.mov", PICTURES)), shows(PICTURES)),
]


@pytest.mark.parametrize(("make", "check"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_videos_that_people_have(
    tmp_path: Path, make: Callable[[Path], Path | io.BytesIO], check: Callable[[Read], None]
) -> None:
    check(read(make(tmp_path)))
