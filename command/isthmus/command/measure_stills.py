"""`isthmus measure stills` and `photograph`: images to labels, by latents and by image files. Heavy imports wait."""

from __future__ import annotations

from isthmus.command.frame import command_frame, table_console
from isthmus.command.measured import tell_measured
from isthmus.command.options import Given, with_options
from isthmus.measure.options import Outputs
from isthmus.measure.photograph.options import PhotographSettings
from isthmus.measure.stills.options import StillSettings


@command_frame
@with_options(StillSettings, Outputs)
def measure_stills(*, given: Given) -> None:
    """Rate against accuracy of labelled stills, at every step of codecs of a real network, beside JPEG, WebP, AVIF."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.stills.rows import still_tables
    from isthmus.measure.stills.run import measure_stills as measured
    from isthmus.measure.stills.run import write_still_outputs
    from isthmus.measure.track import tracked

    settings = given.of(StillSettings)
    with tracked(table_console()) as track:
        measurement = measured(settings, track)
    command = command_line("isthmus measure stills", settings)
    written = write_still_outputs(measurement, command, given.of(Outputs).folder(settings))
    name, images, mismatches = measurement.live
    live = (f"live wire, {name}: {images} images, {mismatches} other packets or answers",) if images else ()
    tell_measured(still_tables(measurement), (*live, *measurement.notes), written)


@command_frame
@with_options(PhotographSettings, Outputs)
def measure_photograph(*, given: Given) -> None:
    """One photograph to a label: its packet, and the JPEG, WebP and AVIF files that answer as well, or are as small."""
    from isthmus.measure.command_line import command_line
    from isthmus.measure.photograph.rows import photograph_table
    from isthmus.measure.photograph.run import measure_photograph as measured
    from isthmus.measure.photograph.run import write_photograph_outputs
    from isthmus.measure.track import tracked

    settings = given.of(PhotographSettings)
    with tracked(table_console()) as track:
        measurement, notes = measured(settings, track)
    command = command_line("isthmus measure photograph", settings)
    written = write_photograph_outputs(measurement, command, given.of(Outputs).folder(settings))
    tell_measured((photograph_table(measurement),), notes, written)
