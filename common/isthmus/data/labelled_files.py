"""Files with labels, as people keep them, of any signal: which file is of which class.

| layout | split |
|---|---|
| a `.csv` or `.tsv` of file and label, perhaps split, with or without heads; paths from its folder | train, test |
| `class/train/*`, `class/test/*` | train, test |
| `train/class/*`, `test/class/*` | train, test |
| `class/*`, at any depth | test |
| flat files `LABEL-nnn.suffix` or `LABEL_nnn.suffix` | test |

Only classes that have files count, and a set is called by its folder.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.text import text_of

Int64 = npt.NDArray[np.int64]
IsWanted = Callable[[Path], bool]
Pair = tuple[Path, str]

TABLES = (".csv", ".tsv")
SPLIT_FOLDERS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}
FILE_HEADS = frozenset({"file", "filename", "file_name", "path", "filepath", "image", "cloud", "video"})
LABEL_HEADS = frozenset({"label", "class", "class_name", "classname", "category"})
NUMBERED = re.compile(r"(.*[^\W\d_])[-_ ]*[-_ ]\d+")
SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)  # Excel's own first line
NUMBER_NAME = re.compile(r"class \d+")
_WORDNET = re.compile(r"n\d{8}_")
MAX_TABLE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class LabelledFiles:
    """Files of one split.

    Attributes:
        name: of the set: its folder's, or its table's.
        paths: of the files, by class, then by name; of a table in its order.
        labels: a class a file, an index into `class_names`.
        class_names: those that have files, in the order of the alphabet.
    """

    name: str
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def find_labelled_files(path: Path, split: str, is_wanted: IsWanted, kind: str) -> LabelledFiles:
    """The labelled files of one split of a table or a folder.

    Args:
        path: of either.
        split: "train" or "test".
        is_wanted: whether a file is of the signal, by its name.
        kind: what the files are, for messages: "point cloud".

    Raises:
        InputError: none of the layouts, or nothing of the split in it.
    """
    if path.suffix.lower() in TABLES:
        groups = _from_table(path)
    elif path.is_dir():
        groups = _from_folder(path, is_wanted)
    else:
        raise InputError(
            f"{path}: expected a folder of labelled {kind} files, or a .csv of file and label, got neither"
        )
    if not any(groups.values()):
        raise InputError(
            f"{path}: expected labelled {kind} files: CLASS/FILE, CLASS/test/FILE, test/CLASS/FILE or LABEL-001.suffix"
            ", or a .csv of file and label, got none of these"
        )
    pairs = groups[split]
    if not pairs:
        other = "test" if split == "train" else "train"
        raise InputError(
            f"{path}: expected {kind} files of the split {split}, got {len(groups[other])} of {other} alone: put those "
            f"of {split} into CLASS/{split}"
        )
    names = tuple(sorted({label for group in groups.values() for _, label in group}))
    places = {name: i for i, name in enumerate(names)}
    name = path.stem if path.suffix.lower() in TABLES else path.resolve().name
    return LabelledFiles(name, tuple(p for p, _ in pairs), tuple(places[label] for _, label in pairs), names)


def placed(labels: Iterable[int], names: Sequence[str], known: Sequence[str], name: str, codec: str) -> Int64:
    """Labels [files] as a codec numbers its classes: found by name, in any case, with _, - or spaces; a subset too.

    A codec that was given no names ("class 0", "class 1") takes them as they are, where there are as many. So does one
    whose classes are numbered as the data's are: data that have names of some numbers only ("class 3" for the others),
    nine tenths of which, without an identifier of WordNet, are where the codec has them.

    Args:
        labels: indices into `names`.
        names: of the data's classes; those without a label do not matter.
        known: of the codec's.
        name: of the data, for messages.
        codec: of the codec.

    Raises:
        InputError: classes that the codec does not know, with what may have been meant.
    """
    given = np.fromiter(labels, np.int64)
    is_numbered = len(names) == len(known) and all(NUMBER_NAME.fullmatch(class_name) for class_name in known)
    if tuple(names) == tuple(known) or is_numbered:
        return given
    places = _places(known)
    used = sorted({int(label) for label in given})
    if _numbered_alike(names, used, places, len(known)):
        return given
    unknown = [names[label] for label in used if _plain(names[label]) not in places]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.7)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(
            f"{name}: expected classes that {codec} knows: {', '.join(known[:40])}{', ..' if len(known) > 40 else ''}; "
            f"got {', '.join(unknown)}{meant}: rename or leave them out, or choose a codec of these classes"
        )
    table = np.full(len(names), -1, np.int64)
    for label in used:
        table[label] = places[_plain(names[label])]
    return table[given]


def _numbered_alike(names: Sequence[str], used: Sequence[int], places: Mapping[str, int], count: int) -> bool:
    """Whether data that number their classes, and name some, mean the numbers of a codec of `count` classes."""
    if len(names) > count or not any(name == f"class {i}" for i, name in enumerate(names)):
        return False
    words = {label: _plain(_WORDNET.sub("", names[label])) for label in used if names[label] != f"class {label}"}
    alike = [places[word] == label for label, word in words.items() if word in places]
    return 2 * len(alike) >= len(words) and 10 * sum(alike) >= 9 * len(alike)


def _places(known: Sequence[str]) -> dict[str, int]:
    """Where a class is, by its name, and by each of its synonyms ("tench, Tinca tinca") that no other class has."""
    synonyms = [(_plain(word), i) for i, name in enumerate(known) for word in {_plain(w) for w in name.split(",")}]
    count = Counter(word for word, _ in synonyms)
    return {w: i for w, i in synonyms if count[w] == 1} | {_plain(name): i for i, name in enumerate(known)}


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "_", name.strip().lower())


def _is_there(file: Path) -> bool:
    """Whether it is a file; what is no name at all, as it is too long, is none."""
    try:
        return file.is_file()
    except OSError:
        return False


def _from_table(path: Path) -> dict[str, list[Pair]]:
    """Pairs of each split of a table; all of them are test where it has no split."""
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise InputError(f"{path}: expected a table of at most {MAX_TABLE_BYTES} bytes, got {path.stat().st_size}")
        text, delimiter = _text(path)
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in row)]
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: expected a table of file and label: {error}") from error
    heads = [cell.strip().lower() for cell in rows[0]] if rows else []
    file_at = next((i for i, head in enumerate(heads) if head in FILE_HEADS), None)
    label_at = next((i for i, head in enumerate(heads) if head in LABEL_HEADS), None)
    split_at = heads.index("split") if "split" in heads else None
    has_heads = file_at is not None and label_at is not None
    file_at, label_at = (file_at, label_at) if has_heads else (0, 1)
    found: dict[str, list[Pair]] = {"train": [], "test": []}
    for number, row in enumerate(rows[has_heads:], 1 + has_heads):
        if len(row) <= max(file_at or 0, label_at or 0):
            raise InputError(f"{path}, row {number}: expected a file and a label, got {delimiter.join(row)!r}")
        file, label = path.parent / row[file_at or 0].strip(), row[label_at or 0].strip()
        if not _is_there(file) or not label:
            raise InputError(
                f"{path}, row {number}: expected a file that is there and a label, got {file} and {label!r}"
            )
        wanted = row[split_at].strip().lower() if split_at is not None and len(row) > split_at else "test"
        split = next((s for s, words in SPLIT_FOLDERS.items() if wanted in words), None)
        if split is None:
            raise InputError(f"{path}, row {number}: expected the split train or test, got {wanted!r}")
        found[split].append((file, label))
    return found


def _text(path: Path) -> tuple[str, str]:
    """The text of a table as spreadsheets save it, UTF-8, or UTF-16 and UTF-32 with marks, and what parts its cells.

    Raises:
        InputError: no such text.
    """
    try:
        text = text_of(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    except InputError as error:
        raise InputError(f"{path}: expected a table of file and label: {error}") from error
    first, _, rest = text.partition("\n")
    if said := SEPARATOR.fullmatch(first):
        return rest, said[1]
    return text, "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)


def _from_folder(path: Path, is_wanted: IsWanted) -> dict[str, list[Pair]]:
    """Pairs of each split, of the first layout that fits."""
    files = sorted(
        p for p in path.rglob("*") if not any(x.startswith(".") for x in p.relative_to(path).parts) and is_wanted(p)
    )
    parts = [p.relative_to(path).parts for p in files if p.is_file()]
    splits = {word: split for split, words in SPLIT_FOLDERS.items() for word in words}
    deep = [x for x in parts if len(x) > 2]
    found: dict[str, list[Pair]] = {"train": [], "test": []}
    if deep and all(x[1].lower() in splits for x in deep):
        for x in deep:
            found[splits[x[1].lower()]].append((path.joinpath(*x), x[0]))
    elif deep and all(x[0].lower() in splits for x in deep):
        for x in deep:
            found[splits[x[0].lower()]].append((path.joinpath(*x), x[1]))
    elif any(len(x) > 1 for x in parts):
        found["test"] = [(path.joinpath(*x), x[0]) for x in parts if len(x) > 1]
    else:
        numbered = [(x, NUMBERED.fullmatch(Path(x[0]).stem)) for x in parts]
        if all(match for _, match in numbered):
            found["test"] = [(path / x[0], match[1]) for x, match in numbered if match]
    return found
