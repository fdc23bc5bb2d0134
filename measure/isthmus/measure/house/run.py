"""`results/house.json`: what the house weighs, what its rules find in it, and what its tests cover and take.

Lines, imports and docstrings are read from the source; type errors are counted by mypy; coverage and the tests' time
come from the files that `make test` and `make coverage` leave in `out/house`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.measure.house.docstrings import array_functions
from isthmus.measure.house.sources import (
    Module,
    count_lines,
    import_circles,
    imports_between,
    known_to,
    large_modules,
    read_modules,
)

TEST_FILES = Path("out", "house")
"""Where `make test` leaves `tests.xml`, and `make coverage` `coverage.json`."""
SIGNALS = ("pointcloud", "image", "video")
"""Folders of the signals' own modules."""
STAGES = ("common", "edge", "cloud", "codec", "command")
"""What a signal goes through; to measure it or to learn its codec is another matter."""
REASON = re.compile(r"More than 300 lines: \S.*")
"""What a longer module says in its head."""
_MYPY_ERROR = re.compile(r"^tests/.*: error: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """What the last `make test` and `make coverage` found.

    Attributes:
        coverage_percent: of the lines of `common`, `edge`, `cloud` and the Python API, those that ran under test.
        test_seconds: from the first test to the last, in as many processes as there are cores.
        tests: how many there were.
    """

    coverage_percent: float
    test_seconds: float
    tests: int


def measure_house(root: Path, ran: Ran, mypy_errors: int) -> Results:
    """All facts of the checkout at `root`."""
    modules = read_modules(root)
    circles = import_circles(imports_between(modules))
    large = large_modules(modules)
    functions = array_functions(modules.values())
    without_shape = [function.place for function in functions if not function.says_shape]
    for_a_signal = files_for_a_signal(known_to(modules))
    source, tests = sum(module.lines for module in modules.values()), count_lines(root / "tests")
    summary = {
        "house.lines_source": source,
        "house.lines_tests": tests,
        "house.lines_tests_per_source": tests / source,
        "house.modules": len(modules),
        "house.modules_over_300_lines": len(large),
        "house.import_circles": len(circles),
        "house.files_for_a_signal": len(for_a_signal),
        "house.array_functions": len(functions),
        "house.array_functions_without_shape": len(without_shape),
        "house.coverage_percent": ran.coverage_percent,
        "house.mypy_errors_tests": mypy_errors,
        "house.test_seconds": ran.test_seconds,
        "house.tests": ran.tests,
    }
    detail: Mapping[str, Any] = {
        "modules_over_300_lines": {module.name: [module.lines, reason(module)] for module in large},
        "import_circles": circles,
        "files_for_a_signal": for_a_signal,
        "array_functions_without_shape": without_shape,
    }
    provenance = Provenance.of(
        "python -m isthmus.measure.house", "this checkout", 0, ("mypy", "pytest", "coverage", "pytest-xdist")
    )
    return Results("house", provenance, summary, detail)


def write_house(root: Path, results: Path, test_files: Path = TEST_FILES) -> Results:
    """Measures the checkout at `root` and writes `house.json` and the summary into `results`.

    Args:
        root: folder of the project.
        results: folder of the results files.
        test_files: what those two left, seen from `root`.

    Raises:
        InputError: a file of theirs is missing or cannot be read.
    """
    house = measure_house(root, read_ran(root / test_files), count_mypy_errors(root))
    write_results(results, house)
    gather_summary(results)
    return house


def read_ran(folder: Path) -> Ran:
    """What the two left in a folder."""
    try:
        totals = json.loads((folder / "coverage.json").read_text(encoding="utf-8"))["totals"]
        suites = list(ElementTree.parse(folder / "tests.xml").getroot().iter("testsuite"))
        seconds = sum(float(suite.attrib["time"]) for suite in suites)
        tests = sum(int(suite.attrib["tests"]) for suite in suites)
        return Ran(float(totals["percent_covered"]), seconds, tests)
    except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
        raise InputError(
            f"{folder}: expected tests.xml of `make test` and coverage.json of `make coverage`, got {error!r}; run them"
        ) from error


def count_mypy_errors(root: Path) -> int:
    """Errors that `mypy --strict` finds in the tests."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "tests"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise InputError(
            f"expected mypy to check {root / 'tests'}, it ended with {done.returncode}: {done.stderr.strip()}"
        )
    return len(_MYPY_ERROR.findall(done.stdout))


def files_for_a_signal(known: Mapping[str, frozenset[str]]) -> list[str]:
    """Modules that must know one more signal: outside the signals' folders, they import or name something of each."""
    return [
        name
        for name, others in known.items()
        if name.split(".")[1] in STAGES
        and _signal(name) is None
        and {_signal(other) for other in others} >= set(SIGNALS)
    ]


def reason(module: Module) -> str:
    """Why a module is as long as it is, as its head says; empty where it says nothing."""
    match = REASON.search(" ".join(module.head.split()))
    return match[0] if match else ""


def _signal(name: str) -> str | None:
    return next((part for part in name.split(".") if part in SIGNALS), None)
