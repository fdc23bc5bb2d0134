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
from isthmus.command.train_options import Destination, DestinationOptions, RunOptions, say_written, trained_by
from isthmus.common.errors import InputError
from isthmus.common.options import option

if TYPE_CHECKING:
    from isthmus.training.pointcloud.datasets import CloudSet
    from isthmus.training.pointcloud.fit import CurveRun

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
    start: str = option(
        "",
        "Curve in --runs whose first network this one goes on from; none: from scratch.",
        automatic="as the recipe has it: full-p1024 or full-thesis-p1024 for the other variants of full, else none",
        metavar="CURVE",
    )
    runs: Path = option(
        Path("runs"), "Folder of checkpoints and finished points; a killed run goes on there.", metavar="DIR"
    )

    @property
    def curve(self) -> str:
        """Folder of the curve, and its codecs' name behind `pc-`."""
        return f"{self.config}{'-thesis' if self.recipe == 'thesis' else ''}-{self.variant}"


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
@with_options(CurveOptions, RunOptions, NameOptions, ViewOptions, DestinationOptions)
def train_pointcloud(data: DataOption, *, given: Given) -> None:
    """Train every rate point of one curve of point-cloud codecs, and write them as codec folders.

    Validation is a stratified tenth cut from train; the test split is never read. Run it again after a kill: it
    goes on from the last finished epoch.
    """
    options, run, views = given.of(CurveOptions), given.of(RunOptions), given.of(ViewOptions)
    name = given.of(NameOptions).name
    if options.recipe == "thesis" and options.variant == "any":
        raise InputError("the thesis's recipe knows aligned clouds only: --variant p1024 or p256")
    import torch

    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation
    from isthmus.training.pointcloud.fit import CurveRun
    from isthmus.training.pointcloud.rate_points import ladder
    from isthmus.training.pointcloud.thesis_recipe import LAMBDAS
    from isthmus.training.pointcloud.zoo_writer import codec_names

    folder = options.runs / (name or options.curve)
    count = len(LAMBDAS) if options.recipe == "thesis" else len(ladder(options.config, options.variant))
    destination = Destination.of(given.of(DestinationOptions))
    destination.check([f"{name or f'pc-{options.curve}'}-q{quality}" for quality in range(1, count + 1)])
    start = start_of(options, data)
    torch.set_num_threads(run.threads)
    whole = load_cloud_set(data, "train")
    train, validation = split_validation(whole)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _train_curve(options, train, validation, CurveRun(folder, run.seed, start, device))
    words = f"--data {data.name} --config {options.config} --variant {options.variant} --recipe {options.recipe}"
    command = trained_by(
        f"isthmus train pointcloud {words}",
        destination.zoo,
        *(options, run, given.of(NameOptions), views),
        said=("config", "variant", "recipe"),
    )
    _freeze(codec_names(folder, name), data, whole.name, train, destination, command, views.views)


def start_curve(options: CurveOptions) -> str:
    """The curve that another one goes on from, empty where it starts from scratch."""
    from isthmus.training.pointcloud.rate_points import EFFORTS
    from isthmus.training.pointcloud.thesis_curve import STARTS

    at = (options.config, options.variant)
    curve = options.start or (STARTS.get(at, "") if options.recipe == "thesis" else EFFORTS[at].start)
    return "" if curve == "none" else curve


def start_of(options: CurveOptions, data: Path) -> Path | None:
    """The checkpoint that a curve goes on from, None where it starts from scratch.

    Raises:
        InputError: it is not there.
    """
    from isthmus.training.pointcloud.curve import PRETRAINED
    from isthmus.training.pointcloud.thesis_curve import FIRST

    curve = start_curve(options)
    if not curve:
        return None
    path = options.runs / curve / (FIRST if options.recipe == "thesis" else PRETRAINED)
    if path.exists():
        return path
    words = f"--data {data} --config {options.config} --variant p1024 --recipe {options.recipe} --runs {options.runs}"
    made = "name a curve that is there" if options.start else f"first isthmus train pointcloud {words}"
    raise InputError(
        f"{path}: expected the network that {options.curve} goes on from, found none: {made}; or --start none"
    )


def _train_curve(options: CurveOptions, train: CloudSet, validation: CloudSet, run: CurveRun) -> None:
    from isthmus.training.pointcloud.curve import train_isthmus_curve
    from isthmus.training.pointcloud.rate_points import VARIANTS as KNOWN
    from isthmus.training.pointcloud.rate_points import effort_of
    from isthmus.training.pointcloud.thesis_curve import train_thesis_curve

    variant = KNOWN[options.variant]
    if options.recipe == "thesis":
        train_thesis_curve(options.config, variant.validation_points, train, validation, run, options.epochs)
        return
    effort = effort_of(options.config, options.variant, options.epochs)
    train_isthmus_curve(options.config, variant, train, validation, effort, run)


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

    names, views = given.of(NameOptions), given.of(ViewOptions)
    codecs, destination = codec_names(curve, names.name), Destination.of(given.of(DestinationOptions))
    destination.check(list(codecs.values()))
    whole = load_cloud_set(data, "train")
    command = trained_by(f"isthmus freeze {curve.as_posix()} --data {data.name}", destination.zoo, names, views)
    _freeze(codecs, data, whole.name, split_validation(whole)[0], destination, command, views.views)


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

    start, run, destination = (
        given.of(ClassifierOptions).start,
        given.of(RunOptions),
        Destination.of(given.of(DestinationOptions)),
    )
    folder = destination.zoo / FOLDER
    if (folder / HISTORY_FILE).exists() and not destination.overwrite:
        raise InputError(f"{folder}: expected no classifiers, got some: give another --zoo, or --overwrite")
    if start is not None and not start.exists():
        raise InputError(
            f"{start}: expected the checkpoint of a pretrained network, found none: first isthmus train pointcloud "
            f"--data {data} --config full --variant p1024, whose runs/full-p1024/pretrained.pt it is; or leave "
            "--start out"
        )
    torch.set_num_threads(run.threads)
    whole = load_cloud_set(data, "train")
    command = f"isthmus train classifiers --data {data.name}"
    if start is not None:
        command += f" --start {start.name if start.is_absolute() else start.as_posix()}"
    provenance = {
        "command": trained_by(command, destination.zoo, run),
        "data": whole.name,
        "data_sha256": data_digest(data),
    }
    for path in train_classifiers(*split_validation(whole), destination.zoo, provenance, start=start, seed=run.seed):
        print(path)
