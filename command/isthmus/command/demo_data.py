"""What of a user's data the demo shows: clouds with labels that a codec knows, clouds without, images, videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.zoo import find_codec
from isthmus.data.image.formats import is_image_name
from isthmus.data.labelled_files import TABLES, LabelledFiles, find_labelled_files, placed
from isthmus.data.pointcloud.formats import is_point_cloud_name
from isthmus.data.video.formats import is_video_name

SETS = (".npz", ".h5", ".hdf5")
"""Whole sets in a file."""


@dataclass(frozen=True, slots=True)
class DemoData:
    """What is shown.

    Attributes:
        clouds: files, or a folder of them, to be classified.
        images, videos: files.
        is_labelled: whether the data is a labelled set of clouds, to be scored.
        note: why a set that has labels is not scored; "" where there is nothing to say.
    """

    clouds: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()
    is_labelled: bool = False
    note: str = ""


def demo_data(data: Path, codec: str) -> DemoData:
    """What lies at a path, for a codec of clouds.

    A folder of clouds is a labelled set where its layout is one's and the codec knows its classes: folders may be named
    after days, too. InputError where no such codec is.
    """
    if data.suffix.lower() in SETS:
        return DemoData(is_labelled=True)
    if data.suffix.lower() in TABLES and data.is_file():
        return _table(data, codec)
    if not data.is_dir():
        return _files([data])
    if any(data.glob("*.h5")):
        return DemoData(is_labelled=True)
    found = _files(sorted(path for path in data.rglob("*") if path.is_file()), is_certain=True)
    labelled = _labelled(data, _is_surely_cloud)
    note = "" if labelled is None else _unknown(labelled, codec)
    if labelled is not None and not note:
        return DemoData(is_labelled=True)
    is_of_clouds = found.clouds or not (found.images or found.videos)
    note = note if labelled is not None and _knows_some(labelled, codec) else ""
    return DemoData((data,) if is_of_clouds else (), found.images, found.videos, note=note)


def _table(data: Path, codec: str) -> DemoData:
    """A table of files and labels, or else of points."""
    labelled = _labelled(data, lambda _: True)
    if labelled is None:
        return DemoData((data,))
    found = _files(labelled.paths)
    if not found.clouds:
        return found
    if note := _unknown(labelled, codec):
        return DemoData(found.clouds, found.images, found.videos, note=note)
    return DemoData(images=found.images, videos=found.videos, is_labelled=True)


def _files(paths: Sequence[Path], *, is_certain: bool = False) -> DemoData:
    return DemoData(
        tuple(path for path in paths if is_point_cloud_name(path, is_certain=is_certain)),
        tuple(path for path in paths if is_image_name(path)),
        tuple(path for path in paths if is_video_name(path)),
    )


def _is_surely_cloud(path: Path) -> bool:
    return is_point_cloud_name(path, is_certain=True)


def _labelled(data: Path, is_wanted: Callable[[Path], bool]) -> LabelledFiles | None:
    try:
        return find_labelled_files(data, "test", is_wanted, "point cloud")
    except InputError:
        return None


def _class_names(codec: str) -> tuple[str, ...]:
    return load_codec_folder(find_codec(codec), needed=()).manifest.classes


def _unknown(labelled: LabelledFiles, codec: str) -> str:
    """Why the labels are none of a codec's; "" where they are."""
    try:
        placed(labelled.labels, labelled.class_names, _class_names(codec), labelled.name, codec)
    except InputError as error:
        return f"classified, not scored: {error}"
    return ""


def _knows_some(labelled: LabelledFiles, codec: str) -> bool:
    """Whether one class at least is the codec's, so that the others may be misspelt."""
    known = _class_names(codec)
    for label in set(labelled.labels):
        try:
            placed([label], labelled.class_names, known, labelled.name, codec)
        except InputError:
            continue
        return True
    return False
