"""Which codecs of a zoo are measured."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from isthmus.common.zoo import codec_folders


def fitting_codecs(zoo: Path, patterns: str) -> list[Path]:
    """Folders of the codecs whose names fit one of the patterns (comma apart), in the zoo's order; it may be none."""
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    return [f for f in codec_folders(zoo) if any(fnmatchcase(f.name, pattern) for pattern in wanted)]
