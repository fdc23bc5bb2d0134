"""Clips to measure on, one decoded at a time: natural sequences, video files, and still images that are made to move.

| source | truth |
|---|---|
| packed `.npz`: `jpg`, `jpg_off`, `seq`, `frame`, `seq_names` (DAVIS) | none |
| video files of a folder, read with PyAV; wider ones are made `MAX_WIDTH` wide | none |
| labelled video files, in folders of classes or a table | the file's label |
| labelled images, moved (`moving_images`) | the image's label |
| photographs, files or packed (`jpg`, `off`), cut to one size and moved | none |
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from isthmus.common.errors import InputError
from isthmus.data.image.files import read_image
from isthmus.data.image.labelled import LabelledImages
from isthmus.data.labelled_files import find_labelled_files, placed
from isthmus.data.npz import cut_files, read_arrays
from isthmus.data.video.files import open_video
from isthmus.data.video.formats import SUFFIXES, is_video_name
from isthmus.data.video.libraries import import_cv2
from isthmus.data.video.moving_images import ClipMotion, moving_clip

UInt8 = npt.NDArray[np.uint8]

UNLABELLED = -1
MAX_WIDTH = 416
PACKED = ("jpg", "jpg_off", "seq", "frame", "seq_names")


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames that follow one another.

    Attributes:
        name: of the clip.
        frames: uint8 [frames, height, width, 3], sRGB, one or more.
        label: of what every frame shows; `UNLABELLED` where nobody knows.
    """

    name: str
    frames: UInt8
    label: int = UNLABELLED

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[3] != 3 or not self.frames.size:
            raise InputError(
                f"clip {self.name}: expected uint8 [frames, height, width, 3], got {self.frames.dtype} "
                f"{list(self.frames.shape)}"
            )

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class ClipSet:
    """Clips that are made when they are asked for.

    Attributes:
        name: what was measured on.
        clip_names: one a clip.
        make: the clip of an index.
        class_names: of the labels; empty where there are none.
    """

    name: str
    clip_names: tuple[str, ...]
    make: Callable[[int], Clip]
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.clip_names)

    def clip(self, index: int) -> Clip:
        """One clip. InputError where it cannot be read."""
        return self.make(index)

    def with_classes(self, class_names: tuple[str, ...], codec: str) -> ClipSet:
        """The same clips, labelled by the classes of a codec. InputError where it does not know one of them."""
        if not self.class_names or self.class_names == class_names:
            return self
        table = placed(range(len(self.class_names)), self.class_names, class_names, self.name, codec).tolist()

        def make(index: int) -> Clip:
            clip = self.make(index)
            return clip if clip.label == UNLABELLED else replace(clip, label=table[clip.label])

        return ClipSet(self.name, self.clip_names, make, class_names)

    def take(self, count: int) -> ClipSet:
        """The first `count` clips; all, where there are no more or `count` is 0."""
        if not 0 < count < len(self):
            return self
        return ClipSet(self.name, self.clip_names[:count], self.make, self.class_names)


def join_sets(name: str, sets: Sequence[ClipSet]) -> ClipSet:
    """All clips of some sets under one name."""
    places = [(each, index) for each in sets for index in range(len(each))]

    def make(index: int) -> Clip:
        each, place = places[index]
        return each.clip(place)

    return ClipSet(name, tuple(n for each in sets for n in each.clip_names), make)


def shrunk(clips: ClipSet, shorter_side: int) -> ClipSet:
    """The same clips, larger ones made so small that their shorter side is that (area averages, even sides)."""
    if not shorter_side:
        return clips

    def make(index: int) -> Clip:
        clip = clips.clip(index)
        height, width = clip.frames.shape[1:3]
        scale = shorter_side / min(height, width)
        if scale >= 1:
            return clip
        cv2 = import_cv2()
        size = (2 * round(width * scale / 2), 2 * round(height * scale / 2))
        small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in clip.frames]
        return Clip(clip.name, np.stack(small), clip.label)

    return ClipSet(f"{clips.name}, {shorter_side} lines", clips.clip_names, make, clips.class_names)


def packed_sequences(path: Path, max_frames: int = 0) -> ClipSet:
    """The sequences of a packed file, in its order; of each the first `max_frames`, 0 for all.

    Raises:
        InputError: the file is not laid out as said above.
    """
    blob, offsets, stored_sequence, stored_order, stored_names = read_arrays(path, PACKED, kind="packed sequences")
    files = cut_files(path, blob, offsets)
    sequence, order = stored_sequence.astype(np.int64), stored_order.astype(np.int64)
    names = tuple(str(name) for name in stored_names)
    if sequence.shape != (len(files),) or order.shape != (len(files),):
        raise InputError(
            f"{path}: expected a sequence and a place for each of {len(files)} images, got {list(sequence.shape)} and "
            f"{list(order.shape)}"
        )
    places = [np.flatnonzero(sequence == s) for s in range(len(names))]
    places = [p[np.argsort(order[p], kind="stable")][: max_frames or None] for p in places]

    def make(index: int) -> Clip:
        try:
            pictures = [Image.open(io.BytesIO(files[i])) for i in places[index]]
            return Clip(names[index], np.stack([np.asarray(picture.convert("RGB")) for picture in pictures]))
        except (OSError, SyntaxError, ValueError) as error:  # Pillow's own of a broken PNG is a SyntaxError
            raise InputError(f"{path}: sequence {names[index]} cannot be read: {error}") from error

    return ClipSet(path.stem, names, make)


