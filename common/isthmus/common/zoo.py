"""Where codecs lie: zoos, folders with one folder a codec, which edge and cloud look into by name.

Several are searched in order: those that were asked for (else those of ISTHMUS_ZOO), and the one that ships last. So a
codec of one's own stands beside those that ship, and one of the same name stands before it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.manifest.fields import MANIFEST_FILE, check_codec_name
from isthmus.common.natural_order import natural_key

ZOO_VARIABLE = "ISTHMUS_ZOO"

_HERE = Path(__file__).resolve()

# In a wheel the zoo is a portion of the namespace, `isthmus/zoo`; in a checkout it is `models/zoo`.
DEFAULT_ZOOS = (_HERE.parents[1] / "zoo", _HERE.parents[3] / "models" / "zoo")

# Of a name that nobody knows, an error says so many characters; of those that are like it, so many names.
MAX_SAID_NAME = 80
MAX_NEAREST = 3

ZooFolders = str | Path | Sequence[str | Path] | None
"""A zoo, several in their order, or None for the usual ones."""


def find_zoos(folders: ZooFolders = None) -> tuple[Path, ...]:
    """The zoos that codecs are looked for in, in order: those asked for, else those of ISTHMUS_ZOO; then what ships.

    Raises:
        InputError: a folder that was asked for is none or holds no codec, or there is none at all.
    """
    asked, source = ([folders] if isinstance(folders, str | Path) else list(folders or ())), "--zoo"
    if not asked:
        asked, source = [word for word in os.environ.get(ZOO_VARIABLE, "").split(os.pathsep) if word], ZOO_VARIABLE
    for folder in asked:
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: expected a folder of codecs, got none there; set {source} to one")
        if not codec_folders(Path(folder)):
            raise InputError(
                f"{folder}: expected at least one codec in it, a folder with {MANIFEST_FILE}, got none; "
                f"set {source} to a folder of codecs"
            )
    found = [Path(folder) for folder in asked] + [path for path in DEFAULT_ZOOS if path.is_dir()][:1]
    if not found:
        raise InputError(
            f"expected the codecs that ship in {DEFAULT_ZOOS[0]} or {DEFAULT_ZOOS[1]}, got no such folder; "
            f"give one with --zoo or {ZOO_VARIABLE}"
        )
    return tuple(dict.fromkeys(found))


def find_zoo(folders: ZooFolders = None) -> Path:
    """The first of the zoos: what a command takes that works on all codecs of a zoo. Raises as `find_zoos`."""
    return find_zoos(folders)[0]


def codec_folders(zoos: Path | Sequence[Path]) -> tuple[Path, ...]:
    """Folders that hold a manifest, by name in natural order; of a name that several zoos have, the first one's."""
    found: dict[str, Path] = {}
    for zoo in [zoos] if isinstance(zoos, Path) else zoos:
        for manifest in zoo.glob(f"*/{MANIFEST_FILE}"):
            found.setdefault(manifest.parent.name, manifest.parent)
    return tuple(found[name] for name in sorted(found, key=natural_key))


def find_codec(name: str | Path, zoo: ZooFolders = None) -> Path:
    """The folder of a codec, by name in the zoos; a path with a separator is taken as it is.

    Raises:
        InputError: no such codec; the message names the nearest there are, and where they were looked for.
    """
    text = str(name)
    if isinstance(name, Path) or os.sep in text or text in (".", ".."):
        if not (Path(text) / MANIFEST_FILE).is_file():
            raise InputError(f"{text}: expected a codec folder with {MANIFEST_FILE}, got none there")
        return Path(text)
    zoos = find_zoos(zoo)
    known = {path.name: path for path in codec_folders(zoos)}
    if text not in known:
        if len(text) <= MAX_SAID_NAME and (Path(text) / MANIFEST_FILE).is_file():
            raise InputError(f"codec {text!r}: expected a name, got that of a folder here: say .{os.sep}{text}")
        if family := sorted((n for n in known if re.fullmatch(re.escape(text) + r"-q\d+", n)), key=natural_key):
            raise InputError(
                f"codec {text!r}: expected one codec, got the name of a family of {len(family)}: name one of "
                f"{', '.join(family)}"
            )
        raise InputError(
            f"codec {text[:MAX_SAID_NAME]!r}: expected {one_of(text, known)} in {', '.join(map(str, zoos))}; "
            "`isthmus inspect` lists them, and --zoo names another folder of codecs"
        )
    check_codec_name(text)
    return known[text]


def one_of(name: str, known: Iterable[str]) -> str:
    """ "one of the 159, such as ..." with the names that are most like one that nobody knows; bounded in length."""
    names = list(known)
    near = difflib.get_close_matches(name[:MAX_SAID_NAME], names, n=MAX_NEAREST, cutoff=0.0)
    return f"one of the {len(names)}, such as {', '.join(near) or 'none'}"
