"""`isthmus split`, `isthmus build-squeezenet` and `isthmus train video`. Heavy imports wait until a command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.command.frame import print_error

if TYPE_CHECKING:
    from isthmus.split.halves import Preprocessing
    from isthmus.split.network import Network

PIPED_WIDTH = 140  # into a file or a pipe, tables are not cut to a terminal's width
MEGA = 1e6


def split(
    model: Annotated[Path, typer.Argument(help="An ONNX classifier: one frame [1, 3, H, W] in, logits out.")],
    images: Annotated[
        Path, typer.Option(help="Images to calibrate on: a folder, or a packed .npz (jpg, off). No labels needed.")
    ],
    *,
    at: Annotated[str, typer.Option(help="Tensor to cut at; --plan lists them.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="List the cuts with what each costs; write nothing.")] = False,
    bits: Annotated[int, typer.Option(min=2, max=8, help="Of the quantiser.")] = 6,
    step: Annotated[
        float, typer.Option(help="One step for all latents, of a network trained for it. 0: calibrated a channel.")
    ] = 0.0,
    size: Annotated[str, typer.Option(help="HxW of the frames, of a network that would take any.")] = "",
    mean: Annotated[str, typer.Option(help="Taken off each channel, in the network's order.")] = "0,0,0",
    std: Annotated[str, typer.Option(help="Each channel is divided by it after that.")] = "1,1,1",
    order: Annotated[str, typer.Option(help="Of the network's channels: rgb or bgr.")] = "rgb",
    range_: Annotated[int, typer.Option("--range", help="What white is before the mean is taken off: 255 or 1.")] = 255,
    classes: Annotated[Path | None, typer.Option(help="Names of the classes, a line each. Default: numbers.")] = None,
    count: Annotated[int, typer.Option(min=0, help="Images taken, evenly spread. 0: 64, or 16 for --plan.")] = 0,
    name: Annotated[str, typer.Option(help="Of the codec. Default: video-, the model, the tensor and the bits.")] = "",
    zoo: Annotated[Path, typer.Option(help="Folder that the codec's folder is written into.")] = Path("codecs"),
    bandwidth: Annotated[float, typer.Option(help="Of the link that latency is predicted for, Mbit/s.")] = 1.0,
    delay: Annotated[float, typer.Option(min=0, help="Of the link, one way, ms.")] = 10.0,
    edge_speed: Annotated[float, typer.Option(min=0, help="GMAC/s of the edge. 0: halves are timed here.")] = 0.0,
    cloud_speed: Annotated[float, typer.Option(min=0, help="GMAC/s of the cloud. 0: as --cloud-factor says.")] = 0.0,
    cloud_factor: Annotated[float, typer.Option(help="How many times as fast as this machine the cloud is.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Cut an ONNX classifier into an edge and a cloud half: a video codec of any network. Begin with --plan."""
    from rich.console import Console

    from isthmus.common.errors import InputError, IsthmusError

    says = Console(stderr=True)
    try:
        require_onnx()
        from isthmus.measure.split.edge_encoder import EDGE_ENCODER
        from isthmus.split.codec_writer import SplitOptions, sized_for, write_split_codec
        from isthmus.split.network import load_network
        from isthmus.split.pictures import load_pictures
        from isthmus.split.plan import PlanOptions, plan_cuts
        from isthmus.split.plan_table import plan_json, plan_table

        if plan == bool(at):
            raise InputError("expected either --plan, to see the cuts, or --at TENSOR, to make one")
        network = sized_as(load_network(model), size)
        preprocessing = preprocessing_of(mean, std, order, range_)
        count = count or (16 if plan else 64)
        if plan:
            options = PlanOptions(
                bits=bits,
                bandwidth_bits_per_s=bandwidth * MEGA,
                delay_s=delay / 1e3,
                edge_gmacs_per_s=edge_speed,
                cloud_gmacs_per_s=cloud_speed,
                cloud_factor=cloud_factor,
            )
            pictures = load_pictures(images, count)
            with says.status("measuring the cuts") as status:
                found = plan_cuts(
                    sized_for(network, pictures),
                    pictures,
                    preprocessing,
                    options,
                    lambda done, total: status.update(f"measuring cut {min(done + 1, total)} of {total}"),
                )
            if as_json:
                print(json.dumps(plan_json(found), indent=1))
                return
            console = Console()
            if not console.is_terminal:
                console.width = PIPED_WIDTH
            console.print(plan_table(found))
            return
        folder = zoo / (name or default_name(network.name, at, bits, step))
        words = [f"isthmus split {model.name} --at {at} --images {images.name} --count {count} --bits {bits}"]
        words += [
            f"--{flag} {value}"
            for flag, value, usual in (
                ("step", step, 0.0),
                ("size", size, ""),
                ("mean", mean, "0,0,0"),
                ("std", std, "1,1,1"),
                ("order", order, "rgb"),
                ("range", range_, 255),
                ("seed", seed, 0),
            )
            if value != usual
        ]
        chosen = SplitOptions(at, bits, step, preprocessing, _names(classes), seed, " ".join(words))
        with says.status("splitting") as status:
            manifest = write_split_codec(
                network, load_pictures(images, count), chosen, folder, EDGE_ENCODER, status.update
            )
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps({"codec": manifest.name, "folder": str(folder), "identity": manifest.identity.hex()}))
        return
    size_kib = sum(f.stat().st_size for f in folder.iterdir()) / 1024
    print(f"{folder}  {size_kib:.0f} KiB, {manifest.latent_channels} channels at stride {manifest.stride}")
    print(f"isthmus cloud --zoo {zoo}")
    print(f"isthmus edge clip.mp4 --zoo {zoo} --codec {manifest.name}")


