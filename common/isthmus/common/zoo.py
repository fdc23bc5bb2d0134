"""Where codecs lie: the zoo, a folder with one folder a codec, which edge and cloud look into by name."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.manifest.fields import MANIFEST_FILE, check_codec_name

ZOO_VARIABLE = "ISTHMUS_ZOO"

_HERE = Path(__file__).resolve()

# In a wheel the zoo is a portion of the namespace, `isthmus/zoo`; in a checkout it is `models/zoo`.
DEFAULT_ZOOS = (_HERE.parents[1] / "zoo", _HERE.parents[3] / "models" / "zoo")


def find_zoo(folder: str | Path | None = None) -> Path:
    """The zoo asked for; else that of the variable ISTHMUS_ZOO; else the one that ships.

    Raises:
        InputError: there is no such folder.
    """
    asked = folder if folder is not None else os.environ.get(ZOO_VARIABLE) or None
    if asked is not None:
        if not Path(asked).is_dir():
            source = "--zoo" if folder is not None else ZOO_VARIABLE
            raise InputError(f"{asked}: expected a folder of codecs, got none there; set {source} to one")
        return Path(asked)
    for path in DEFAULT_ZOOS:
        if path.is_dir():
            return path
    raise InputError(
        f"expected the codecs that ship in {DEFAULT_ZOOS[0]} or {DEFAULT_ZOOS[1]}, got no such folder; "
        f"give one with --zoo or {ZOO_VARIABLE}"
    )


def codec_folders(zoo: Path) -> tuple[Path, ...]:
    """Folders of the zoo that hold a manifest, sorted by name."""
    return tuple(sorted(p.parent for p in zoo.glob(f"*/{MANIFEST_FILE}")))


def find_codec(name: str | Path, zoo: str | Path | None = None) -> Path:
    """The folder of a codec, by name in the zoo; a path with a separator is taken as it is.

    Raises:
        InputError: no such codec; the message names those there are.
    """
    text = str(name)
    if isinstance(name, Path) or os.sep in text or text in (".", ".."):
        if not (Path(text) / MANIFEST_FILE).is_file():
            raise InputError(f"{text}: expected a codec folder with {MANIFEST_FILE}, got none there")
        return Path(text)
    folder = find_zoo(zoo)
    known = {p.name: p for p in codec_folders(folder)}
    if text not in known:
        near = difflib.get_close_matches(text, known, n=3, cutoff=0.0) or ["none"]
        raise InputError(
            f"codec {text!r}: expected one of the {len(known)} in {folder}, such as {', '.join(near)}; "
            "`isthmus inspect` lists them"
        )
    check_codec_name(text)
    return known[text]
