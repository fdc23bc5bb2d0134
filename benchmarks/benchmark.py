"""What every benchmark does around its measuring: reads options, measures, writes the results, gathers, prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from isthmus.common.circumstances import load_before
from isthmus.common.errors import IsthmusError
from isthmus.common.results import Results, gather_summary, write_results
from isthmus.measure.command_line import script_line
from isthmus.measure.options import PARTS, RESULTS

Measure = Callable[[argparse.Namespace, str], Results]
"""From the options, `out` among them, and the command that says them again."""


def run_benchmark(
    script: str, description: str | None, add_options: Callable[[argparse.ArgumentParser], None], measure: Measure
) -> int:
    """Run a benchmark as its command line says; answers the exit code.

    Less of anything than by default is a part: without `--out` its results go to `PARTS`, not over those of the whole.

    Args:
        script: its path in the checkout.
        description: for the help.
        add_options: adds its own to a parser.
        measure: makes the results.
    """
    load_before()
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--out", type=Path, help=f"folder of the results ({RESULTS}; of a part {PARTS})")
    given = parser.parse_args()
    given.out = given.out or (PARTS if _is_part(parser, given) else RESULTS)
    try:
        path = write_results(given.out, measure(given, script_line(script, parser, given)))
        gather_summary(given.out)
    except IsthmusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(path.read_text(encoding="utf-8"))
    return 0


def _is_part(parser: argparse.ArgumentParser, given: argparse.Namespace) -> bool:
    """Whether a number of something is less than by default; a seed is a number of nothing."""
    usual = {name: parser.get_default(name) for name in vars(given) if name != "seed"}
    return any(getattr(given, name) < number for name, number in usual.items() if isinstance(number, int | float))
