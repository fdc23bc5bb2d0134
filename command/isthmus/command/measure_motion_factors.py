"""`isthmus measure motion-factors`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.motion_factors.options import FactorOptions
from isthmus.measure.options import Outputs


@command_frame
@with_options(FactorOptions, Outputs)
def measure_motion_factors(*, given: Given) -> None:
    """Does the motion of latents divide by n^k, for poolings by n = 2, 3, 4? On small networks that differ in n alone.

    Networks of `isthmus train motion-factors`, those that are there: how far their latents move when an image is moved,
    and the error of latents that are warped by the rule. Needs the extra `train`.
    """
    from isthmus.measure.command_line import command_line
    from isthmus.measure.motion_factors.rows import factors_table
    from isthmus.measure.motion_factors.run import measure_factors, write_factor_outputs
    from isthmus.measure.track import tracked

    options = given.of(FactorOptions)
    with tracked(table_console()) as track:
        measurement = measure_factors(options, track)
    command = command_line("isthmus measure motion-factors", options)
    written = write_factor_outputs(measurement, options.seed, command, given.of(Outputs).folder(options))
    tell_measured((factors_table(measurement),), (), written)
