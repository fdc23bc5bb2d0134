"""Image formats by the names of their files. Apart from `files`, so that asking does not load Pillow."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.image.signal import IMAGE

SUFFIXES = IMAGE.formats
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))


def is_image_name(path: str | Path) -> bool:
    """Whether the name ends as an image file's."""
    return Path(path).name.lower().endswith(tuple(SUFFIXES))
