"""A reader of files, with small files of its own to spoil."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MOST_PEAK_BYTES = 64 << 20
MOST_S = 2.0


@dataclass(frozen=True, slots=True)
class Reader:
    """What takes in files of some kind. Functions are a module's own, so that another process finds them by name.

    Attributes:
        name: of what it reads, "ply".
        signal: what comes out: "pointcloud", "image", "video", "bag", "labels", "network".
        suffixes: of names that it is for; the first is that of the files.
        files: makes files that are read, one or more, of some hundred bytes each.
        read: reads a file to its end; InputError where it is none.
        mend: makes sums of a spoiled file right again, so that what lies behind them is reached; None where there are
            none.
        most_bytes: of memory that a case may add.
        most_s: of this process' time that a case may take.
        share: of the cases that a reader has, for one that is slow.
    """

    name: str
    signal: str
    suffixes: tuple[str, ...]
    files: Callable[[], tuple[bytes, ...]]
    read: Callable[[Path], object]
    mend: Callable[[bytes], bytes] | None = None
    most_bytes: int = MOST_PEAK_BYTES
    most_s: float = MOST_S
    share: float = 1.0
