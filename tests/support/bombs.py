"""Files that unpack to far more than they take."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_bomb(good: Path, bomb: Path, name: str, size_bytes: int) -> None:
    """A copy of an npz file in which the array of a name is so many zeros."""
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for each in source.namelist():
            target.writestr(each, bytes(size_bytes) if each == name else source.read(each))