def video_files(paths: Sequence[Path], max_frames: int, name: str = "video files") -> ClipSet:
    """The first `max_frames` of each video file, made at most `MAX_WIDTH` wide (area averages, even sides)."""

    def make(index: int) -> Clip:
        return Clip(paths[index].stem, read_video(paths[index], max_frames))

    return ClipSet(name, tuple(path.stem for path in paths), make)


def labelled_videos(path: Path, max_frames: int) -> ClipSet:
    """The first frames of each video of a folder or table of labelled ones, in the layouts of `labelled_files`.

    Raises:
        InputError: none of the layouts, or no video in it.
    """
    found = find_labelled_files(path, "test", is_video_name, "video")
    clips = video_files(found.paths, max_frames, found.name)

    def make(index: int) -> Clip:
        return replace(clips.make(index), label=found.labels[index])

    return ClipSet(clips.name, clips.clip_names, make, found.class_names)


def find_videos(folder: Path) -> list[Path]:
    """The video files of a folder by name. InputError where there are none."""
    found = sorted(path for path in folder.iterdir() if is_video_name(path)) if folder.is_dir() else []
    if not found:
        raise InputError(f"{folder}: expected a folder with video files ({', '.join(SUFFIXES)}), found none there")
    return found


def read_video(path: Path, max_frames: int, max_width: int = MAX_WIDTH) -> UInt8:
    """The first frames of a video file, uint8 ``[frames, height, width, 3]``.

    Raises:
        InputError: no video in it that can be read.
        MissingDependencyError: without PyAV or OpenCV.
    """
    cv2 = import_cv2()
    frames: list[UInt8] = []
    with open_video(path) as video:
        for frame in islice(video, max_frames):
            pixels = frame.image.pixels
            height, width = pixels.shape[:2]
            if width > max_width:
                size = (max_width, 2 * round(height * max_width / width / 2))
                pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            frames.append(pixels)
    return np.stack(frames)


def moved_labelled(images: LabelledImages, count: int, frames: int, seed: int = 0) -> ClipSet:
    """A clip of each of `count` labelled images (0: of all), spread evenly over the set, moved at random.

    Image i of the set always moves the same way, whatever `count` is.
    """
    if not len(images):
        raise InputError(f"{images.name}: expected labelled images, got none")
    chosen = np.linspace(0, len(images) - 1, min(count or len(images), len(images))).round().astype(int)

    def make(index: int) -> Clip:
        image = int(chosen[index])
        drawn = seed + image
        pixels = moving_clip(images.pixels(image), ClipMotion.random(drawn), frames, drawn)
        return Clip(f"{images.name} {image}", pixels, int(images.labels[image]))

    return ClipSet(images.name, tuple(f"{images.name} {i}" for i in chosen), make, images.class_names)


def moved_photographs(
    photographs: Sequence[Path | bytes], count: int, frames: int, size: tuple[int, int], name: str, seed: int = 0
) -> ClipSet:
    """`count` clips of photographs, one after the other and again with another motion, without labels.

    Args:
        photographs: paths, or whole files as bytes.
        count: of clips.
        frames: of each.
        size: (height, width) of each: the largest middle of that shape, resized.
        name: of the set.
        seed: of the first clip's motion.
    """
    if not photographs:
        raise InputError(f"{name}: expected photographs, got none")

    def make(index: int) -> Clip:
        pixels = _middle(read_image(photographs[index % len(photographs)]).pixels, *size)
        return Clip(names[index], moving_clip(pixels, ClipMotion.random(seed + index), frames, seed + index))

    stems = [p.stem if isinstance(p, Path) else f"{name} {i}" for i, p in enumerate(photographs)]
    names = tuple(f"{stems[i % len(stems)]} {i // len(stems)}" for i in range(count))
    return ClipSet(name, names, make)


def packed_photographs(path: Path, count: int) -> list[bytes]:
    """`count` files of a packed file of photographs (`jpg`, `off`), evenly spread. InputError if it is none."""
    files = cut_files(path, *read_arrays(path, ("jpg", "off"), kind="packed photographs"))
    return [files[i] for i in np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)]


def _middle(pixels: UInt8, height: int, width: int) -> UInt8:
    """The largest middle of that aspect, resized with area averages."""
    full_height, full_width = pixels.shape[:2]
    scale = min(full_height / height, full_width / width)
    cut_height, cut_width = min(full_height, round(scale * height)), min(full_width, round(scale * width))
    top, left = (full_height - cut_height) // 2, (full_width - cut_width) // 2
    cut = Image.fromarray(pixels[top : top + cut_height, left : left + cut_width])
    return np.asarray(cut.resize((width, height), Image.Resampling.BOX))
