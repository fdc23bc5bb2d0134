"""Where a codec came from: what its `training.json` says of the command and the data that made it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

HISTORY_FILE = "training.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a codec was trained by and from.

    Attributes:
        command: as a person would type it again.
        data: name of the set.
        data_sha256: of `data_digest`.
    """

    command: str
    data: str
    data_sha256: str


def data_digest(path: Path) -> str:
    """SHA-256 of a data file; of a folder, over its files' names and sizes."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    entries = sorted((str(p.relative_to(path)).replace(os.sep, "/"), p.stat().st_size) for p in path.rglob("*.*"))
    return hashlib.sha256(repr(entries).encode()).hexdigest()
