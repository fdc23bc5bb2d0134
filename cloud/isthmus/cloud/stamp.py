"""Whether a file is another one than before, without reading it."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.errors import InputError

Stamp = tuple[int, int, int]
"""When it was last written, in ns; its number in the file system; its size in bytes."""


def stamp_of(path: Path, kind: str) -> Stamp:
    """As the file is now. InputError, naming what `kind` of file was expected, where there is none."""
    try:
        told = path.stat()
    except OSError as error:
        raise InputError(f"{path}: expected {kind}: {error.strerror or error}") from error
    return told.st_mtime_ns, told.st_ino, told.st_size
