"""Images as the frames of a video: folders, names with a number in them (`frame%04d.png`), GIF, WebP and PNG that move.

Frames are in natural order: `frame2` before `frame10`. A number that is missing in a pattern keeps its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.common.errors import InputError
from isthmus.common.natural_order import natural_key
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE, Image
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.image.formats import is_image_name
from isthmus.data.image.picture import over_white
from isthmus.data.video.ending import missing_bytes
from isthmus.data.video.libraries import import_av
from isthmus.data.video.source import DEFAULT_FPS, Closing, SourceFrame, told_fps

UInt8 = npt.NDArray[np.uint8]

PATTERN = re.compile(r"%(?:0([0-9]{1,2}))?d")
MOVING_FORMATS = ("GIF", "WEBP", "PNG")
TAIL_BYTES = 4096
MIN_FRAME_MS, USUAL_FRAME_MS = 20, 100
"""Browsers show frames of less than the one for the other."""


class StillsVideo(Closing):
    """Images, one a frame; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(self, path: Path, size: tuple[int, int] | None, fps: float) -> None:
        """Find the images of a folder, of a pattern, or the one image."""
        self.name = str(path)
        self.fps = fps or DEFAULT_FPS
        self.is_live = False
        self._size = size
        if is_pattern(path) and not path.exists():
            self._paths = _numbered(path)
        else:
            self._paths = dict(enumerate(sorted(image_paths([path]), key=natural_key)))

    def __iter__(self) -> Iterator[SourceFrame]:
        """The images; InputError at one that cannot be read."""
        first = next(iter(self._paths), 0)
        for index, (number, path) in enumerate(self._paths.items()):
            yield SourceFrame(Image(sized(read_image(path).pixels, self._size)), index, (number - first) / self.fps)


class MovingImageVideo(Closing):
    """A GIF, WebP or PNG of several frames; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(self, path: Path, size: tuple[int, int] | None, fps: float) -> None:
        """Open it."""
        self.name = str(path)
        self.is_live = False
        self._size, self._wanted_fps = size, fps
        self._file = path.open("rb")  # what Pillow opens itself it leaves open where the file is damaged
        try:
            self._image = PIL.Image.open(self._file, formats=MOVING_FORMATS)
            self._count = int(getattr(self._image, "n_frames", 1))
        except Exception as error:  # Pillow lets through whatever its decoders raise at damaged files
            self._file.close()
            raise InputError(f"{path}: expected a moving image: {error}") from error
        width, height = self._image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            self.close()
            raise InputError(
                f"{path}: expected frames of at most {MAX_PIXELS} pixels and sides of at most {MAX_SIDE}, got "
                f"{width} x {height}"
            )
        self.fps = told_fps(fps, 1000 / self._frame_ms())

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()
        self._file.close()

    def __iter__(self) -> Iterator[SourceFrame]:
        """Its frames, once each however often it repeats; InputError at one that cannot be decoded."""
        time_s = 0.0
        for index in range(self._count):
            try:
                self._image.seek(index)
                shown = self._image.convert("RGBA")
            except Exception as error:
                raise InputError(f"{self.name}: expected {self._count} frames, got {index}: {error}") from error
            pixels = np.asarray(over_white(shown.convert("RGB"), shown.getchannel("A")))
            frame_s = index / self._wanted_fps if self._wanted_fps else time_s
            yield SourceFrame(Image(sized(pixels, self._size)), index, frame_s)
            time_s += self._frame_ms() / 1000
        if not _has_its_end(Path(self.name)):
            raise InputError(f"{self.name}: expected a whole image, got {self._count} frames; it is cut")

    def _frame_ms(self) -> float:
        """How long the present frame is shown."""
        shown_ms = float(self._image.info.get("duration", 0) or 0)
        return shown_ms if shown_ms >= MIN_FRAME_MS else USUAL_FRAME_MS


def is_pattern(path: str | Path) -> bool:
    """Whether a name has a place for a number: `frame%04d.png`."""
    return len(PATTERN.findall(Path(path).name)) == 1


def is_still(name: str) -> bool:
    """Whether a name is that of one image: neither a folder nor a pattern of them, nor an image that moves."""
    path = Path(name)
    is_several = path.is_dir() or (is_pattern(path) and not path.exists())
    return is_image_name(path) and not is_several and not is_moving(path)


def is_moving(path: Path) -> bool:
    """Whether a file is an image of more than one frame."""
    try:
        with path.open("rb") as file, PIL.Image.open(file, formats=MOVING_FORMATS) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # as above
        return False  # who reads it will say what is wrong


def sized(pixels: UInt8, size: tuple[int, int] | None) -> UInt8:
    """Pixels, uint8 ``[height, width, 3]``, of that height and width, by area averages."""
    if size is None or pixels.shape[:2] == size:
        return pixels
    frame = import_av().VideoFrame.from_ndarray(pixels, "rgb24")
    return np.asarray(frame.reformat(size[1], size[0], interpolation="AREA").to_ndarray(), np.uint8)


def _has_its_end(path: Path) -> bool:
    """Whether what ends a GIF or PNG is there, or all that a WebP speaks of."""
    with path.open("rb") as file:
        begin = file.read(4)
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        tail = file.read()
    if begin == b"GIF8":
        return tail.rstrip(b"\0\r\n ").endswith(b";")
    return b"IEND" in tail if begin == b"\x89PNG" else missing_bytes(path) <= 0


def _numbered(pattern: Path) -> dict[int, Path]:
    """The files of a pattern by their numbers, in their order. InputError where there are none."""
    found = PATTERN.search(pattern.name)
    assert found is not None  # `is_pattern` has looked
    before, after, digits = pattern.name[: found.start()], pattern.name[found.end() :], int(found[1] or 0)
    number = re.compile(re.escape(before) + r"([0-9]{" + str(max(digits, 1)) + r",})" + re.escape(after))
    paths: dict[int, Path] = {}
    if pattern.parent.is_dir():
        for path in pattern.parent.iterdir():
            matched = number.fullmatch(path.name)
            if matched and (len(matched[1]) == digits or not matched[1].startswith("0") or matched[1] == "0"):
                paths[int(matched[1])] = path
    if not paths:
        example = PATTERN.sub("1".zfill(digits), pattern.name)
        raise InputError(f"{pattern}: expected files of this pattern, such as {example}, got none")
    return dict(sorted(paths.items()))
