"""Files that are there whole or not at all, written beside their place and renamed, never through a link.

A disk that fills, a process that is killed, two writers at once: whoever opens the name finds what was there before or
all of what is new. The part beside has a name that nobody can foretell and is made anew (`O_EXCL`), so nothing planted
in a shared folder is written to. A name that is a link, a pipe or a device is refused: it is not a file's place.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError

PART_SUFFIX = ".part"
PUBLIC, PRIVATE = 0o666, 0o600
"""Who may read a file, less what the process's umask takes away; its owner alone."""


@contextlib.contextmanager
def whole_file(path: Path, mode: int = PUBLIC, *, is_synced: bool = False) -> Iterator[BinaryIO]:
    """A file to write; under its name when the block ends, and nothing of it there if the block raises.

    Args:
        path: its name; the folder must be there.
        mode: `PUBLIC` or `PRIVATE`.
        is_synced: whether it is to survive a power cut that comes right after.

    Raises:
        InputError: it cannot be written, or the name is a link, a folder, a pipe or a device.
    """
    try:
        _check_place(path)
        part = path.with_name(f".{secrets.token_hex(8)}{PART_SUFFIX}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                if is_synced:
                    os.fsync(handle)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected a place to write to: {error.strerror or error}") from error


def write_whole(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Write a file of these bytes. InputError as of `whole_file`."""
    with whole_file(path, mode) as file:
        file.write(data)


def _check_place(path: Path) -> None:
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found):
        kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
        kind = kinds.get(stat.S_IFMT(found), "a device or socket")
        raise InputError(f"{path}: expected a file's place to write to, got {kind}; name the file itself")


def make_folder(path: Path) -> None:
    """Make a folder to save in, and its parents. InputError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected a folder, or a place to make it: {error.strerror or error}") from error
