"""`isthmus measure`: its commands, ready to be put into a typer app. Heavy imports wait until a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import print_error
from isthmus.command.measure_determinism import measure_determinism_image
from isthmus.command.measure_determinism_video import measure_determinism_video
from isthmus.command.measure_motion import measure_motion
from isthmus.command.measure_open_questions import measure_open_question_1, measure_open_question_2
from isthmus.command.measure_split import measure_split_command
from isthmus.command.measure_video import measure_video

RESULTS = Path("results")
PIPED_WIDTH = 140  # into a file or a pipe, tables are not cut to a terminal's width


def measure_pointcloud(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Labelled set: packed .npz, ModelNet10/40 (OFF, HDF5), ScanObjectNN. "
            "Default: ModelNet10 where it lies beside the project, else generated furniture."
        ),
    ] = None,
    codecs: Annotated[
        str, typer.Option(help="Patterns of codec names, comma apart. Default: all that fit --points.")
    ] = "",
    points: Annotated[int, typer.Option(min=1, help="Points drawn from each cloud.")] = 1024,
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    cloud: Annotated[str, typer.Option(help="HOST:PORT of a running cloud. Default: one is started.")] = "",
    draws: Annotated[int, typer.Option(min=1, help="Draws of points and headings; accuracies are their mean.")] = 1,
    baselines: Annotated[str, typer.Option(help="Input codecs, comma apart: tmc13, draco; or none.")] = "tmc13,draco",
    tmc13: Annotated[
        str, typer.Option(help="TMC13's bits: live (program tmc3), recorded, none; auto takes the first there is.")
    ] = "auto",
    tmc13_bits: Annotated[Path | None, typer.Option(help="Recorded bit counts of TMC13 (.npz).")] = None,
    coalesced: Annotated[int, typer.Option(min=2, help="Clouds a packet of the coalesced pass.")] = 32,
    timed: Annotated[int, typer.Option(min=1, help="Clouds of the timing pass.")] = 200,
    limit: Annotated[int, typer.Option(min=0, help="Take only so many clouds of the test set; 0 for all.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the edge's network.")] = 1,
    published: Annotated[
        Path | None, typer.Option(help="CSV of published curves on another data set, drawn beside and marked.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results, the picture and the page.")] = RESULTS,
    page: Annotated[bool, typer.Option(help="Write the HTML page.")] = True,
) -> None:
    """Rate against accuracy of point-cloud codecs over a live wire, beside G-PCC, Draco and the optimum."""
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.measure.pointcloud.live import LiveOptions
    from isthmus.measure.pointcloud.rows import pointcloud_tables
    from isthmus.measure.pointcloud.run import (
        SHARED_TMC13,
        PointCloudOptions,
        measure,
        pointcloud_command_line,
        require_pointcloud_packages,
        write_outputs,
    )
    from isthmus.measure.track import tracked

    console = Console()
    options = PointCloudOptions(
        data=data,
        codecs=codecs,
        points=points,
        zoo=zoo,
        cloud=cloud,
        draws=draws,
        baselines=() if baselines == "none" else tuple(name.strip() for name in baselines.split(",")),
        tmc13=tmc13,
        tmc13_bits=tmc13_bits or SHARED_TMC13,
        limit_clouds=limit,
        published=published,
        live=LiveOptions(coalesced, timed, threads),
    )
    try:
        require_pointcloud_packages(options, page=page)
        with tracked(console) as track:
            measurement = measure(options, track)
        written = write_outputs(measurement, pointcloud_command_line(options), out, page=page)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for table in pointcloud_tables(measurement):
        console.print(table.to_rich())
    for note in measurement.notes:
        console.print(note)
    console.print("written:", *(str(path) for path in written))


def measure_determinism(
    *,
    data: Annotated[Path | None, typer.Option(help="Labelled set. Default: as `isthmus measure pointcloud`.")] = None,
    codecs: Annotated[str, typer.Option(help="Patterns of codec names, comma apart.")] = "pc-*",
    clouds: Annotated[int, typer.Option(min=1, help="Clouds, spread over the test split.")] = 40,
    points: Annotated[int, typer.Option(min=1, help="Points drawn from each cloud.")] = 1024,
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Compare symbols, bytes and logits over runtimes, threads, batches and precisions; needs the extra `train`."""
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.measure.determinism.pointcloud import CASES, compare_all
    from isthmus.measure.track import tracked

    console = Console()
    try:
        with tracked(console) as track:
            agreements = compare_all(data, codecs, clouds, points, zoo, out, track)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    mismatches = sum(a.mismatches for a in agreements)
    console.print(
        f"{len(agreements)} codecs, {len(CASES)} ways to run each, {sum(a.comparisons for a in agreements)} numbers "
        f"compared: {mismatches} mismatches"
    )
    for agreement in agreements:
        if agreement.mismatches:
            console.print(agreement)
    raise typer.Exit(1 if mismatches else 0)


