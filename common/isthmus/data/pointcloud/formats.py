"""Formats of point clouds by the names of their files. Apart from `files`, so that asking loads no reader."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.catalog import suffixes_said
from isthmus.common.errors import InputError
from isthmus.common.pointcloud.signal import POINT_CLOUD

SUFFIXES = POINT_CLOUD.formats
RECORDING = "pcap"
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))


def is_point_cloud_name(path: str | Path, *, is_certain: bool = False) -> bool:
    """Whether the name ends as a point cloud's; where `is_certain`, as hardly any other file's."""
    path = Path(path)
    if is_certain and path.suffix.lower() in POINT_CLOUD.vague_suffixes:
        return False
    return path.name.lower().endswith(tuple(SUFFIXES))


def is_recording(path: str | Path, format_name: str = "") -> bool:
    """Whether a file is a recording of what a sensor sent, which may hold many clouds: by a format, or by its name."""
    return (format_name or SUFFIXES.get(Path(path).suffix.lower())) == RECORDING


def format_of(path: str | Path) -> str:
    """Format by suffix, in any case. Raises InputError for an unknown one."""
    name = Path(path).name.lower()
    for suffix, format_name in SUFFIXES.items():
        if name.endswith(suffix):
            return format_name
    raise InputError(f"{path}: expected {suffixes_said()}; rename it, convert it, or name its format")
