"""`isthmus measure pointcloud-sweep`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.options import Outputs
from isthmus.measure.point_sweep.options import PointSweepOptions


@command_frame
@with_options(PointSweepOptions, Outputs)
def measure_pointcloud_sweep(*, given: Given) -> None:
    """Measure the thesis's codec at every number of points, trade-off and seed, in packets that are decoded again."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.packages import require_packages
    from isthmus.measure.point_sweep.rows import fronts_table, spreads_table
    from isthmus.measure.point_sweep.run import measure_point_sweep, write_point_sweep_outputs
    from isthmus.measure.track import tracked

    require_packages(["matplotlib"])
    options = given.of(PointSweepOptions)
    with tracked(table_console()) as track:
        measurement = measure_point_sweep(options, track)
    command = command_line("isthmus measure pointcloud-sweep", options, without=())  # the codecs are what is measured
    written = write_point_sweep_outputs(measurement, command, given.of(Outputs).folder(options))
    tell_measured((fronts_table(measurement), spreads_table(measurement)), (), written)
