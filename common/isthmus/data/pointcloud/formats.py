"""Formats of point clouds by the names of their files. Apart from `files`, so that asking loads no reader."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.errors import InputError

# Suffix to format. ".pcd.bin" is what nuScenes calls its sweeps: five floats a point, the fifth the ring index.
SUFFIXES = {
    ".off": "off",
    ".xyz": "xyz",
    ".txt": "xyz",
    ".csv": "xyz",
    ".npy": "npy",
    ".pcd.bin": "bin5",
    ".bin": "bin",
    ".ply": "ply",
    ".pcd": "pcd",
    ".obj": "obj",
    ".stl": "stl",
}
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))

# Names that many files have which are no point clouds: beside images or videos they count for nothing.
VAGUE_SUFFIXES = (".txt", ".csv", ".bin")


def is_point_cloud_name(path: str | Path, *, is_certain: bool = False) -> bool:
    """Whether the name ends as a point cloud's; where `is_certain`, as hardly any other file's."""
    path = Path(path)
    if is_certain and path.suffix.lower() in VAGUE_SUFFIXES:
        return False
    return path.name.lower().endswith(tuple(SUFFIXES))


def format_of(path: str | Path) -> str:
    """Format by suffix, in any case. Raises InputError for an unknown one."""
    name = Path(path).name.lower()
    for suffix, format_name in SUFFIXES.items():
        if name.endswith(suffix):
            return format_name
    raise InputError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}; rename it or name its format")
