"""The command line: `python -m isthmus.measure.house`, in a checkout, after `make test` and `make coverage`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from isthmus.common.errors import IsthmusError
from isthmus.measure.house.run import write_house


def main(arguments: list[str] | None = None) -> int:
    """Writes `results/house.json` and prints its figures; 1 where they cannot be found out."""
    parser = argparse.ArgumentParser(
        prog="python -m isthmus.measure.house",
        description="Measure the project itself: lines, long modules, circles of imports, coverage, the tests' time.",
    )
    parser.add_argument("--root", type=Path, default=Path(), help="folder of the checkout")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results files")
    options = parser.parse_args(arguments)
    try:
        house = write_house(options.root, options.results)
    except (IsthmusError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for key, value in house.summary.items():
        print(f"{key:40} {value:g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
