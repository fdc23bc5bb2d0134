"""The command `isthmus drill`. Heavy imports wait until it runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, end, table_console
from isthmus.command.options import Given, with_options
from isthmus.measure.drill.options import DrillOptions
from isthmus.measure.options import Outputs


@command_frame
@with_options(DrillOptions, Outputs)
def drill(*, given: Given) -> None:
    """Break all there is between edge and cloud, on this machine: each frame must be answered once, and rightly.

    Clouds are killed and told to end in mid-stream; connections cut, cut short, stalled, slowed and damaged; edges
    killed, and started again on what they had kept.
    A quarter of an hour for all; `--kills 5 --cuts 20 --terminations 2 --edge-kills 2` for a look.
    """
    from isthmus.measure.drill.rows import drills_table
    from isthmus.measure.drill.run import run_drills, write_drills
    from isthmus.measure.track import tracked

    console, options = table_console(), given.of(DrillOptions)
    with tracked(console) as track:
        run = run_drills(options, track)
    written = write_drills(run, options, given.of(Outputs).folder(options))
    console.print(drills_table(run.tallies).to_rich())
    for tally in run.tallies:
        for words in tally.examples:
            console.print(f"{tally.drill}: {words}", markup=False, soft_wrap=True)
    console.print(f"{run.total('sent')} frames, {run.failures} failures; written: {written}", soft_wrap=True)
    end(run.failures)
