"""What the commands that train have in common: how they run, where codecs go, and what to do with them next."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.command.frame import print_note
from isthmus.common.errors import InputError
from isthmus.common.manifest.fields import MANIFEST_FILE, check_codec_name
from isthmus.common.options import Options, option
from isthmus.common.zoo import DEFAULT_ZOOS
from isthmus.measure.command_line import command_line

UNTOLD = ("runs", "threads", "compiled", "zoo", "overwrite")
"""Options that change nothing of what is trained; the zoo is said last, by `trained_by`."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a training runs."""

    panel: ClassVar[str] = "The run"
    seed: int = option(0, "Seed of everything random.", least=0)
    threads: int = option(1, "CPU threads.", least=1)


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """Where the codecs that were trained go."""

    panel: ClassVar[str] = "The codecs"
    zoo: Path = option(Path("codecs"), "Folder that codec folders are written into, made if need be.", metavar="DIR")
    overwrite: bool = option(False, "Replace codecs of the same names; else a name that is taken is refused.")


@dataclass(frozen=True, slots=True)
class Destination:
    """A zoo that new codecs go into; nothing in it is written over unless a person said so."""

    zoo: Path
    overwrite: bool

    @classmethod
    def of(cls, options: DestinationOptions) -> Destination:
        """As a person said."""
        return cls(options.zoo, options.overwrite)

    def check(self, names: Sequence[str], data_sha256: str = "") -> None:
        """Before anything is trained: may codecs of these names be written?

        Args:
            data_sha256: codecs that were trained from these data are left as they are, so that a killed run can go on.

        Raises:
            InputError: a name is taken.
            ManifestError: it is no name of a codec.
        """
        for name in names:
            check_codec_name(name)
            folder = self.zoo / name
            if self.overwrite or not (folder / MANIFEST_FILE).exists() or self.holds(name, data_sha256):
                continue
            raise InputError(
                f"{folder}: expected a new name, got that of a codec that is there: give another --name or --zoo, or "
                "--overwrite to replace it"
            )

    def holds(self, name: str, data_sha256: str) -> bool:
        """Whether a codec of that name is there and stays: it was trained from these data."""
        from isthmus.training.origin import HISTORY_FILE

        history = self.zoo / name / HISTORY_FILE
        is_whole = (self.zoo / name / MANIFEST_FILE).exists() and history.exists()
        return is_whole and not self.overwrite and bool(data_sha256) and data_sha256 in history.read_text()

    def clear(self, names: Iterable[str]) -> None:
        """Right before they are written: files of codecs that are replaced go, so that none is left beside new ones."""
        for name in names:
            if self.overwrite and (self.zoo / name / MANIFEST_FILE).exists():
                for file in (self.zoo / name).iterdir():
                    if file.is_file():
                        file.unlink()


def trained_by(command: str, zoo: Path, *options: Options, said: Sequence[str] = ()) -> str:
    """A command that trains the same again, for the record.

    Args:
        command: with what it cannot do without, and the options that are said whatever their value.
        options: of these, those that are not the default are said too.
        said: fields of theirs that `command` says already.
    """
    return f"{command_line(command, *options, without=(*UNTOLD, *said))} --zoo {zoo.as_posix()}"


def say_written(folders: Sequence[Path], sample: str) -> None:
    """Each folder on standard output, and on standard error what to do with the last; `sample` stands for an input."""
    for folder in folders:
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{folder}  {size / 1024:.0f} KiB")
    if not folders:
        return
    codec = folders[-1]
    shipped = [zoo / codec.name for zoo in DEFAULT_ZOOS if (zoo / codec.name / MANIFEST_FILE).exists()]
    if shipped and codec.resolve() not in shipped:
        print_note(f"{codec.name} is also a codec that ships: only with --zoo {codec.parent} is the new one meant")
    print(
        "next:",
        f"isthmus inspect {codec}",
        f"isthmus cloud --zoo {codec.parent}",
        f"isthmus edge {sample} --zoo {codec.parent} --codec {codec.name}",
        sep="\n  ",
        file=sys.stderr,
    )