def measure_image(
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of images. Default: Kodak's where they lie beside the project, else those that "
            "scikit-image ships."
        ),
    ] = None,
    codec: Annotated[
        str, typer.Option(help="Families of codecs, comma apart; the first is compared with everything.")
    ] = "image-light",
    adaptations: Annotated[
        str, typer.Option(help="How tables are fitted to an image, comma apart: static, chosen, synthesized, context.")
    ] = "static,chosen,synthesized,context",
    baselines: Annotated[bool, typer.Option(help="Measure JPEG, WebP, JPEG 2000 and AVIF files as well.")] = True,
    formats: Annotated[str, typer.Option(help="Which of them, comma apart.")] = "avif,webp,jpeg2000,jpeg",
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    cloud: Annotated[str, typer.Option(help="HOST:PORT of a running cloud. Default: one is started.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Take only so many images; 0 for all.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the edge's network.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the results, the picture and the page.")] = RESULTS,
    page: Annotated[bool, typer.Option(help="Write the HTML page, with reconstructions to look at.")] = True,
) -> None:
    """Rate against quality of image codecs over a live wire, beside image files and published curves."""
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.measure.image.rows import image_tables
    from isthmus.measure.image.run import (
        ImageOptions,
        image_command_line,
        measure_images,
        require_image_packages,
        write_image_outputs,
    )
    from isthmus.measure.track import tracked

    console = Console()
    options = ImageOptions(
        images=images,
        families=_names(codec),
        adaptations=_names(adaptations),
        baselines=_names(formats) if baselines else (),
        zoo=zoo,
        cloud=cloud,
        limit_images=limit,
        threads=threads,
        with_pictures=page,
    )
    try:
        require_image_packages(options)
        with tracked(console) as track:
            run = measure_images(options, track)
        written = write_image_outputs(run, image_command_line(options), out, page=page)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for table in image_tables(run.measurement):
        console.print(table.to_rich())
    for note in run.measurement.notes:
        console.print(note)
    console.print("written:", *(str(path) for path in written))


def measure_fuzz(
    *,
    cases: Annotated[int, typer.Option(min=1, help="Packets, spread evenly over the codecs.")] = 100_000,
    codecs: Annotated[
        str, typer.Option(help="Patterns of codec names, comma apart.")
    ] = "pc-*-any-q1,pc-*-any-q5,pc-*-any-q10,image-*,video-*",
    zoo: Annotated[Path | None, typer.Option(help="Folder of the codecs. Default: the one that ships.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 31,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Spoil real packets in every way and hand them to the decoders: each must be refused, or be a packet after all."""
    from rich.console import Console

    from isthmus.common.errors import IsthmusError
    from isthmus.measure.fuzz.targets import run_fuzz, write_fuzz
    from isthmus.measure.track import tracked

    console = Console()
    try:
        with tracked(console) as track:
            run = run_fuzz(codecs, cases, zoo, seed, track)
        written = write_fuzz(run, f"isthmus measure fuzz --cases {cases} --codecs '{codecs}'", out, seed)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    for tally in run.tallies:
        console.print(
            f"{tally.name}: {tally.cases} cases, {tally.refused.total()} refused, {tally.decoded} packets after all, "
            f"{tally.failure_count} failures; slowest {1e3 * tally.slowest_s:.0f} ms, most memory "
            f"{tally.peak_bytes / 2**20:.1f} MiB"
        )
        for failure in tally.failures:
            console.print(f"  {failure.mutation}: {failure.reason}: {failure.packet_hex}", markup=False)
    console.print(f"{run.cases} hostile packets: {run.failures} failures; written: {written}")
    raise typer.Exit(1 if run.failures else 0)


def measure_summary(
    results: Annotated[Path, typer.Argument(help="Folder of the results files.")] = RESULTS,
) -> None:
    """Gather results/*.json into results/summary.json, one number a key."""

    from isthmus.common.errors import IsthmusError
    from isthmus.common.results import gather_summary

    try:
        summary = gather_summary(results)
    except IsthmusError as error:
        print_error(error)
        raise typer.Exit(1) from error
    for key, number in summary.items():
        print(f"{key:64} {number:g}")


def add_commands(app: typer.Typer) -> None:
    """Put the commands into a typer app, under their names on the command line."""
    app.command("pointcloud")(measure_pointcloud)
    app.command("image")(measure_image)
    app.command("video")(measure_video)
    app.command("motion")(measure_motion)
    app.command("split")(measure_split_command)
    app.command("determinism")(measure_determinism)
    app.command("determinism-image")(measure_determinism_image)
    app.command("determinism-video")(measure_determinism_video)
    app.command("open-question-1")(measure_open_question_1)
    app.command("open-question-2")(measure_open_question_2)
    app.command("fuzz")(measure_fuzz)
    app.command("summary")(measure_summary)


def _names(joined: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(name for name in (part.strip() for part in joined.split(",")) if name)
