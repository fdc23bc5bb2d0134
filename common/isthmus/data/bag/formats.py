"""Bags by their names. Apart from the readers, so that asking loads none."""

from __future__ import annotations

from pathlib import Path

FILES = (".mcap", ".db3")
"""Of which a folder that ROS 2 recorded has one or several."""

ROS1 = ".bag"
SUFFIXES = (*FILES, ROS1)
PACKED = (".zstd", ".zst")
"""Behind the suffix of files that were packed whole."""

METADATA = "metadata.yaml"


def is_bag(path: str | Path) -> bool:
    """Whether a path names a bag: a file by its suffix, or a folder with files of bags and no others.

    What ROS 2 records into a folder has a description beside it, and there others are no matter.
    """
    path = Path(path)
    if not path.is_dir():
        return is_bag_name(path.name)
    try:
        names = {file.name for file in path.iterdir() if not file.name.startswith(".")}
    except OSError:  # who reads the folder says so
        return False
    bags = {name for name in names if is_bag_name(name)}
    return bool(bags) and (METADATA in names or names == bags)


def is_bag_name(name: str) -> bool:
    """Whether a file's name ends as a bag's."""
    name = name.lower()
    return name.endswith(SUFFIXES) or name.endswith(tuple(s + packed for s in FILES for packed in PACKED))
