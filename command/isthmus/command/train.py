"""`isthmus train` and `isthmus freeze`: one command a curve, from data to codec folders."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path,
    typer.Option(help="Labelled clouds: a packed .npz, a ModelNet OFF tree or HDF5 folder, a ScanObjectNN file."),
]
RunsOption = Annotated[Path, typer.Option(help="Where checkpoints and finished points go; a killed run resumes here.")]
ZooOption = Annotated[Path, typer.Option(help="Where codec folders are written.")]


class ConfigName(StrEnum):
    full = "full"
    lite = "lite"
    micro = "micro"


class VariantName(StrEnum):
    any = "any"
    p1024 = "p1024"
    p256 = "p256"


class RecipeName(StrEnum):
    isthmus = "isthmus"
    thesis = "thesis"


def train_pointcloud(
    data: DataOption,
    config: Annotated[ConfigName, typer.Option(help="Width of the edge half.")] = ConfigName.lite,
    variant: Annotated[
        VariantName, typer.Option(help="any: any heading, 256 to 2048 points; p1024, p256: aligned benchmark clouds.")
    ] = VariantName.any,
    recipe: Annotated[RecipeName, typer.Option(help="isthmus: ours; thesis: the baseline row.")] = RecipeName.isthmus,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    runs: RunsOption = Path("runs"),
    zoo: Annotated[Path | None, typer.Option(help="Freeze the finished curve into this zoo.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Train every rate point of one curve, then freeze it into codec folders with --zoo.

    Validation is a stratified tenth cut from train; the test split is never read. Run it again after a kill: it
    goes on from the last finished epoch.
    """
    import torch

    from isthmus.training.pointcloud.curve import train_isthmus_curve
    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation
    from isthmus.training.pointcloud.rate_points import EFFORTS, VARIANTS
    from isthmus.training.pointcloud.thesis_curve import train_thesis_curve

    if recipe is RecipeName.thesis and variant is VariantName.any:
        raise typer.BadParameter("the thesis's recipe knows aligned clouds only: --variant p1024 or p256")
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, validation = split_validation(load_cloud_set(data, "train"))
    if recipe is RecipeName.thesis:
        points = VARIANTS[variant.value].validation_points
        folder = runs / f"{config.value}-thesis-{variant.value}"
        train_thesis_curve(config.value, points, train, validation, folder, seed, device)
    else:
        folder = runs / f"{config.value}-{variant.value}"
        effort = EFFORTS[config.value, variant.value]
        train_isthmus_curve(config.value, VARIANTS[variant.value], train, validation, folder, seed, effort, device)
    if zoo is not None:
        freeze(folder, data, zoo)


