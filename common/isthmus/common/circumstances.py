"""Under what circumstances a number is measured: the day, which code, which processor, how busy the machine was."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CODE = ("benchmarks", "cloud", "command", "common", "edge", "measure", "models", "proto", "pyproject.toml")
"""What decides a figure, seen from the checkout; its documents, tests and results do not."""
UNKNOWN = "unknown"
COMMIT_DIGITS = 12
CHANGED = "+"
"""What follows a commit whose code has been changed since."""
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a figure that depends on code or machine has to be read with.

    Attributes:
        date: of the day, in UTC, as 2026-11-29.
        commit: the last one that changed `CODE`, with `CHANGED` where it has been changed since; or `UNKNOWN`.
        processor: its model's name.
        cores: that the system shows.
        load: processes that wanted a core in the minute before the command began; None where the system does not say.
    """

    date: str
    commit: str
    processor: str
    cores: int
    load: float | None

    @classmethod
    def here(cls) -> Circumstances:
        """Those of this process."""
        return cls(datetime.now(UTC).date().isoformat(), code_commit(), processor(), os.cpu_count() or 1, load_before())

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Circumstances:
        """Those of a results file; KeyError, TypeError or ValueError where it has others."""
        load = document["load"]
        return cls(
            str(document["date"]),
            str(document["commit"]),
            str(document["processor"]),
            int(document["cores"]),
            None if load is None else float(load),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain containers."""
        return asdict(self)


def load() -> float | None:
    """Processes that wanted a core in the last minute, their mean; None where the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


@functools.cache
def load_before() -> float | None:
    """The load when this was first asked, which a command does before it works."""
    return load()


@functools.cache
def code_commit() -> str:
    """The commit of the checkout that this very code lies in; `UNKNOWN` where it was installed without one."""
    root = Path(__file__).resolve().parents[3]
    commit = _git(root, "log", "-1", f"--abbrev={COMMIT_DIGITS}", "--format=%h", "--", *CODE)
    if not commit or not (root / CODE[-1]).is_file():
        return UNKNOWN
    return commit + (CHANGED if _git(root, "status", "--porcelain", "--", *CODE) else "")


@functools.cache
def processor() -> str:
    """Its model's name."""
    try:
        found = re.search(r"^model name\s*: (.+)$", _CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine() or UNKNOWN


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
