"""`isthmus measure motion`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.command.frame import print_error

if TYPE_CHECKING:
    from isthmus.measure.motion.maps import UInt8
    from isthmus.measure.motion.measurement import AblationResult, MotionEffort, MotionMeasurement
    from isthmus.measure.motion.taps import TappedNetwork
    from isthmus.measure.track import Track

RESULTS = Path("results")
WEIGHTS = Path("../shared/data/nets/imagenet_squeezenet_v10_dc.npz")
LABELLED = Path("../shared/data/tinyimagenet50.npz")
PUBLISHED = Path("../shared/reference/latent_motion_nrmse_curves.csv")
VIDEO_CODECS = "video-*"
PIPED_WIDTH = 140


def measure_motion(
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Packed images (.npz) or a folder. Default: ImageNet's beside the project, else "
            "photographs that scikit-image ships."
        ),
    ] = None,
    network: Annotated[
        str,
        typer.Option(
            help="What to look into, comma apart: squeezenet (its weights: --weights), zoo (the first video "
            "codec's edge half), FILE.onnx (frames RGB 0 to 255), FILE.pt (a trained split classifier); "
            "none for the ablation alone. Default: the first two, where they are."
        ),
    ] = "",
    weights: Annotated[Path, typer.Option(help="SqueezeNet 1.0, a packed .npz.")] = WEIGHTS,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of `isthmus train motion-networks`: adds the ablation of halvings.")
    ] = None,
    labelled: Annotated[
        Path | None, typer.Option(help="Labelled images for its accuracies. Default: Tiny ImageNet's, if there.")
    ] = None,
    maps: Annotated[int, typer.Option(min=1, help="Random affine maps of each tensor.")] = 2048,
    sweep_images: Annotated[int, typer.Option(min=1, help="Images at each place of a sweep.")] = 100,
    dense_images: Annotated[
        int, typer.Option(min=0, help="Images whose latents are computed at every pixel (slow); 0 leaves it out.")
    ] = 12,
    ablation_maps: Annotated[int, typer.Option(min=1, help="Random affine maps of each of its networks.")] = 256,
    limit: Annotated[int, typer.Option(min=0, help="Take only so many images, evenly spread; 0 for all.")] = 0,
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    published: Annotated[Path, typer.Option(help="CSV of the thesis's curves, drawn beside where it is.")] = PUBLISHED,
    merge: Annotated[
        bool, typer.Option(help="Keep what motion.json already says of other networks on the same images.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the random maps.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for motion.json and the plots.")] = RESULTS,
) -> None:
    """Do latents move as the picture does, by v / stride? The error of warped latents, and what it is made of.

    An image is warped, a network runs on it before and after, and the latents of before are warped instead: NRMSE says
    how far the two are apart. Random affine maps, sweeps of translation, rotation, scale and shear, shifts by whole
    latents and by fractions, seven interpolations, and latents known at every pixel, which tells sampling from the
    rest. With --checkpoints, small networks that differ in how they halve their sampling.

    A quarter of an hour on one core with everything; `--maps 128 --sweep-images 8 --dense-images 2` for a look.
    """
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.common.results import read_results
    from isthmus.measure.motion.measurement import MotionEffort, MotionMeasurement
    from isthmus.measure.motion.rows import motion_tables
    from isthmus.measure.track import tracked

    console = Console()
    effort = MotionEffort(
        maps=maps, sweep_pictures=sweep_images, dense_pictures=dense_images, ablation_maps=ablation_maps, seed=seed
    )
    words = tuple(word for word in (part.strip() for part in network.split(",")) if word)
    try:
        with tracked(console) as track:
            networks = _networks(words, weights, zoo)
            measurement = _measure(networks, images, limit, checkpoints, labelled, effort, track)
        command = _command_line(images, words, checkpoints, limit, effort)
        if merge:
            kept = read_results(out / "motion.json")
            measurement = MotionMeasurement.from_detail(kept.detail).followed_by(measurement)
            command = f"{kept.provenance.command}; {command} --merge"
        written = write_motion(measurement, command, published, out)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for table in motion_tables(measurement):
        console.print(table.to_rich())
    console.print("written:", *(str(path) for path in written))


def write_motion(measurement: MotionMeasurement, command: str, published: Path, out: Path) -> list[Path]:
    """`motion.json` and its plots; the published curves are drawn if that file is there."""
    from isthmus.common.results import Provenance, Results, write_results
    from isthmus.measure.motion.plots import draw_ablation, draw_parts, draw_sweeps, published_sweeps
    from isthmus.measure.motion.summary import summary_of

    provenance = Provenance.of(
        command, measurement.data, measurement.effort.seed, ("numpy", "onnxruntime", "pillow", "scipy", "torch")
    )
    written = [
        write_results(out, Results("motion", provenance, summary_of(measurement), measurement.detail())),
    ]
    if measurement.taps:
        draw_sweeps(measurement, published_sweeps(published) if published.is_file() else {}, out / "motion.png")
        draw_parts(measurement, out / "motion_parts.png")
        written += [out / "motion.png", out / "motion_parts.png"]
    if measurement.ablation:
        draw_ablation(measurement, out / "motion_halvings.png")
        written.append(out / "motion_halvings.png")
    return written


def _networks(words: tuple[str, ...], weights: Path, zoo: Path | None) -> list[TappedNetwork]:
    from fnmatch import fnmatchcase

    from isthmus.common.errors import InputError
    from isthmus.common.zoo import codec_folders, find_zoo
    from isthmus.measure.motion.taps import checkpoint_network, onnx_network, squeezenet

    codecs = [folder for folder in codec_folders(find_zoo(zoo)) if fnmatchcase(folder.name, VIDEO_CODECS)]
    if not words:
        words = (*(("squeezenet",) if weights.is_file() else ()), *(("zoo",) if codecs else ()))
    if words == ("none",):
        return []
    if not words:
        raise InputError("expected a network, found none: name one with --network, such as a FILE.onnx")
    found = []
    for word in words:
        if word == "squeezenet":
            found.append(squeezenet(weights))
        elif word == "zoo":
            if not codecs:
                raise InputError(f"expected a codec {VIDEO_CODECS} in {find_zoo(zoo)}, found none")
            found.append(onnx_network(codecs[0] / "edge.onnx", "zoo", codecs[0].name))
        elif word.endswith(".onnx"):
            found.append(onnx_network(Path(word), _plain_name(word), Path(word).stem))
        elif word.endswith(".pt"):
            found.append(checkpoint_network(Path(word))[0])
        else:
            raise InputError(f"--network: expected squeezenet, zoo, a FILE.onnx or a FILE.pt, got {word!r}")
    return found


def _measure(
    networks: list[TappedNetwork],
    images: Path | None,
    limit: int,
    checkpoints: Path | None,
    labelled: Path | None,
    effort: MotionEffort,
    track: Track,
) -> MotionMeasurement:
    from types import MappingProxyType

    from isthmus.measure.motion.measurement import MotionMeasurement
    from isthmus.measure.motion.pictures import load_pictures
    from isthmus.measure.motion.run import measure_network

    data, pictures = load_pictures(images, limit)
    taps = [tap for network in networks for tap in measure_network(network, pictures, effort, track)]
    ablation = _ablation(checkpoints, labelled, pictures, effort, track) if checkpoints is not None else []
    titles = {network.name: network.title for network in networks}
    return MotionMeasurement(data, len(pictures), effort, MappingProxyType(titles), tuple(taps), tuple(ablation))


def _ablation(
    folder: Path, labelled: Path | None, pictures: list[UInt8], effort: MotionEffort, track: Track
) -> list[AblationResult]:
    from isthmus.common.errors import InputError, MissingDependencyError
    from isthmus.measure.motion.run import measure_ablation
    from isthmus.measure.motion.taps import checkpoint_network

    try:
        import torch

        from isthmus.training.studies.motion_networks import NETWORKS, top1_percent
    except ImportError as error:
        raise MissingDependencyError("the ablation needs torch: pip install 'isthmus[train]'") from error
    there = [(known, folder / f"{known.name}.pt") for known in NETWORKS if (folder / f"{known.name}.pt").is_file()]
    if not there:
        raise InputError(f"{folder}: expected checkpoints such as max-s8.pt, found none: isthmus train motion-networks")
    torch.set_num_threads(1)
    labelled = labelled or (LABELLED if LABELLED.is_file() else None)
    found = []
    for known, path in there:
        network, model = checkpoint_network(path)
        right = top1_percent(model, labelled) if labelled is not None else float("nan")
        found.append(
            measure_ablation(network, known.pooling.value, known.motion_weight, right, pictures, effort, track)
        )
    return found


def _command_line(
    images: Path | None, words: tuple[str, ...], checkpoints: Path | None, limit: int, effort: MotionEffort
) -> str:
    """The command that measures the same again: options that are not the default, paths by their name alone."""
    from isthmus.measure.motion.measurement import MotionEffort

    default = MotionEffort()
    parts = ["isthmus measure motion"]
    for flag, path in (("--images", images), ("--checkpoints", checkpoints)):
        if path is not None:
            parts.append(f"{flag} {path.name}")
    if words:
        parts.append("--network " + ",".join(Path(word).name for word in words))
    for flag, value, usual in (
        ("--limit", limit, 0),
        ("--maps", effort.maps, default.maps),
        ("--sweep-images", effort.sweep_pictures, default.sweep_pictures),
        ("--dense-images", effort.dense_pictures, default.dense_pictures),
        ("--ablation-maps", effort.ablation_maps, default.ablation_maps),
        ("--seed", effort.seed, default.seed),
    ):
        if value != usual:
            parts.append(f"{flag} {value}")
    return " ".join(parts)


def _plain_name(word: str) -> str:
    """A file's stem as part of a key."""
    return "".join(c if c.isalnum() else "_" for c in Path(word).stem.lower()) or "network"