def build_squeezenet(
    weights: Annotated[Path, typer.Argument(help="Packed .npz of SqueezeNet 1.0's weights.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The ONNX file.")] = Path("squeezenet.onnx"),
    size: Annotated[str, typer.Option(help="HxW of the frames; empty for any.")] = "227x227",
) -> None:
    """Write SqueezeNet 1.0 as an ONNX classifier of RGB frames, 0 to 255: a real network to split."""

    from isthmus.common.errors import IsthmusError

    try:
        require_onnx()
        from isthmus.models.video.squeezenet_graph import squeezenet_model
        from isthmus.split.network import read_network

        network = sized_as(read_network(squeezenet_model(weights), "squeezenet"), size)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(network.model.SerializeToString(deterministic=True))
    print(out)


def train_video(
    data: Annotated[Path, typer.Option(help="Labelled images with a train split: tinyimagenet50.npz.")],
    photos: Annotated[Path, typer.Option(help="Photographs for the second round and the tables: photos_a_256.npz.")],
    count: Annotated[int, typer.Option(min=2, help="Photographs that tables are learned from, evenly spread.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    runs: Annotated[Path, typer.Option(help="Where checkpoints go; a killed run resumes here.")] = Path("runs/video"),
    zoo: Annotated[Path | None, typer.Option(help="Write the codecs video-tiny-q1.. into this zoo.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Train the small classifier whose latents move as the picture does, and make it the default video codec.

    Validation is a tenth cut from train; the test split is never read. Finished rounds are kept, and qualities that
    the zoo holds.
    """
    import torch

    from isthmus.command.train import data_digest
    from isthmus.data.image.labelled import load_labelled_images, split_train_validation
    from isthmus.measure.split.edge_encoder import EDGE_ENCODER
    from isthmus.split.pictures import load_pictures
    from isthmus.split.video_zoo import FIRST_FILE, told, train_rounds, write_video_codecs
    from isthmus.training.image.photos import load_photos, split_photos

    torch.set_num_threads(threads)
    whole = load_labelled_images(data, "train")
    train, validation = split_train_validation(whole)
    runs.mkdir(parents=True, exist_ok=True)
    checkpoint = train_rounds(train, validation, split_photos(load_photos(photos))[0], runs, seed)
    if zoo is None:
        return
    provenance = {
        "command": f"isthmus train video --data {data.name} --photos {photos.name} --zoo models/zoo",
        "data": f"{whole.name}, {photos.stem}",
        "data_sha256": data_digest(data),
        "photos_sha256": data_digest(photos),
        "first_round": told(runs / FIRST_FILE),
    }
    pictures = load_pictures(photos, count)
    for path in write_video_codecs(
        checkpoint, zoo, pictures, whole.class_names, EDGE_ENCODER, provenance, lambda said: typer.echo(said, err=True)
    ):
        typer.echo(str(path))


def default_name(model: str, tensor: str, bits: int, step: float) -> str:
    """``video-<model>-<tensor>-b<bits>``, as a codec may be called."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in f"{model} {tensor}".lower()).split()
    return "-".join(["video", *words, "step" if step else f"b{bits}"])[-64:].strip("-")


def preprocessing_of(mean: str, std: str, order: str, top: int) -> Preprocessing:
    """What the options of a command say. InputError if they say nothing sound."""
    from isthmus.split.halves import Preprocessing

    return Preprocessing(_three(mean, "--mean"), _three(std, "--std"), order, top)  # type: ignore[arg-type]


def _three(text: str, flag: str) -> tuple[float, float, float]:
    from isthmus.common.errors import InputError

    try:
        red, green, blue = (float(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"{flag}: expected three numbers, comma apart, got {text!r}") from error
    return red, green, blue


def sized_as(network: Network, size: str) -> Network:
    """The network for frames of ``HxW``, or as it is. InputError if that is no size."""
    from isthmus.common.errors import InputError

    if not size:
        return network
    sides = size.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 1 <= int(side) <= 8192 for side in sides):
        raise InputError(f"--size: expected height and width such as 224x224, got {size!r}")
    return network.sized(int(sides[0]), int(sides[1]))


def _names(path: Path | None) -> tuple[str, ...]:
    from isthmus.common.errors import InputError

    if path is None:
        return ()
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a text file of class names, a line each: {error}") from error


def require_onnx() -> None:
    """MissingDependencyError where a package that splitting needs is not installed."""
    from importlib.util import find_spec

    from isthmus.common.errors import MissingDependencyError

    missing = [package for package in ("onnx", "cv2") if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(f"splitting needs {', '.join(missing)}: pip install 'isthmus[measure]'")
