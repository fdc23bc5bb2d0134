"""`isthmus measure split`, `split-cuts` and `split-edge`, ready for a typer app. Heavy imports wait until they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.command.frame import command_frame, end, table_console
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.cuts.task_options import TaskSettings
from isthmus.measure.edge_half.options import EdgeHalfSettings
from isthmus.measure.options import Outputs
from isthmus.measure.split.options import SplitSettings
from isthmus.split.options import FrameOptions


@command_frame
@with_options(SplitSettings, FrameOptions, Outputs)
def measure_split(
    *,
    model: Annotated[Path, typer.Option(help="An ONNX classifier; of one size of frames.")],
    images: Annotated[Path, typer.Option(help="Labelled images: a packed .npz or a folder of classes.")],
    at: Annotated[str, typer.Option(help="Tensors to cut at, comma apart; `isthmus split MODEL --plan` lists them.")],
    given: Given,
) -> None:
    """Rate against accuracy of any ONNX classifier cut at several tensors, beside JPEG and the whole network."""
    from isthmus.command.split_network import (
        class_names_of,
        frames_said,
        labelled_for,
        reading_of,
        require_split_packages,
    )

    require_split_packages()
    from isthmus.data.image.labelled import load_labelled_images
    from isthmus.measure.command_line import command_line
    from isthmus.measure.options import words
    from isthmus.measure.split.rows import split_table
    from isthmus.measure.split.run import SplitMeasureOptions, depths_of, write_split_outputs
    from isthmus.measure.split.run import measure_split as measured
    from isthmus.measure.track import tracked
    from isthmus.split.pictures import labelled_pictures

    settings, frames = given.of(SplitSettings), given.of(FrameOptions)
    labelled = labelled_for(model.stem, load_labelled_images(images), class_names_of(settings.classes))
    reading = reading_of(model, frames, lambda count: labelled_pictures(labelled, count), words(at))
    options = SplitMeasureOptions(
        words(at), depths_of(settings.bits), settings.calibration, settings.live_frames, reading.preprocessing
    )
    frames = frames_said(frames, reading)
    with tracked(table_console()) as track:
        measurement = measured(reading.network, labelled, options, track)
    command = f"isthmus measure split --model {model.name} --images {images.name} --at {at}"
    written = write_split_outputs(measurement, command_line(command, settings, frames), given.of(Outputs).folder())
    live = () if measurement.live is None else (measurement.live.told,)
    tell_measured((split_table(measurement),), live, written)


@command_frame
@with_options(TaskSettings, Outputs)
def measure_split_tasks(*, given: Given) -> None:
    """Masks, boxes, embeddings of networks cut at three tensors, beside the whole networks'. Needs the extra `train`.

    The networks are trained on scenes of drawn shapes first: minutes on one core.
    """
    from isthmus.measure.command_line import command_line
    from isthmus.measure.cuts.task_rows import task_tables, write_tasks
    from isthmus.measure.cuts.tasks import measure_tasks
    from isthmus.measure.track import tracked

    settings = given.of(TaskSettings)
    with tracked(table_console()) as track:
        rows = measure_tasks(settings, track)
    command = command_line("isthmus measure split-tasks", settings)
    tell_measured(task_tables(rows), (), (write_tasks(rows, command, given.of(Outputs).folder(settings)),))


@command_frame
@with_options(Outputs)
def measure_split_cuts(*, given: Given) -> None:
    """Cut networks of many kinds at several tensors; the halves must be the whole. Needs the extra `train`."""
    from isthmus.measure.cuts.run import cuts_table, measure_cuts, summary_of, write_cuts
    from isthmus.measure.track import tracked

    with tracked(table_console()) as track:
        rows = measure_cuts(track)
    tell_measured((cuts_table(rows),), (), (write_cuts(rows, given.of(Outputs).folder()),))
    end(int(summary_of(rows)["split.multi.mismatches"]))


@command_frame
@with_options(EdgeHalfSettings, Outputs)
def measure_split_edge(*, given: Given) -> None:
    """The edge half of a network that is cut: its time beside its share of the whole, in floats and in integers."""
    from isthmus.command.split_network import require_split_packages

    require_split_packages()
    from isthmus.measure.command_line import command_line
    from isthmus.measure.edge_half.run import edge_half_tables, measure_edge_half, write_edge_half
    from isthmus.measure.track import tracked

    settings = given.of(EdgeHalfSettings)
    with tracked(table_console()) as track:
        measured = measure_edge_half(settings, track)
    command = command_line("isthmus measure split-edge", settings)
    written = write_edge_half(measured, settings, command, given.of(Outputs).folder(settings))
    tell_measured(edge_half_tables(measured), (), (written,))
