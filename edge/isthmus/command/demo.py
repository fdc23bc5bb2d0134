"""`isthmus demo`: a cloud and an edge on this machine, clouds of points across, the result as table and picture."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.common.errors import IsthmusError

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_PER_CLASS = 1
DEMO_CODEC = "pc-lite-any-q10"
DEMO_CURVES = "pc-full-any-q*,pc-lite-any-q*,pc-micro-any-q*"
CLOUD_SUFFIXES = (".off", ".ply", ".pcd", ".obj", ".stl", ".xyz", ".txt", ".npy", ".bin")


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Your data: a labelled set, or a folder of cloud files (classified, not scored). "
            "Default: ModelNet10 where it lies beside the project, else generated furniture."
        ),
    ] = None,
    codec: Annotated[str, typer.Option(help="Codec of the table of single clouds.")] = DEMO_CODEC,
    clouds: Annotated[int, typer.Option(min=10, help="Clouds that each codec of the curve is measured on.")] = 300,
    out: Annotated[Path, typer.Option(help="Where the picture and the page go.")] = Path("out/demo"),
) -> None:
    """Start a cloud and an edge, send clouds across, print what came back and draw rate against accuracy."""
    from rich.console import Console

    console = Console()
    try:
        if data is not None and _is_unlabelled(data):
            _classify_files(console, [str(data)], codec)
            return
        _demo_labelled(console, data, codec, clouds, out)
    except IsthmusError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


def _is_unlabelled(data: Path) -> bool:
    """Whether a path holds plain cloud files rather than a labelled set."""
    if data.is_file():
        return data.suffix.lower() in CLOUD_SUFFIXES
    labelled = any(data.glob("*/test/*.off")) or any(data.glob("*.h5"))
    return data.is_dir() and not labelled


def _classify_files(console: Console, inputs: list[str], codec: str) -> None:
    from isthmus.common.zoo import find_zoo
    from isthmus.edge.classify import EdgeJob, run
    from isthmus.measure.cloud_process import CloudProcess

    with CloudProcess(find_zoo()) as cloud:
        console.print(f"A cloud listens on {cloud.address}; an edge sends it, coded by {codec}:")
        run(EdgeJob(tuple(inputs), cloud.address, codec), as_json=False)


def _demo_labelled(console: Console, data: Path | None, codec: str, clouds: int, out: Path) -> None:
    import numpy as np

    from isthmus.measure.live import LiveOptions
    from isthmus.measure.plots import draw_png
    from isthmus.measure.pointcloud import PointCloudOptions, default_test_set, measure
    from isthmus.measure.progress import tracked
    from isthmus.measure.report import write_page
    from isthmus.measure.tables import rates_table

    test_set = default_test_set(data)
    console.print(f"[bold]Data:[/bold] {test_set.name}, {len(test_set)} labelled clouds.")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for label, name in enumerate(test_set.class_names):
            for index in np.flatnonzero(test_set.labels == label)[:SHOWN_PER_CLASS]:
                paths.append(Path(folder) / f"{name}_{index}.npy")
                np.save(paths[-1], test_set.cloud(int(index)))
        with contextlib.chdir(folder):  # short names in the table
            _classify_files(console, [p.name for p in paths], codec)
    console.print("\n[bold]Rate against accuracy[/bold] of the codecs for any heading, every bit over the wire:")
    options = PointCloudOptions(
        data=data, codecs=DEMO_CURVES, baselines=(), limit_clouds=clouds, live=LiveOptions(timed_clouds=50)
    )
    with tracked(console) as track:
        measurement = measure(options, track)
    if not console.is_terminal:
        console.width = 140
    console.print(rates_table(measurement.codecs).to_rich())
    for note in measurement.notes:
        console.print(note)
    out.mkdir(parents=True, exist_ok=True)
    draw_png(measurement, out / "rate_accuracy.png")
    write_page(measurement, "isthmus demo", out / "rate_accuracy.html")
    console.print(f"Picture: {out / 'rate_accuracy.png'}   page: {out / 'rate_accuracy.html'}")
