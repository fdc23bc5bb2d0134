"""`isthmus train pointcloud`, `isthmus train classifiers` and `isthmus freeze`: from labelled clouds to codec folders.

Heavy imports wait until a command runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.command.train_options import Destination, DestinationOptions, RunOptions, say_written
from isthmus.common.errors import InputError
from isthmus.common.options import option

if TYPE_CHECKING:
    from isthmus.training.pointcloud.datasets import CloudSet

DataOption = Annotated[
    Path,
    typer.Option(
        show_default=False,
        metavar="PATH",
        help="Labelled clouds: a packed .npz, a ModelNet OFF tree or HDF5 folder, a ScanObjectNN file.",
    ),
]
CONFIGS = ("full", "lite", "micro")
VARIANTS = ("any", "p1024", "p256")
RECIPES = ("isthmus", "thesis")


@dataclass(frozen=True, slots=True)
class CurveOptions:
    """Which curve, and how long it is trained."""

    panel: ClassVar[str] = "The curve"
    config: str = option("lite", "Width of the edge half: full, lite or micro.", choices=CONFIGS)
    variant: str = option(
        "any", "any: any heading, 256 to 2048 points; p1024, p256: aligned benchmark clouds.", choices=VARIANTS
    )
    recipe: str = option("isthmus", "isthmus: ours; thesis: the baseline row.", choices=RECIPES)
    epochs: int = option(0, "Epochs of each of its trainings.", automatic="as the recipe has it")
    runs: Path = option(
        Path("runs"), "Folder of checkpoints and finished points; a killed run goes on there.", metavar="DIR"
    )


@dataclass(frozen=True, slots=True)
class NameOptions:
    """What the codecs of a curve are called."""

    panel: ClassVar[str] = "The codecs"
    name: str = option("", "Names of the codecs, without -q1, -q2 and so on.", automatic="pc- and the curve's folder")


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """What a curve's codecs may have beside their halves."""

    panel: ClassVar[str] = "The codecs"
    views: str = option("", "Points that also get a reconstruction head, such as q4,q8.")


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What the classifiers start from."""

    panel: ClassVar[str] = "The run"
    start: Path | None = option(None, "A pretrained full network: runs/full-p1024/pretrained.pt.", metavar="FILE")


@command_frame
@with_options(CurveOptions, RunOptions, NameOptions, DestinationOptions)
def train_pointcloud(data: DataOption, *, given: Given) -> None:
    """Train every rate point of one curve of point-cloud codecs, and write them as codec folders.

    Validation is a stratified tenth cut from train; the test split is never read. Run it again after a kill: it
    goes on from the last finished epoch.
    """
    options, run, name = given.of(CurveOptions), given.of(RunOptions), given.of(NameOptions).name
    if options.recipe == "thesis" and options.variant == "any":
        raise InputError("the thesis's recipe knows aligned clouds only: --variant p1024 or p256")
    import torch

    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation
    from isthmus.training.pointcloud.rate_points import ladder
    from isthmus.training.pointcloud.thesis_recipe import LAMBDAS
    from isthmus.training.pointcloud.zoo_writer import codec_names

    is_thesis = options.recipe == "thesis"
    curve = f"{options.config}{'-thesis' if is_thesis else ''}-{options.variant}"
    folder = options.runs / (name or curve)
    count = len(LAMBDAS) if is_thesis else len(ladder(options.config, options.variant))
    destination = _destination(given)
    destination.check([f"{name or f'pc-{curve}'}-q{quality}" for quality in range(1, count + 1)])
    torch.set_num_threads(run.threads)
    whole = load_cloud_set(data, "train")
    train, validation = split_validation(whole)
    _train_curve(options, run, train, validation, folder)
    words = f"--config {options.config} --variant {options.variant} --recipe {options.recipe}"
    words += f" --epochs {options.epochs}" if options.epochs else ""
    command = f"isthmus train pointcloud --data {data.name} {words}{_named(name)} --zoo {destination.zoo.as_posix()}"
    _freeze(codec_names(folder, name), data, whole.name, train, destination, command, "")


def _train_curve(options: CurveOptions, run: RunOptions, train: CloudSet, validation: CloudSet, folder: Path) -> None:
    from dataclasses import replace

    import torch

    from isthmus.training.pointcloud.curve import train_isthmus_curve
    from isthmus.training.pointcloud.rate_points import EFFORTS
    from isthmus.training.pointcloud.rate_points import VARIANTS as KNOWN
    from isthmus.training.pointcloud.thesis_curve import train_thesis_curve

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    variant = KNOWN[options.variant]
    if options.recipe == "thesis":
        points = variant.validation_points
        train_thesis_curve(options.config, points, train, validation, folder, run.seed, device, options.epochs)
        return
    effort = EFFORTS[options.config, options.variant]
    if options.epochs:
        effort = replace(effort, pretrain=options.epochs, symbols=options.epochs)
    train_isthmus_curve(options.config, variant, train, validation, folder, run.seed, effort, device)


@command_frame
@with_options(NameOptions, ViewOptions, DestinationOptions)
def freeze(
    curve: Annotated[
        Path, typer.Argument(show_default=False, metavar="DIR", help="A finished curve, such as runs/lite-any.")
    ],
    data: DataOption,
    *,
    given: Given,
) -> None:
    """Fold, quantise and write the points of a curve as codec folders: two integer ONNX halves, tables, manifest."""
    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation
    from isthmus.training.pointcloud.zoo_writer import codec_names

    name, views = given.of(NameOptions).name, given.of(ViewOptions).views
    codecs, destination = codec_names(curve, name), _destination(given)
    destination.check(list(codecs.values()))
    whole = load_cloud_set(data, "train")
    command = f"isthmus freeze {curve.as_posix()} --data {data.name}{_named(name)} --zoo {destination.zoo.as_posix()}"
    _freeze(codecs, data, whole.name, split_validation(whole)[0], destination, command, views)


def _freeze(
    codecs: Mapping[Path, str],
    data: Path,
    data_name: str,
    train: CloudSet,
    destination: Destination,
    command: str,
    views: str,
) -> None:
    from isthmus.training.origin import Origin, data_digest
    from isthmus.training.pointcloud.zoo_writer import freeze_curve

    destination.clear(codecs.values())
    origin = Origin(command, data_name, data_digest(data))
    written = freeze_curve(codecs, destination.zoo, train, origin, frozenset(views.split(",")) - {""})
    say_written(written, "FILES")


@command_frame
@with_options(ClassifierOptions, RunOptions, DestinationOptions)
def train_classifiers_command(data: DataOption, *, given: Given) -> None:
    """Train the PointNets that classify clouds decoded by Draco and G-PCC, one for each number of points."""
    import torch

    from isthmus.training.origin import HISTORY_FILE, data_digest
    from isthmus.training.pointcloud.classifiers import FOLDER, train_classifiers
    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation

    start, run, destination = given.of(ClassifierOptions).start, given.of(RunOptions), _destination(given)
    folder = destination.zoo / FOLDER
    if (folder / HISTORY_FILE).exists() and not destination.overwrite:
        raise InputError(f"{folder}: expected no classifiers, got some: give another --zoo, or --overwrite")
    if start is not None and not start.exists():
        raise InputError(f"{start}: expected the checkpoint of a pretrained network, got none there; leave --start out")
    torch.set_num_threads(run.threads)
    whole = load_cloud_set(data, "train")
    provenance = {
        "command": f"isthmus train classifiers --data {data.name} --start runs/full-p1024/pretrained.pt",
        "data": whole.name,
        "data_sha256": data_digest(data),
    }
    for path in train_classifiers(*split_validation(whole), destination.zoo, provenance, start=start, seed=run.seed):
        print(path)


def _destination(given: Given) -> Destination:
    options = given.of(DestinationOptions)
    return Destination(options.zoo, options.overwrite)


def _named(name: str) -> str:
    return f" --name {name}" if name else ""
