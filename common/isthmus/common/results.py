"""Measured numbers on disk: one `results/<name>.json` a measurement, and `results/summary.json` over them all.

A detailed file says how it was made (`provenance`: the command, the data's name, which split chose what, the seed, the
versions, the day, the code's commit and the machine; no path), what was found (`detail`, free within) and the few
numbers that are quoted (`summary`, a flat map of dotted keys). The summary file is gathered from the detailed ones and
never edited; documents quote its keys.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isthmus.common.circumstances import Circumstances
from isthmus.common.errors import InputError
from isthmus.common.whole_file import write_whole

SUMMARY_FILE = "summary.json"
SIGNIFICANT_DIGITS = 7
_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
NOTHING_CHOSEN = "Nothing was chosen on data."
NOT_SAID = "–"


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a measurement can be made again, and what its figures have to be read with.

    Attributes:
        command: as it is typed.
        data: what was measured on.
        seed: of everything that is drawn.
        versions: of Python, of packages, and of what is compared with.
        chosen: which split chose what: points, thresholds, codecs. One sentence.
        circumstances: code and machine; None in files of before this was written down.
    """

    command: str
    data: str
    seed: int
    versions: Mapping[str, str]
    chosen: str = NOTHING_CHOSEN
    circumstances: Circumstances | None = None

    @classmethod
    def of(
        cls,
        command: str,
        data: str,
        seed: int,
        packages: tuple[str, ...] = ("numpy",),
        *,
        chosen: str = NOTHING_CHOSEN,
        others: Mapping[str, str] = MappingProxyType({}),
    ) -> Provenance:
        """Here and now, with the versions of Python, of those `packages` that are installed, and of `others`."""
        versions = {"python": platform.python_version()}
        for package in sorted(packages):
            try:
                versions[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
        return cls(command, data, seed, MappingProxyType(versions | dict(others)), chosen, Circumstances.here())


@dataclass(frozen=True, slots=True)
class Results:
    """One measurement: `name` is its file's stem, `summary` the numbers that may be quoted."""

    name: str
    provenance: Provenance
    summary: Mapping[str, float]
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or f"{self.name}.json" == SUMMARY_FILE:
            raise InputError(f"expected a results name of a-z, 0-9 and _ other than 'summary', got {self.name!r}")
        _check_summary(self.summary, self.name)


def write_results(folder: Path, results: Results) -> Path:
    """Write `folder/<name>.json` whole or not at all; answers its path."""
    document = {
        "provenance": _provenance_to_json(results.provenance),
        "summary": dict(sorted(results.summary.items())),
        "detail": dict(results.detail),
    }
    path = folder / f"{results.name}.json"
    _write_json(path, document)
    return path


def read_results(path: Path) -> Results:
    """Read one detailed file; `InputError` says which part of it is not as `write_results` makes it."""
    document = _read_json(path)
    for part, kind in (("provenance", dict), ("summary", dict), ("detail", dict)):
        if not isinstance(document.get(part), kind):
            raise InputError(f"{path.name}: expected an object {part!r}, got {type(document.get(part)).__name__}")
    try:
        provenance = _provenance_from_json(document["provenance"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: expected a provenance of command, data, seed, versions: {error!r}") from error
    return Results(path.stem, provenance, document["summary"], document["detail"])


def gather_summary(folder: Path) -> dict[str, float]:
    """Merge the summaries of all detailed files into `folder/summary.json`; a key said twice is refused."""
    gathered = merge_summaries(folder)
    _write_json(folder / SUMMARY_FILE, gathered)
    return gathered


def merge_summaries(folder: Path) -> dict[str, float]:
    """The flat map that `gather_summary` writes, without writing it."""
    files = sorted(path for path in folder.glob("*.json") if path.name != SUMMARY_FILE)
    if not files:
        raise InputError(f"expected results/*.json in {folder}, found none: run `isthmus measure pointcloud` first")
    owner: dict[str, str] = {}
    gathered: dict[str, float] = {}
    for path in files:
        for key, number in read_results(path).summary.items():
            if key in owner:
                raise InputError(f"summary key {key!r} is in {owner[key]} and in {path.name}: remove it from one")
            owner[key] = path.name
            gathered[key] = number
    return dict(sorted(gathered.items()))


def read_summary(folder: Path) -> dict[str, float]:
    """The gathered map of key to number."""
    summary = _read_json(folder / SUMMARY_FILE)
    _check_summary(summary, SUMMARY_FILE)
    return summary


def rounded(value: Any) -> Any:
    """`value` with every float in it cut to `SIGNIFICANT_DIGITS`, so that files stay short and comparable."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    number = float(value)
    if not math.isfinite(number):
        return None
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}")


def _provenance_to_json(provenance: Provenance) -> dict[str, Any]:
    where = provenance.circumstances
    return {
        "command": provenance.command,
        "data": provenance.data,
        "chosen": provenance.chosen,
        "seed": provenance.seed,
        "versions": dict(provenance.versions),
        **({} if where is None else where.to_json()),
    }


def _provenance_from_json(document: Mapping[str, Any]) -> Provenance:
    return Provenance(
        str(document["command"]),
        str(document["data"]),
        int(document["seed"]),
        MappingProxyType(document["versions"]),
        str(document.get("chosen", NOT_SAID)),
        Circumstances.from_json(document) if "commit" in document else None,
    )


def _check_summary(summary: Mapping[str, Any], where: str) -> None:
    for key, number in summary.items():
        if not _KEY.fullmatch(key):
            raise InputError(f"{where}: expected summary keys like 'wire.bytes_per_cloud', got {key!r}")
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise InputError(f"{where}: expected a finite number at {key!r}, got {number!r}")


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(document), indent=1, allow_nan=False, ensure_ascii=False)
    write_whole(path, f"{_short_lines(text)}\n".encode())


def _short_lines(text: str) -> str:
    """Arrays of plain numbers on one line: a curve stays readable in a diff."""
    return re.sub(r"\[\n\s*([-+.\deE,\s]+?)\n\s*\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"expected results at {path}, {error.strerror}: run `isthmus measure` first") from error
    except ValueError as error:
        raise InputError(f"{path.name}: expected JSON, {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path.name}: expected a JSON object, got {type(document).__name__}")
    return document
