"""What is sent through the faults, and what its right answers are: generated files of each signal.

A course is files that an edge is given, and how each row that it prints is known to be right: its input by `key`, its
answer by `answer`, which is compared with what a cloud says of the same file where nothing breaks. Answers about frames
of a video depend on which of them were key frames, and so on the faults; there `--checked` has the cloud prove the
latents of every frame, and a row that was not proven is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.zoo import find_codec

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """What is sent.

    Attributes:
        signal: its name, as a part of keys.
        codec: its name.
        words: of `isthmus edge`, the inputs among them.
        keys: of the rows that are due, in their order.
        key: of a row.
        answer: of a row, None where it has none; what is compared with a run without faults.
        is_compared: whether it is.
    """

    signal: str
    codec: str
    words: tuple[str, ...]
    keys: tuple[str, ...]
    key: Callable[[Row], str]
    answer: Callable[[Row], Any]
    is_compared: bool = True


COUNTS = {"point-cloud": 1200, "image": 250, "video": 400}
"""Inputs of a course: some seconds' worth."""

CLOUD_POINTS = 1024
IMAGE_SIDE = 64
FRAME_HEIGHT, FRAME_WIDTH = 96, 128
NOISE_CELL = 8


def make_course(codec: str, zoo: Path | None, folder: Path, seed: int, count: int = 0) -> Course:
    """Write the inputs of a codec's signal into a folder.

    Args:
        codec: its name.
        zoo: where it is, None for the usual places.
        folder: is made.
        seed: of what is drawn.
        count: of inputs, 0 for the usual number.

    Raises:
        InputError: no such codec.
    """
    signal = load_codec_folder(find_codec(codec, zoo), needed=()).manifest.signal
    if signal not in _MAKERS:
        raise InputError(f"codec {codec}: expected one of {', '.join(_MAKERS)}, got one of {signal}")
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    make = _MAKERS[signal]
    found = make(folder, count or COUNTS[signal], rng)
    where = () if zoo is None else ("--zoo", str(zoo))
    words = (*found.words, "--codec", codec, *where, "--json", "--checked", "--timeout-s", "3")
    return Course(signal.replace("-", ""), codec, words, found.keys, found.key, found.answer, found.is_compared)


@dataclass(frozen=True, slots=True)
class _Made:
    words: tuple[str, ...]
    keys: tuple[str, ...]
    key: Callable[[Row], str]
    answer: Callable[[Row], Any]
    is_compared: bool = True


def _clouds(folder: Path, count: int, rng: np.random.Generator) -> _Made:
    paths = [folder / f"{number:05d}.npy" for number in range(count)]
    for path in paths:
        points = rng.normal(size=(CLOUD_POINTS, 3)) * rng.uniform(0.2, 2.0, 3)
        np.save(path, points.astype(np.float32))
    return _Made((str(folder),), tuple(map(str, paths)), _file_of, lambda row: row.get("labels"))


def _images(folder: Path, count: int, rng: np.random.Generator) -> _Made:
    paths = [folder / f"{number:05d}.png" for number in range(count)]
    for path in paths:
        _write_picture(path, _soft_noise(IMAGE_SIDE, IMAGE_SIDE, rng))
    return _Made((str(folder),), tuple(map(str, paths)), _file_of, lambda row: row.get("pixels_crc32"))


def _video(folder: Path, count: int, rng: np.random.Generator) -> _Made:
    """A camera that pans over a picture, and now and then sees another one."""
    scene = _soft_noise(FRAME_HEIGHT, FRAME_WIDTH + count, rng)
    other = _soft_noise(FRAME_HEIGHT, FRAME_WIDTH + count, rng)
    for number in range(count):
        seen = other if number % 50 >= 40 else scene
        _write_picture(folder / f"{number:05d}.png", seen[:, number : number + FRAME_WIDTH])
    keys = tuple(map(str, range(count)))
    return _Made(
        (str(folder), "--video"),
        keys,
        lambda row: str(row.get("frame")),
        lambda row: row.get("labels"),
        is_compared=False,
    )


_MAKERS: Mapping[str, Callable[[Path, int, np.random.Generator], _Made]] = {
    "point-cloud": _clouds,
    "image": _images,
    "video": _video,
}


def _file_of(row: Row) -> str:
    return str(row.get("file"))


def _soft_noise(height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Blobs of colour, uint8 `[height, width, 3]`."""
    from PIL import Image

    cells = rng.integers(0, 256, (height // NOISE_CELL + 1, width // NOISE_CELL + 1, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC))


def _write_picture(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(pixels)).save(path, compress_level=1)
