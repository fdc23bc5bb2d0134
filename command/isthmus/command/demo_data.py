"""What of a user's data the demo shows: clouds with labels that a codec knows, and files of all signals without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.common.catalog import SIGNALS
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.zoo import find_codec
from isthmus.data.labelled_files import TABLES, LabelledFiles, find_labelled_files, placed

SETS = (".npz", ".h5", ".hdf5")
"""Whole sets in a file."""
CLOUDS = POINT_CLOUD.name


@dataclass(frozen=True, slots=True)
class DemoData:
    """What is shown.

    Attributes:
        files: by signal; of clouds perhaps the one folder that they are in.
        is_labelled: whether the data is a labelled set of clouds, to be scored.
        note: why a set that has labels is not scored; "" where there is nothing to say.
    """

    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    is_labelled: bool = False
    note: str = ""

    def of(self, signal: str) -> tuple[Path, ...]:
        """The files of a signal."""
        return self.files.get(signal, ())


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
        return DemoData(_by_signal([data]))
    if any(data.glob("*.h5")):
        return DemoData(is_labelled=True)
    found = _by_signal(sorted(path for path in data.rglob("*") if path.is_file()), is_certain=True)
    labelled = _labelled(data, _is_surely_cloud)
    note = "" if labelled is None else _unknown(labelled, codec)
    if labelled is not None and not note:
        return DemoData(is_labelled=True)
    if found.pop(CLOUDS, ()) or not found:
        found[CLOUDS] = (data,)
    return DemoData(found, note=note if labelled is not None and _knows_some(labelled, codec) else "")


def _table(data: Path, codec: str) -> DemoData:
    """A table of files and labels, or else of points."""
    labelled = _labelled(data, lambda _: True)
    if labelled is None:
        return DemoData({CLOUDS: (data,)})
    found = _by_signal(labelled.paths)
    if CLOUDS not in found:
        return DemoData(found)
    if note := _unknown(labelled, codec):
        return DemoData(found, note=note)
    return DemoData({signal: paths for signal, paths in found.items() if signal != CLOUDS}, is_labelled=True)


def _by_signal(paths: Iterable[Path], *, is_certain: bool = False) -> dict[str, tuple[Path, ...]]:
    """Files by the signal that their names are of; with `is_certain` without those that may be anything."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in paths:
        for name, signal in SIGNALS.items():
            is_vague = is_certain and path.suffix.lower() in signal.vague_suffixes
            if signal.has_name(path.name) and not is_vague:
                found[name] = (*found.get(name, ()), path)
    return found


def _is_surely_cloud(path: Path) -> bool:
    return CLOUDS in _by_signal([path], is_certain=True)


def _labelled(data: Path, is_wanted: Callable[[Path], bool]) -> LabelledFiles | None:
    try:
        return find_labelled_files(data, "test", is_wanted, POINT_CLOUD.noun)
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
