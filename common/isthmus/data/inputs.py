"""What a user named: files, folders of them, and pipes, read within a bound."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError


def found_files(inputs: Iterable[str | Path], suffixes: tuple[str, ...], kind: str) -> list[Path]:
    """Files as given; folders replaced by the files under them with one of the suffixes, at any depth, sorted by path.

    Hidden files and folders inside a given folder are passed over.

    Args:
        inputs: files and folders.
        suffixes: in lower case, with the dot.
        kind: what the files are, for messages: "point cloud".

    Raises:
        InputError: an input does not exist, or a folder holds no such file.
    """
    found: list[Path] = []
    for path in map(Path, inputs):
        if path.is_dir():
            inside = [p for p in path.rglob("*") if _is_wanted(p, path, suffixes)]
            if not inside:
                raise InputError(f"{path}: expected {kind} files ({', '.join(suffixes)}) in this folder, got none")
            found += sorted(inside)
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path}: expected a file or folder, got a path where nothing is")
    return found


def read_source(source: str | Path | BinaryIO, kind: str, max_bytes: int) -> bytes:
    """All bytes of a file or a binary stream. InputError if there are none, more than `max_bytes`, or it cannot."""
    if not isinstance(source, str | Path):
        return _read_stream(source, "standard input", kind, max_bytes)
    try:
        with Path(source).open("rb") as file:
            return _read_stream(file, str(source), kind, max_bytes)
    except OSError as error:
        raise InputError(f"{source}: expected a readable file: {error.strerror or error}") from error


def _is_wanted(path: Path, root: Path, suffixes: tuple[str, ...]) -> bool:
    if any(part.startswith(".") for part in path.relative_to(root).parts):
        return False
    return path.name.lower().endswith(suffixes) and path.is_file()


def _read_stream(stream: BinaryIO, name: str, kind: str, max_bytes: int) -> bytes:
    """All of a stream, in pieces: what a pipe holds is only known at its end."""
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(2**20):
        size += len(piece)
        if size > max_bytes:
            raise InputError(f"{name}: expected at most {max_bytes} bytes, got more")
        pieces.append(piece)
    if not size:
        raise InputError(f"{name}: expected {kind}, got an empty file")
    return b"".join(pieces)
