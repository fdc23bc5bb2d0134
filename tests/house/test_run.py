"""`python -m isthmus.measure.house`: the figures of this checkout, with what a run of the tests left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.paths import ROOT

from isthmus.common.errors import InputError
from isthmus.common.results import read_results, read_summary
from isthmus.measure.house import __main__ as command
from isthmus.measure.house import run
from isthmus.measure.house.run import Ran, count_mypy_errors, measure_house, read_ran, write_house

TESTS = '<testsuites><testsuite name="a" tests="3" time="1.5"/><testsuite name="b" tests="1" time="0.25"/></testsuites>'
RAN = Ran(91.25, 1.75, 4)


def leave(folder: Path) -> Path:
    """What `make test` and `make coverage` leave."""
    folder.mkdir(parents=True)
    (folder / "coverage.json").write_text(json.dumps({"totals": {"percent_covered": 91.25}}))
    (folder / "tests.xml").write_text(TESTS)
    return folder


def test_what_the_tests_left_is_read(tmp_path: Path) -> None:
    assert read_ran(leave(tmp_path / "out")) == RAN


@pytest.mark.parametrize(
    ("file", "text"),
    [("coverage.json", "{}"), ("coverage.json", "x"), ("tests.xml", "<"), ("tests.xml", '<testsuite time="x"/>')],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, file: str, text: str) -> None:
    folder = leave(tmp_path / "out")
    (folder / file).write_text(text)
    with pytest.raises(
        InputError, match=r"expected tests.xml of `make test` and coverage.json of .*, got .*; run them"
    ):
        read_ran(folder)


@pytest.mark.slow
def test_figures_of_this_checkout() -> None:
    house = measure_house(ROOT, RAN, mypy_errors=2)
    s = house.summary
    assert (s["house.coverage_percent"], s["house.test_seconds"], s["house.mypy_errors_tests"]) == (91.25, 1.75, 2)
    assert s["house.lines_tests"] / s["house.lines_source"] == s["house.lines_tests_per_source"]
    assert 0.5 < s["house.lines_tests_per_source"] < 2
    assert s["house.modules"] > 200
    assert s["house.modules_over_300_lines"] == len(house.detail["modules_over_300_lines"])
    assert s["house.import_circles"] == len(house.detail["import_circles"])
    assert 0 < s["house.files_for_a_signal"] == len(house.detail["files_for_a_signal"])
    assert s["house.array_functions"] > 200


def test_errors_of_types_are_counted(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    (tests / "test_a.py").write_text("def f(x): return x\n\ny: int = 'a'\n")
    assert count_mypy_errors(tmp_path) == 2
    (tests / "test_a.py").write_text("y: int = 1\n")
    assert count_mypy_errors(tmp_path) == 0
    (tests / "test_a.py").unlink()
    with pytest.raises(InputError, match=r"expected mypy to check .*tests"):
        count_mypy_errors(tmp_path)


def test_the_command_writes_results_and_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path / "out" / "house")
    for part in ("common", "models", "edge", "cloud", "measure", "command", "tests"):
        (tmp_path / part / "isthmus").mkdir(parents=True)
    (tmp_path / "common" / "isthmus" / "a.py").write_text("#\n" * 4)
    monkeypatch.setattr(run, "count_mypy_errors", lambda _: 0)
    written = tmp_path / "results"
    assert command.main(["--root", str(tmp_path), "--results", str(written)]) == 0
    assert read_results(written / "house.json").summary["house.lines_source"] == 4
    assert read_summary(written)["house.coverage_percent"] == 91.25
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert printed["house.test_seconds"] == "1.75"
    (tmp_path / "out" / "house" / "tests.xml").unlink()
    assert command.main(["--root", str(tmp_path), "--results", str(written)]) == 1
    assert "error: " in capsys.readouterr().err
    with pytest.raises(InputError, match="run them"):
        write_house(tmp_path, written)
