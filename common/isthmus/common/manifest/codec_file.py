"""A codec's file, read once: what was hashed is what is opened, whatever becomes of the path meanwhile.

A name that leads out of its folder is refused, and so is what is no plain file: a pipe would be waited for, a device
has no end.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError


@dataclass(frozen=True, slots=True)
class CodecFile:
    """Bytes of a file, and where they were.

    Attributes:
        path: for messages; nothing is read there any more.
        data: of the file.
    """

    path: Path
    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def sha256(self) -> str:
        """Of the bytes, lower-case hex."""
        return hashlib.sha256(self.data).hexdigest()


Source = Path | CodecFile
"""Where a loader finds its bytes."""


def stream_of(source: Source) -> Path | BinaryIO:
    """What NumPy and zipfile open."""
    return io.BytesIO(source.data) if isinstance(source, CodecFile) else source


def read_plain_file(folder: Path, name: str, most_bytes: int = -1) -> CodecFile:
    """A plain file in a folder, or as much of it as `most_bytes` say.

    Raises:
        InputError: it is a pipe, a device, or a link out of the folder; the message begins after the path.
        OSError: it cannot be read.
    """
    path = folder / name
    there = path.resolve(strict=True)
    if there.parent != folder.resolve():
        raise InputError("expected a file in this folder, got a link out of it")
    # Without waiting: a pipe that nobody writes to opens too, and is then found to be one.
    handle = os.open(there, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InputError("expected a plain file, got a pipe, a device or a folder")
        return CodecFile(path, file.read(most_bytes))