def train_image(
    data: Annotated[Path, typer.Option(help="Photographs to train on: a packed .npz (jpg, off) or a folder.")],
    qualities: Annotated[str, typer.Option(help="Which, comma apart, 1 to 8; their parents first.")] = "3,6,2,1,4,5,7",
    synthesized: Annotated[
        str, typer.Option(help="Qualities that also get the thesis's networks h_a,q and h_s,q, comma apart.")
    ] = "",
    hyperprior: Annotated[str, typer.Option(help="Qualities that also get a hyperprior codec, comma apart.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    runs: RunsOption = Path("runs/image"),
    zoo: Annotated[Path | None, typer.Option(help="Freeze the finished qualities into this zoo.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    compiled: Annotated[bool, typer.Option(help="Compile the networks (torch.compile; needs a C++ compiler).")] = True,
) -> None:
    """Train the light image codec at every quality, its adaptive networks and tables, and freeze them with --zoo.

    Validation is a twentieth cut from the photographs. Run it again after a kill: it goes on where it was, and codec
    folders that are there stay as they are. Two
    processes with different --qualities (6,7,5 and 3,2,4,1) share the work of two cores.
    """
    import torch

    from isthmus.common.manifest.fields import MANIFEST_FILE
    from isthmus.models.image.transforms import PatchShape
    from isthmus.training.image.adaptive import train_adaptive
    from isthmus.training.image.hyperprior import HyperEffort, train_hyperprior
    from isthmus.training.image.photos import load_photos, split_photos
    from isthmus.training.image.transforms import ImageEffort, train_image_quality
    from isthmus.training.image.zoo_writer import ImageCheckpoints, write_hyper_codec, write_light_codec
    from isthmus.training.pointcloud.zoo_writer import Provenance

    torch.set_num_threads(threads)
    photos = load_photos(data)
    train, validation = split_photos(photos)
    provenance = Provenance(
        f"isthmus train image --data {data.name} --synthesized '{synthesized}' --hyperprior '{hyperprior}' "
        "--zoo models/zoo",
        photos.name,
        data_digest(data),
    )
    with_networks, with_hyperprior = set(_numbers(synthesized)), set(_numbers(hyperprior))
    for quality in _numbers(qualities):
        codec = train_image_quality(
            PatchShape(),
            quality,
            train,
            validation,
            runs,
            ImageEffort(),
            seed=seed,
            is_compiled=compiled,
        )
        adaptive = train_adaptive(codec, train, validation, runs, seed=seed) if quality in with_networks else None
        checkpoints = ImageCheckpoints(codec, adaptive)
        folder = zoo / f"image-light-q{quality}" if zoo is not None else None
        if folder is not None and not (folder / MANIFEST_FILE).exists():
            typer.echo(str(write_light_codec(checkpoints, folder, train, validation, provenance)))
        if quality in with_hyperprior:
            hyper = train_hyperprior(codec, train, validation, runs, HyperEffort(), seed=seed)
            checkpoints = ImageCheckpoints(codec, adaptive, hyper)
            folder = zoo / f"image-hyper-q{quality}" if zoo is not None else None
            if folder is not None and not (folder / MANIFEST_FILE).exists():
                typer.echo(str(write_hyper_codec(checkpoints, folder, train, validation, provenance)))


def _numbers(joined: str) -> list[int]:
    words = [word for word in joined.split(",") if word]
    if not all(word.isdecimal() and 1 <= int(word) <= 8 for word in words):
        raise typer.BadParameter(f"expected qualities from 1 to 8, comma apart, got {joined!r}")
    return [int(word) for word in words]


def freeze(
    curve: Annotated[Path, typer.Argument(help="A finished curve, such as runs/lite-any.")],
    data: DataOption,
    zoo: ZooOption = Path("models/zoo"),
    views: Annotated[str, typer.Option(help="Points that also get a reconstruction head, such as q4,q8.")] = "",
) -> None:
    """Fold, quantise and write the points of a curve as codec folders: two integer ONNX halves, tables, manifest."""
    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation
    from isthmus.training.pointcloud.zoo_writer import Provenance, freeze_isthmus_curve, freeze_thesis_curve

    whole = load_cloud_set(data, "train")
    train, _ = split_validation(whole)
    config, _, variant = curve.name.partition("-")
    is_thesis = variant.startswith("thesis-")
    recipe = "thesis" if is_thesis else "isthmus"
    command = (
        f"isthmus train pointcloud --data {data.name} --config {config} --variant {variant.removeprefix('thesis-')} "
        f"--recipe {recipe} --zoo models/zoo"
    )
    provenance = Provenance(command, whole.name, data_digest(data))
    if is_thesis:
        written = freeze_thesis_curve(curve, zoo, train, provenance)
    else:
        written = freeze_isthmus_curve(curve, zoo, train, provenance, frozenset(views.split(",")) - {""})
    for path in written:
        size = sum(f.stat().st_size for f in path.iterdir())
        typer.echo(f"{path}  {size / 1024:.0f} KiB")
    if not written:
        raise typer.BadParameter(f"expected finished points (q*.pt or lambda*.pt) in {curve}, got none: train first")


def train_classifiers_command(
    data: DataOption,
    start: Annotated[
        Path | None, typer.Option(help="A pretrained full network: runs/full-p1024/pretrained.pt.")
    ] = None,
    zoo: ZooOption = Path("models/zoo"),
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Train the PointNets that classify clouds decoded by Draco and G-PCC, one for each number of points."""
    import torch

    from isthmus.training.pointcloud.classifiers import train_classifiers
    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation

    torch.set_num_threads(threads)
    whole = load_cloud_set(data, "train")
    provenance = {
        "command": f"isthmus train classifiers --data {data.name} --start runs/full-p1024/pretrained.pt",
        "data": whole.name,
        "data_sha256": data_digest(data),
    }
    for path in train_classifiers(*split_validation(whole), zoo, provenance, start=start, seed=seed):
        typer.echo(str(path))


def data_digest(path: Path) -> str:
    """SHA-256 of a data file; of a folder, over its files' names and sizes."""
    import hashlib

    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    entries = sorted((str(p.relative_to(path)).replace(os.sep, "/"), p.stat().st_size) for p in path.rglob("*.*"))
    return hashlib.sha256(repr(entries).encode()).hexdigest()
