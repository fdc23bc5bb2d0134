"""Folders of still pictures that are no files beside the project: `python -m isthmus.measure.everything.stills davis`.

`davis` is the first frame of each natural sequence, written as PNG; `scikit-image` the photographs that it installs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import PIL.Image

from isthmus.common.errors import InputError, IsthmusError
from isthmus.data.beside import data_beside
from isthmus.data.video.clips import packed_sequences
from isthmus.measure.image.photographs import shipped_photographs

SEQUENCES = "davis20_416x240_32f.npz"


def write_davis(folder: Path) -> None:
    """The first frame of each sequence, as `00.png`. InputError where the sequences are not there."""
    clips = packed_sequences(data_beside(SEQUENCES), 1)
    for index in range(len(clips)):
        PIL.Image.fromarray(clips.clip(index).frames[0]).save(folder / f"{index:02d}.png")


def write_scikit_image(folder: Path) -> None:
    """Copies of its photographs. InputError where it is not installed."""
    for path in shipped_photographs():
        shutil.copyfile(path, folder / path.name)


STILLS: Mapping[str, Callable[[Path], None]] = {"davis": write_davis, "scikit-image": write_scikit_image}


def write_stills(name: str, beside: Path = Path()) -> Path:
    """A folder of that name in `beside`, whole or not there; answers it.

    Raises:
        InputError: no such stills are known, or what they are made of is not there.
    """
    if name not in STILLS:
        raise InputError(f"expected one of {', '.join(STILLS)}, got {name!r}")
    partial = beside / f"{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    STILLS[name](partial)
    return partial.replace(beside / name)


def main(arguments: list[str] | None = None) -> int:
    """Writes the folder here; 2 where it cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m isthmus.measure.everything.stills",
        description="Write a folder of still pictures to measure on.",
    )
    parser.add_argument("name", choices=tuple(STILLS))
    try:
        print(write_stills(parser.parse_args(arguments).name))
    except (IsthmusError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
