"""`isthmus train video`: from labelled images and photographs to codec folders. Heavy imports wait until it runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.command.train_options import Destination, DestinationOptions, RunOptions, say_written, trained_by
from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class VideoTrainingOptions:
    """What the tables are learned from, and where checkpoints go."""

    panel: ClassVar[str] = "The run"
    count: int = option(400, "Photographs that tables are learned from, evenly spread.", least=2)
    runs: Path = option(Path("runs/video"), "Folder of checkpoints; a killed run goes on there.", metavar="DIR")


@command_frame
@with_options(VideoTrainingOptions, RunOptions, DestinationOptions)
def train_video(
    data: Annotated[
        Path,
        typer.Option(show_default=False, metavar="FILE", help="Labelled images with a train split: a packed .npz."),
    ],
    photos: Annotated[
        Path,
        typer.Option(
            show_default=False,
            metavar="PATH",
            help="Photographs for the second round and the tables: a packed .npz (jpg, off) or a folder.",
        ),
    ],
    *,
    given: Given,
) -> None:
    """Train the small classifier whose latents move as the picture does, and write the codecs video-tiny-q1 to q3.

    Validation is a tenth cut from train; the test split is never read. Finished rounds are kept, and codecs that these
    data made.
    """
    import torch

    from isthmus.data.image.labelled import load_labelled_images, split_train_validation
    from isthmus.measure.split.edge_encoder import EDGE_ENCODER
    from isthmus.split.pictures import load_pictures
    from isthmus.split.video_zoo import FAMILY, FIRST_FILE, STEPS, told, train_rounds, write_video_codecs
    from isthmus.training.image.photos import load_photos, split_photos
    from isthmus.training.origin import data_digest

    options, run, where = given.of(VideoTrainingOptions), given.of(RunOptions), given.of(DestinationOptions)
    torch.set_num_threads(run.threads)
    whole, taken = load_labelled_images(data, "train"), split_photos(load_photos(photos))[0]
    digest, destination = data_digest(data), Destination.of(where)
    names = [f"{FAMILY}-q{quality}" for quality in STEPS]
    destination.check(names, digest)
    train, validation = split_train_validation(whole)
    checkpoint = train_rounds(train, validation, taken, options.runs, run.seed)
    provenance = {
        "command": trained_by(
            f"isthmus train video --data {data.name} --photos {photos.name}", where.zoo, options, run
        ),
        "data": f"{whole.name}, {photos.stem}",
        "data_sha256": digest,
        "photos_sha256": data_digest(photos),
        "first_round": told(options.runs / FIRST_FILE),
    }
    pictures = load_pictures(photos, options.count)
    destination.clear(names)
    written = write_video_codecs(
        checkpoint,
        where.zoo,
        pictures,
        whole.class_names,
        EDGE_ENCODER,
        provenance,
        progress=lambda said: print(said, file=sys.stderr),
    )
    say_written(written, "clip.mp4")
