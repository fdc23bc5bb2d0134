"""Bags from files and folders: one door for all kinds of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.natural_order import natural_key
from isthmus.data.bag.formats import METADATA, PACKED, SUFFIXES, is_bag_name
from isthmus.data.bag.mcap import McapBag
from isthmus.data.bag.ros1 import Ros1Bag
from isthmus.data.bag.sqlite import SqliteBag
from isthmus.data.bag.values import Bag, Contents, Recorded, Topic, summed

MAX_METADATA_BYTES = 16 * 2**20
LISTED = re.compile(r"^\s*-\s*[\"']?([^\"'\n:]+\.(?:mcap|db3)(?:\.zstd)?)[\"']?\s*$", re.MULTILINE)


def open_bag(path: str | Path) -> Bag:
    """A bag.

    Args:
        path: a `.mcap` or `.db3` file, the folder of one or several that ROS 2 recorded, or a `.bag` of ROS 1.

    Raises:
        InputError: nothing there, or something else.
    """
    path = Path(path)
    if path.is_dir():
        return FolderBag(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a file or folder, got a path where nothing is")
    name = path.name.lower()
    if name.endswith(PACKED):
        raise InputError(f"{path}: expected a bag that is not packed as a whole; unpack it: zstd -d {path}")
    if name.endswith(".mcap"):
        return McapBag(path)
    if name.endswith(".db3"):
        return SqliteBag(path)
    if name.endswith(".bag"):
        return Ros1Bag(path)
    raise InputError(f"{path}: expected a bag ({', '.join(SUFFIXES)}, or a folder of ROS 2)")


class FolderBag:
    """The files of one recording, one after another; see `isthmus.data.bag.values.Bag`."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        found = [file for file in path.iterdir() if file.is_file() and is_bag_name(file.name)]
        names = {file.name for file in found}
        # Where a file was unpacked, what it was packed in says nothing new.
        found = [file for file in found if not (file.name.lower().endswith(PACKED) and file.stem in names)]
        self._bags = [open_bag(file) for file in sorted(found, key=natural_key)]
        self._missing = sorted(_listed(path / METADATA) - names - {file.stem for file in found}, key=natural_key)
        if not self._bags:
            raise InputError(f"{path}: expected files of a bag ({', '.join(SUFFIXES)}) in this folder, got none")

    def contents(self) -> Contents:
        """The topics of all files."""
        found = [bag.contents() for bag in self._bags]
        faults = [contents.fault for contents in found if contents.fault is not None]
        return summed(self.name, [topic for contents in found for topic in contents.topics], next(iter(faults), None))

    def messages(self, topic: Topic) -> Iterator[Recorded]:
        """The messages of a topic, file after file; what cannot be read of one is said when all others were."""
        fault: InputError | None = None
        for bag in self._bags:
            try:
                yield from bag.messages(topic)
            except InputError as error:
                fault = fault or error
        if fault is not None:
            raise fault
        if self._missing:
            raise InputError(f"{self.name}: expected {', '.join(self._missing)}, as {METADATA} says, got no such file")


def _listed(metadata: Path) -> set[str]:
    """The files that a recording's own description names; none where there is none."""
    try:
        with metadata.open("rb") as file:
            text = file.read(MAX_METADATA_BYTES).decode("utf-8", "replace")
    except OSError:
        return set()
    return {Path(name).name for name in LISTED.findall(text)}
