"""`isthmus measure abuse` and `load`: what a cloud withstands, on loopback. Heavy imports wait."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.abuse.options import AbuseSettings, LoadSettings
from isthmus.measure.options import Outputs


@command_frame
@with_options(AbuseSettings, Outputs)
def measure_abuse(*, given: Given) -> None:
    """Attacks on a cloud on loopback, each with a victim beside it: the latency of one, the memory of the other."""
    from isthmus.measure.abuse.rows import abuse_table
    from isthmus.measure.abuse.run import measure_abuse as measured
    from isthmus.measure.abuse.run import write_abuse
    from isthmus.measure.command_line import command_line
    from isthmus.measure.track import tracked

    settings = given.of(AbuseSettings)
    with tracked(table_console()) as track:
        found = measured(settings, track)
    command = command_line("isthmus measure abuse", settings)
    written = write_abuse(found, settings, command, given.of(Outputs).folder(settings))
    tell_measured((abuse_table(found),), (), (written,))


@command_frame
@with_options(LoadSettings, Outputs)
def measure_load(*, given: Given) -> None:
    """A thousand streams of twenty peers, one of which floods, and ten thousand streams one after another."""
    from isthmus.measure.abuse.load import measure_load as measured
    from isthmus.measure.abuse.load import write_load
    from isthmus.measure.abuse.rows import load_table
    from isthmus.measure.command_line import command_line
    from isthmus.measure.track import tracked

    settings = given.of(LoadSettings)
    with tracked(table_console()) as track:
        found = measured(settings, track)
    command = command_line("isthmus measure load", settings)
    written = write_load(found, command, given.of(Outputs).folder(settings))
    tell_measured((load_table(found),), (), (written,))
