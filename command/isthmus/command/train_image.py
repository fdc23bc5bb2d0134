"""`isthmus train image`: from photographs to codec folders. Heavy imports wait until it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame, print_note
from isthmus.command.options import Given, with_options
from isthmus.command.train_options import Destination, DestinationOptions, RunOptions, say_written, trained_by
from isthmus.common.errors import InputError
from isthmus.common.options import option

if TYPE_CHECKING:
    from isthmus.training.image.photos import Photos
    from isthmus.training.origin import Origin


LIGHT = "light"
FAMILIES = {LIGHT: "light", "reference": "2018"}
"""Of each pair of transforms the word in its codecs' names."""


@dataclass(frozen=True, slots=True)
class ImageTrainingOptions:
    """Which qualities are trained, and into what."""

    panel: ClassVar[str] = "The codecs"
    transforms: str = option(
        LIGHT,
        "light: for a weak edge; reference: those of bmshj2018-factorized, (128, 192), as NAME-2018-q3.",
        choices=tuple(FAMILIES),
    )
    qualities: str = option("3,6,2,1,4,5,7", "Which, comma apart, 1 to 8; their parents first.")
    synthesized: str = option("", "Qualities that also get the thesis's networks h_a,q and h_s,q, comma apart.")
    hyperprior: str = option("", "Qualities that also get a hyperprior codec, comma apart.")
    name: str = option("image", "First word of the codecs' names: NAME-light-q3, NAME-hyper-q3.")


@dataclass(frozen=True, slots=True)
class ImageRunOptions:
    """How they are trained."""

    panel: ClassVar[str] = "The run"
    runs: Path = option(Path("runs/image"), "Folder of checkpoints; a killed run goes on there.", metavar="DIR")
    compiled: bool = option(True, "Compile the networks (torch.compile; needs a C++ compiler).")


@command_frame
@with_options(ImageTrainingOptions, RunOptions, ImageRunOptions, DestinationOptions)
def train_image(
    data: Annotated[
        Path,
        typer.Option(
            show_default=False,
            metavar="PATH",
            help="Photographs to train on: a packed .npz (jpg, off) or a folder.",
        ),
    ],
    *,
    given: Given,
) -> None:
    """Train an image codec at every quality, its adaptive networks and tables, and write codec folders.

    Validation is a twentieth cut from the photographs. Run it again after a kill: it goes on where it was, and codec
    folders that these photographs made stay as they are. Two processes with different --qualities (6,7,5 and 3,2,4,1)
    share the work of two cores.
    """
    options, run = given.of(ImageTrainingOptions), given.of(RunOptions)
    qualities, with_networks, with_hyperprior = (
        numbers(joined) for joined in (options.qualities, options.synthesized, options.hyperprior)
    )
    if with_hyperprior and options.transforms != LIGHT:
        raise InputError(f"--hyperprior: expected the light transforms, got {options.transforms}; leave one of the two")
    import torch

    from isthmus.training.image.photos import load_photos, split_photos
    from isthmus.training.origin import Origin, data_digest

    torch.set_num_threads(run.threads)
    photos = load_photos(data)
    where = given.of(DestinationOptions)
    destination = Destination.of(where)
    command = trained_by(f"isthmus train image --data {data.name}", where.zoo, options, run)
    origin = Origin(command, photos.name, data_digest(data))
    family = f"{options.name}-{FAMILIES[options.transforms]}"
    light = [f"{family}-q{quality}" for quality in qualities]
    hyper = [f"{options.name}-hyper-q{quality}" for quality in qualities if quality in with_hyperprior]
    destination.check([*hyper, *light], origin.data_sha256)
    work = _Work(
        split_photos(photos),
        given.of(ImageRunOptions),
        run.seed,
        destination,
        origin,
        is_light=options.transforms == LIGHT,
    )
    written: list[Path] = []
    for quality in qualities:
        codec, adaptive = work.train(quality, has_networks=quality in with_networks)
        names = (f"{family}-q{quality}", f"{options.name}-hyper-q{quality}")
        for name, is_hyper in zip(names, (False, True), strict=True):
            if is_hyper and quality not in with_hyperprior:
                continue
            if destination.holds(name, origin.data_sha256):
                print_note(f"{where.zoo / name}: these photographs made it before, so it stays as it is")
                continue
            written.append(work.write(name, codec, adaptive, is_hyper=is_hyper))
    say_written(written, "photo.jpg")


@dataclass(frozen=True, slots=True)
class _Work:
    """What every quality is trained with."""

    photos: tuple[Photos, Photos]  # train, validation
    options: ImageRunOptions
    seed: int
    destination: Destination
    origin: Origin
    is_light: bool

    def train(self, quality: int, *, has_networks: bool) -> tuple[Path, Path | None]:
        """(checkpoint of the transforms, that of the adaptive networks)."""
        from isthmus.models.image.transforms import PatchShape, ReferenceShape
        from isthmus.training.image.adaptive import train_adaptive
        from isthmus.training.image.effort import ImageEffort
        from isthmus.training.image.transforms import train_image_quality

        runs, seed = self.options.runs, self.seed
        shape = PatchShape() if self.is_light else ReferenceShape()
        effort = ImageEffort() if self.is_light else ImageEffort.of_reference()
        codec = train_image_quality(
            shape, quality, *self.photos, runs, effort, seed=seed, is_compiled=self.options.compiled
        )
        return codec, train_adaptive(codec, *self.photos, runs, seed=seed) if has_networks else None

    def write(self, name: str, codec: Path, adaptive: Path | None, *, is_hyper: bool) -> Path:
        """The codec folder of one quality; a hyperprior is trained first."""
        from isthmus.training.image.hyperprior import HyperEffort, train_hyperprior
        from isthmus.training.image.zoo_writer import ImageCheckpoints, write_hyper_codec, write_light_codec

        folder = self.destination.zoo / name
        if not is_hyper:
            self.destination.clear([name])
            return write_light_codec(ImageCheckpoints(codec, adaptive), folder, *self.photos, self.origin)
        hyper = train_hyperprior(codec, *self.photos, self.options.runs, HyperEffort(), seed=self.seed)
        self.destination.clear([name])
        return write_hyper_codec(ImageCheckpoints(codec, adaptive, hyper), folder, *self.photos, self.origin)


def numbers(joined: str) -> list[int]:
    """Qualities that are written comma apart. InputError for what is none."""
    words = [word for word in joined.split(",") if word]
    if not all(word.isdecimal() and 1 <= int(word) <= 8 for word in words):
        raise InputError(f"expected qualities from 1 to 8, comma apart, got {joined!r}")
    return [int(word) for word in words]
