"""`isthmus measure fuzz` and `inputs`: what is damaged on purpose. Heavy imports wait until a command runs."""

from __future__ import annotations

from isthmus.command.frame import command_frame, end, print_note, table_console
from isthmus.command.options import Given, with_options
from isthmus.measure.fuzz.options import FuzzOptions
from isthmus.measure.inputs.options import InputsOptions
from isthmus.measure.options import Outputs


@command_frame
@with_options(FuzzOptions, Outputs)
def measure_fuzz(*, given: Given) -> None:
    """Spoil real packets in every way and hand them to the decoders: each must be refused, or be a packet after all."""
    from isthmus.measure.fuzz.targets import run_fuzz, write_fuzz
    from isthmus.measure.track import tracked

    console, options = table_console(), given.of(FuzzOptions)
    with tracked(console) as track:
        run = run_fuzz(options, track)
    written = write_fuzz(run, options, given.of(Outputs).folder(options))
    for tally in run.tallies:
        console.print(
            f"{tally.name}: {tally.cases} cases, {tally.refused.total()} refused, {tally.decoded} packets after all, "
            f"{tally.failure_count} failures; slowest {1e3 * tally.slowest_s:.0f} ms, most memory "
            f"{tally.peak_bytes / 2**20:.1f} MiB"
        )
        for failure in tally.failures:
            console.print(f"  {failure.mutation}: {failure.reason}: {failure.packet_hex}", markup=False)
    console.print(f"{run.cases} hostile packets: {run.failures} failures; written: {written}")
    end(run.failures)


@command_frame
@with_options(InputsOptions, Outputs)
def measure_inputs(*, given: Given) -> None:
    """Files as people have them: the tests of whole ones, and damaged ones for every reader; in a checkout.

    Each damaged file must be refused in words, or read after all, in bounded time and memory. A process of its own
    reads them, so that a library's fault is counted and does not end the run.
    """
    from isthmus.measure.inputs.run import readers_table, run_inputs, write_inputs
    from isthmus.measure.packages import require_packages
    from isthmus.measure.track import tracked

    require_packages(("pytest",), "dev")
    console, options = table_console(), given.of(InputsOptions)
    with tracked(console) as track:
        run = run_inputs(options, track)
    written = write_inputs(run, options, given.of(Outputs).folder(options))
    console.print(readers_table(run.tallies).to_rich())
    for tally in run.tallies:
        if tally.left_out:
            print_note(f"{tally.name} is left out: {tally.left_out}")
        for failure in tally.failures:
            where = f"{tally.name}, case {failure.case}, {failure.mutation}"
            console.print(f"{where}: {failure.reason}: {failure.data.hex()}", markup=False, soft_wrap=True)
    for name in (*run.whole.unshown, *run.whole.named("failed")):
        console.print(f"not shown: {name}", markup=False, soft_wrap=True)
    console.print(
        f"{run.whole.cases} tests of {len(run.whole.kinds)} kinds of whole files: {run.whole.failures} failures; "
        f"{run.fuzz_cases} damaged files: {run.fuzz_failures} failures",
        soft_wrap=True,
    )
    console.print(f"written: {written}", soft_wrap=True)
    end(run.failures)
