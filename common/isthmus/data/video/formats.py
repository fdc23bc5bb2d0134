"""Videos by their names. Apart from `files`, so that asking loads neither PyAV nor OpenCV."""

from __future__ import annotations

import re
from pathlib import Path

SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".y4m",
    ".264",
    ".h264",
    ".265",
    ".h265",
    ".hevc",
    ".mpg",
    ".mpeg",
    ".ts",
    ".m2ts",
    ".wmv",
    ".flv",
    ".ogv",
    ".3gp",
    ".mjpeg",
    ".mjpg",
    ".ivf",
    ".obu",
)
"""Of the files that are taken for videos where no codec was named. PyAV reads more."""

CAMERA = re.compile(r"camera:([0-9]{1,3})")


def is_video_name(source: str | Path) -> bool:
    """Whether the name is that of a video file, or of a camera ("camera:0")."""
    name = str(source)
    return CAMERA.fullmatch(name) is not None or Path(name).name.lower().endswith(SUFFIXES)
