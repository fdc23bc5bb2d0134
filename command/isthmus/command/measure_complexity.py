"""`isthmus measure complexity`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.complexity.options import ComplexityOptions
from isthmus.measure.options import Outputs


@command_frame
@with_options(ComplexityOptions, Outputs)
def measure_complexity(*, given: Given) -> None:
    """What adaptive tables cost beside a hyperprior: MACs, instructions, time. Needs the extra `train`; valgrind counts
    the instructions."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.complexity.rows import parts_table, ratio_table
    from isthmus.measure.complexity.run import measure_complexity as measured
    from isthmus.measure.complexity.run import write_complexity_outputs
    from isthmus.measure.track import tracked

    options = given.of(ComplexityOptions)
    with tracked(table_console()) as track:
        measurement = measured(options, track)
    command = command_line("isthmus measure complexity", options)
    written = write_complexity_outputs(measurement, command, given.of(Outputs).folder(options))
    notes = (measurement.note,) if measurement.note else ()
    tell_measured((ratio_table(measurement), parts_table(measurement)), notes, written)
