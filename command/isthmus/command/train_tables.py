"""`isthmus train tables`: networks that fit tables to an image, for codecs that are finished. Heavy imports wait."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame, print_note
from isthmus.command.options import Given, with_options
from isthmus.command.train_options import Destination, DestinationOptions, RunOptions, say_written, trained_by
from isthmus.common.errors import InputError
from isthmus.common.image.table_ways import COMPONENTS, WAYS
from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Which networks, for which codecs."""

    panel: ClassVar[str] = "The codecs"
    of: str = option("image-light-q3", "Codecs that are finished, without a hyperprior, comma apart.")
    way: str = option(
        COMPONENTS,
        "components: of an image's histograms; thesis: its two convolutional networks.",
        choices=WAYS,
    )
    family: str = option("", "First word of the new names: FAMILY-q3.", automatic="that of the codec")


@dataclass(frozen=True, slots=True)
class TableRunOptions:
    """How they are trained."""

    panel: ClassVar[str] = "The run"
    runs: Path = option(Path("runs/tables"), "Folder of checkpoints; a killed run goes on there.", metavar="DIR")
    steps: int = option(0, "Of training.", least=0, automatic="2000")


@command_frame
@with_options(TableOptions, RunOptions, TableRunOptions, DestinationOptions)
def train_tables(
    data: Annotated[
        Path,
        typer.Option(
            show_default=False,
            metavar="PATH",
            help="Photographs of one size to train on: a packed .npz (jpg, off) or a folder.",
        ),
    ],
    *,
    given: Given,
) -> None:
    """Train h_a,q and h_s,q of finished image codecs, whose transforms stay, and write codecs that have them.

    Validation is a twentieth cut from the photographs. Minutes a codec. Run it again after a kill: it goes on where it
    was, and codec folders that these photographs made stay as they are.
    """
    options, run, how = given.of(TableOptions), given.of(RunOptions), given.of(TableRunOptions)
    import torch

    from isthmus.common.zoo import find_codec
    from isthmus.measure.options import words
    from isthmus.training.image.photos import load_photos, split_photos
    from isthmus.training.image.table_networks import TableEffort, TableRun, counts_for, write_table_codec
    from isthmus.training.origin import Origin, data_digest

    torch.set_num_threads(run.threads)
    folders = [find_codec(name, None) for name in words(options.of)]
    if not folders:
        raise InputError("--of: expected names of image codecs, comma apart, got none")
    names = [_named(folder.name, options.family) for folder in folders]
    where = given.of(DestinationOptions)
    destination = Destination.of(where)
    photos = load_photos(data)
    train, validation = split_photos(photos)
    command = trained_by(f"isthmus train tables --data {data.name}", where.zoo, options, run, how)
    origin = Origin(command, photos.name, data_digest(data))
    marks = {name: how.runs / f"{options.way}-{name}.done" for name in names}
    made = [name for name in names if marks[name].exists() and (where.zoo / name).exists()]
    destination.check([name for name in names if name not in made])
    effort = TableEffort(steps=how.steps) if how.steps else TableEffort()
    how.runs.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for folder, name in zip(folders, names, strict=True):
        if name in made:
            print_note(f"{where.zoo / name}: made before, so it stays as it is")
            continue
        counts = counts_for(options.way, folder, train, validation)
        resume = how.runs / f"{options.way}-{name}.resume.pt"
        if folder.resolve() != (where.zoo / name).resolve():
            destination.clear([name])
        work = TableRun(options.way, folder, counts, effort, run.seed, resume)
        written.append(write_table_codec(work, where.zoo / name, origin))
        marks[name].touch()
    say_written(written, "photo.jpg")


def _named(codec: str, family: str) -> str:
    """Of the new codec: the same quality of another family."""
    old, _, quality = codec.rpartition("-q")
    return f"{family or old}-q{quality}"
