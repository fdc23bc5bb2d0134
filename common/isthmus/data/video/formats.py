"""Videos by their names. Apart from `files`, so that asking loads neither PyAV nor OpenCV."""

from __future__ import annotations

import re
from pathlib import Path

from isthmus.common.video.signal import CAMERA_PATTERN, VIDEO

SUFFIXES = VIDEO.suffixes

CAMERA = re.compile(CAMERA_PATTERN)


def is_video_name(source: str | Path) -> bool:
    """Whether the name is that of a video file, or of a camera ("camera:0")."""
    name = str(source)
    return CAMERA.fullmatch(name) is not None or Path(name).name.lower().endswith(SUFFIXES)
