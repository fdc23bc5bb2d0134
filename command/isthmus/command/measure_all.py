"""`isthmus measure all`, ready to be put into a typer app. Heavy imports wait until it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.command.frame import command_frame, end, print_error, print_note, table_console
from isthmus.command.options import Given, with_options
from isthmus.common.options import option
from isthmus.measure.options import RESULTS, words


@dataclass(frozen=True, slots=True)
class AllOptions:
    """Which measurements run, and where."""

    panel: ClassVar[str] = "What is measured"
    only: str = option("", "Names of measurements, comma apart; --list tells them.", automatic="all")
    is_list: bool = option(False, "Say what there is and what is to do, and measure nothing.", flags=("--list",))
    again: bool = option(False, "Measure what this code has measured already, too.")
    accept: str = option("", "Commits whose figures are as good as this one's, comma apart.", automatic="none")


@dataclass(frozen=True, slots=True)
class AllFolders:
    """Where it is measured and written."""

    panel: ClassVar[str] = "Output"
    root: Path = option(Path(), "The checkout, for its benchmarks.", metavar="DIR")
    work: Path = option(Path("out/measure"), "Folder of checkpoints, graphs, pictures and logs.", metavar="DIR")
    out: Path = option(RESULTS, "Folder for the results and the pictures.", metavar="DIR")


@command_frame
@with_options(AllOptions, AllFolders)
def measure_all(*, given: Given) -> None:
    """Measure all that README and docs quote, in one go; a run that was ended goes on where it was.

    Hours on two cores, for it trains what two of the measurements need. What needs data that does not lie beside the
    project is left out. Leave the machine alone meanwhile: every results file says how busy it was. Then `make figures`
    writes the figures into the documents.
    """
    from isthmus.common.errors import InputError
    from isthmus.measure.everything.measurements import MEASUREMENTS
    from isthmus.measure.everything.rows import state_table
    from isthmus.measure.everything.run import Plan, chosen_measurements, run_measurement
    from isthmus.measure.track import tracked

    options, folders = given.of(AllOptions), given.of(AllFolders)
    if not (folders.root / "benchmarks").is_dir():
        raise InputError(f"expected a checkout at {folders.root.resolve()}, it has no benchmarks; say --root")
    plan = Plan(folders.root, folders.work, folders.out, words(options.accept), options.again)
    chosen = chosen_measurements(MEASUREMENTS, words(options.only))
    console = table_console()
    if options.is_list:
        console.print(state_table(plan, chosen).to_rich())
        return
    for measurement in chosen:
        if missing := plan.lacks(measurement):
            print_note(f"{measurement.name} is left out: {', '.join(missing)} does not lie beside the project")
    todo = [m for m in chosen if not plan.lacks(m) and not plan.is_done(m)]
    failures = 0
    with tracked(console) as track:
        advance = track("measurements", len(todo))
        for measurement in todo:
            console.print(f"{measurement.name}: {measurement.typed}", soft_wrap=True)
            outcome = run_measurement(plan, measurement, lambda line: console.print(f"  {line}", soft_wrap=True))
            if outcome.failure:
                failures += 1
                print_error(f"{measurement.name}: {outcome.failure}")
            else:
                console.print(f"  {outcome.seconds / 60:.1f} min: {' '.join(f'{n}.json' for n in measurement.writes)}")
            advance(1)
    console.print(f"{len(todo) - failures} measured, {failures} failed; `make figures` writes what they say")
    end(failures, len(todo))
