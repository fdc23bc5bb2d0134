"""`isthmus measure side-weight`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.measure_open_questions import PhotosOption
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.options import Outputs
from isthmus.measure.side_weight.options import SideWeightOptions


@command_frame
@with_options(SideWeightOptions, Outputs)
def measure_side_weight(*, photos: PhotosOption, given: Given) -> None:
    """Train the networks that synthesize tables at several weights of side information. Needs the extra `train`."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.side_weight.rows import side_weight_table
    from isthmus.measure.side_weight.run import measure_side_weight as measured
    from isthmus.measure.side_weight.run import write_side_weight_outputs
    from isthmus.measure.track import tracked

    options = given.of(SideWeightOptions)
    command = command_line(f"isthmus measure side-weight --photos {photos.name}", options)
    with tracked(table_console()) as track:
        measurement = measured(options, photos, track, command)
    written = write_side_weight_outputs(measurement, command, given.of(Outputs).folder(options))
    tell_measured((side_weight_table(measurement),), (), written)
