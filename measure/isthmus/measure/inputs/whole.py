"""Whole files, odd ones among them: the tests that write each and know what must come out, run and counted."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from isthmus.common.errors import InputError
from isthmus.measure.inputs.kinds import KINDS, TESTS, tests_of, unsaid

DOCUMENT = Path("docs", "inputs.md")
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class WholeFiles:
    """What became of the tests.

    Attributes:
        outcomes: of each test, by its name: ``test_inputs_images::test_pictures[P1]``.
        kinds: how many tests that passed each kind has, by its heading and row.
        without_line: rows of the document that are no kind, and the other way round.
    """

    outcomes: Mapping[str, str]
    kinds: Mapping[str, int]
    without_line: tuple[str, ...]

    def named(self, outcome: str) -> tuple[str, ...]:
        """Tests that ended so."""
        return tuple(name for name, found in self.outcomes.items() if found == outcome)

    @property
    def cases(self) -> int:
        """Tests that ran."""
        return len(self.outcomes) - len(self.named(SKIPPED))

    @property
    def unshown(self) -> tuple[str, ...]:
        """Kinds that no test shows, and rows that are no kind."""
        return (*(name for name, count in self.kinds.items() if not count), *self.without_line)

    @property
    def failures(self) -> int:
        """Tests that failed, and kinds that none shows."""
        return len(self.named(FAILED)) + len(self.unshown)

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {
            "cases_of_kinds": dict(self.kinds),
            "failed": list(self.named(FAILED)),
            "skipped": list(self.named(SKIPPED)),
            "unshown": list(self.unshown),
        }


def run_whole_files(root: Path) -> WholeFiles:
    """Run the tests of a checkout, and count them by kind.

    Raises:
        InputError: no checkout, or the tests cannot be run.
    """
    files = [str(path.relative_to(root)) for pattern in TESTS for path in sorted(root.glob(pattern))]
    if not files or not (root / DOCUMENT).is_file():
        raise InputError(f"expected a checkout with {DOCUMENT} and {TESTS[0]} at {root.resolve()}; say --root")
    with tempfile.TemporaryDirectory(prefix="isthmus-inputs-") as folder:
        report = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1) or not report.is_file():
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise InputError(f"expected pytest to run {TESTS[0]}, it ended with {done.returncode}: {last}")
        outcomes = read_outcomes(report)
    return counted(outcomes, (root / DOCUMENT).read_text(encoding="utf-8"))


def read_outcomes(report: Path) -> dict[str, str]:
    """How each test of a JUnit file ended, by ``file::name``."""
    found = {}
    for test in ElementTree.parse(report).getroot().iter("testcase"):
        ends = {child.tag for child in test}
        outcome = FAILED if ends & {"failure", "error"} else SKIPPED if "skipped" in ends else PASSED
        found[f"{test.attrib['classname'].rpartition('.')[2]}::{test.attrib['name']}"] = outcome
    return found


def counted(outcomes: Mapping[str, str], document: str) -> WholeFiles:
    """Tests by the rows of the document."""
    passed = [name for name, outcome in outcomes.items() if outcome == PASSED]
    kinds = {f"{kind.area}: {kind.row}": len(tests_of(kind, passed)) for kind in KINDS}
    return WholeFiles(outcomes, kinds, unsaid(document))
