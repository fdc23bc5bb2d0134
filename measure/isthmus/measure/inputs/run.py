"""`results/inputs.json`: what becomes of files as people have them, whole and damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.measure.command_line import PLACES, command_line
from isthmus.measure.inputs.options import InputsOptions
from isthmus.measure.inputs.reader import Reader
from isthmus.measure.inputs.readers import READERS
from isthmus.measure.inputs.trial import ReaderTally, try_reader
from isthmus.measure.inputs.whole import WholeFiles, run_whole_files
from isthmus.measure.options import words
from isthmus.measure.table import Table, number
from isthmus.measure.track import Track, no_track

VERSIONED = ("numpy", "pillow", "av", "onnx", "onnxruntime", "h5py", "pillow-heif", "pytest")


@dataclass(frozen=True, slots=True)
class InputsRun:
    """Both halves: tests of whole files, and damaged ones by reader."""

    whole: WholeFiles
    tallies: tuple[ReaderTally, ...]

    @property
    def fuzz_cases(self) -> int:
        """Damaged files."""
        return sum(tally.cases for tally in self.tallies)

    @property
    def fuzz_failures(self) -> int:
        """Damaged files that did not pass."""
        return sum(tally.failure_count for tally in self.tallies)

    @property
    def failures(self) -> int:
        """Of both halves."""
        return self.whole.failures + self.fuzz_failures


def run_inputs(options: InputsOptions, track: Track = no_track) -> InputsRun:
    """Run the tests of whole files, then hand damaged ones to the readers.

    Raises:
        InputError: no such reader, or no checkout.
    """
    chosen = chosen_readers(READERS, words(options.readers))
    advance = track("tests of whole files", 1)
    whole = run_whole_files(options.root)
    advance(1)
    return InputsRun(whole, try_readers(chosen, options.cases, options.seed, track))


def try_readers(readers: Sequence[Reader], cases: int, seed: int, track: Track = no_track) -> tuple[ReaderTally, ...]:
    """As many damaged files for each reader, or its share of them, `cases` in all."""
    advance = track("damaged files", cases)
    ends = np.cumsum([0.0, *(each.share for each in readers)])
    ends *= cases / ends[-1]
    shares = np.diff(ends.round().astype(int)).tolist()
    return tuple(try_reader(each, share, seed, advance) for each, share in zip(readers, shares, strict=True))


def chosen_readers(known: Sequence[Reader], names: Sequence[str]) -> tuple[Reader, ...]:
    """Those of some names; all without names. InputError for a name that is none."""
    if unknown := sorted(set(names) - {reader.name for reader in known}):
        raise InputError(
            f"--readers: expected some of {', '.join(reader.name for reader in known)}, got {', '.join(unknown)}"
        )
    return tuple(reader for reader in known if not names or reader.name in names)


def summary_of(run: InputsRun) -> dict[str, float]:
    """The figures that are quoted."""
    found: dict[str, float] = {
        "inputs.kinds": sum(count > 0 for count in run.whole.kinds.values()),
        "inputs.cases": run.whole.cases,
        "inputs.failures": run.whole.failures,
        "inputs.fuzz_readers": sum(tally.cases > 0 for tally in run.tallies),
        "inputs.fuzz_cases": run.fuzz_cases,
        "inputs.fuzz_failures": run.fuzz_failures,
    }
    for tally in run.tallies:
        key = f"inputs.fuzz_{tally.signal}_cases"
        found[key] = found.get(key, 0) + tally.cases
    return found


def write_inputs(run: InputsRun, options: InputsOptions, folder: Path) -> Path:
    """Write `inputs.json` and gather the summary; answers the file's path."""
    command = command_line("isthmus measure inputs", options, without=(*PLACES, "root"))
    provenance = Provenance.of(command, "generated files, whole and damaged", options.seed, VERSIONED)
    detail = {"whole": run.whole.to_json(), "readers": [tally.to_json() for tally in run.tallies]}
    path = write_results(folder, Results("inputs", provenance, summary_of(run), detail))
    gather_summary(folder)
    return path


def readers_table(tallies: Sequence[ReaderTally]) -> Table:
    """A row a reader."""
    rows = tuple(
        (
            tally.name,
            number(tally.cases, 0),
            number(tally.failure_count, 0),
            number(tally.refused, 0),
            number(tally.read, 0),
            number(tally.files, 0),
            number(1e3 * tally.slowest_s, 0),
            number(tally.most_bytes / 2**20, 0),
        )
        for tally in tallies
    )
    columns = ("reader", "cases", "failures", "refused", "read", "files", "slowest ms", "most MiB")
    return Table("Damaged files", columns, rows)
