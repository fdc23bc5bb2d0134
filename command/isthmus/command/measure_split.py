"""`isthmus measure split`. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import print_error


def measure_split_command(
    *,
    model: Annotated[Path, typer.Option(help="An ONNX classifier; of one size of frames.")],
    images: Annotated[Path, typer.Option(help="Labelled images: a packed .npz or a folder of classes.")],
    at: Annotated[str, typer.Option(help="Tensors to cut at, comma apart; `isthmus split MODEL --plan` lists them.")],
    bits: Annotated[str, typer.Option(help="Bits of the quantiser, comma apart.")] = "8,6,4,3,2",
    calibration: Annotated[int, typer.Option(min=2, help="The first so many images calibrate; the others test.")] = 100,
    live: Annotated[int, typer.Option(min=0, help="Frames that cross a live wire; 0 for none.")] = 50,
    mean: Annotated[str, typer.Option(help="As of `isthmus split`.")] = "0,0,0",
    std: Annotated[str, typer.Option(help="As of `isthmus split`.")] = "1,1,1",
    order: Annotated[str, typer.Option(help="rgb or bgr.")] = "rgb",
    range_: Annotated[int, typer.Option("--range", help="255 or 1.")] = 255,
    size: Annotated[str, typer.Option(help="HxW of the frames, for a network that takes any.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the results and the picture.")] = Path("results"),
) -> None:
    """Rate against accuracy of any ONNX classifier cut at several tensors, beside JPEG and the whole network."""
    from rich.console import Console

    from isthmus.command.split_network import network_of, preprocessing_of, require_split_packages
    from isthmus.common.errors import InputError, IsthmusError
    from isthmus.measure.track import tracked

    console = Console()
    try:
        require_split_packages()
        from isthmus.data.image.labelled import load_labelled_images
        from isthmus.measure.split.rows import split_table
        from isthmus.measure.split.run import SplitMeasureOptions, measure_split, write_split_outputs
        from isthmus.split.options import FrameOptions

        depths = bits.split(",")
        if not all(word.isdecimal() for word in depths):
            raise InputError(f"--bits: expected whole numbers, comma apart, got {bits!r}")
        frames = FrameOptions(size, mean, std, order, range_)
        options = SplitMeasureOptions(
            tuple(at.split(",")),
            tuple(int(word) for word in depths),
            calibration,
            live,
            preprocessing_of(frames),
        )
        network = network_of(model, frames)
        with tracked(console) as track:
            measurement = measure_split(network, load_labelled_images(images), options, track)
        command = f"isthmus measure split --model {model.name} --images {images.name} --at {at} --bits {bits}"
        words = (
            ("calibration", calibration, 100),
            ("live", live, 50),
            ("mean", mean, "0,0,0"),
            ("std", std, "1,1,1"),
            ("order", order, "rgb"),
            ("range", range_, 255),
            ("size", size, ""),
        )
        command += "".join(f" --{flag} {value}" for flag, value, usual in words if value != usual)
        written = write_split_outputs(measurement, command, out)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    console.print(split_table(measurement).to_rich())
    if (check := measurement.live) is not None:
        console.print(
            f"live wire, {check.tensor} at {check.bits} bits: {check.frames} frames, {check.differing_packets} other "
            f"packets, {check.differing_answers} other answers",
            soft_wrap=True,
        )
    console.print("written:", *(str(path) for path in written))
