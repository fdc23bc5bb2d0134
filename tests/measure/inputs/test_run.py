"""Whole files and damaged ones: how tests are counted by kind, and what the results say."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.broken_readers import broken
from support.paths import ROOT

from isthmus.common.errors import InputError
from isthmus.common.results import read_results, read_summary
from isthmus.measure.inputs.kinds import KINDS, rows_of, unsaid
from isthmus.measure.inputs.options import InputsOptions
from isthmus.measure.inputs.readers import READERS
from isthmus.measure.inputs.run import InputsRun, chosen_readers, readers_table, try_readers, write_inputs
from isthmus.measure.inputs.whole import WholeFiles, counted, read_outcomes, run_whole_files

DOCUMENT = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
REPORT = """<testsuites><testsuite>
<testcase classname="tests.end_to_end.test_inputs_images" name="test_pictures[P1]"/>
<testcase classname="tests.end_to_end.test_inputs_images" name="test_pictures[bmp of 1 bit]"><failure/></testcase>
<testcase classname="tests.end_to_end.test_inputs_images" name="test_heic[heic, cut]"><skipped/></testcase>
</testsuite></testsuites>"""


def test_every_row_of_the_document_is_a_kind() -> None:
    assert unsaid(DOCUMENT) == ()
    assert len(rows_of(DOCUMENT)) == len(KINDS)
    assert unsaid(DOCUMENT + "\n## More\n\n| a | b |\n|---|---|\n| new | c |\n") == ("More: new",)


def test_tests_are_counted_by_kind(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(REPORT, encoding="utf-8")
    outcomes = read_outcomes(tmp_path / "r.xml")
    assert outcomes == {
        "test_inputs_images::test_pictures[P1]": "passed",
        "test_inputs_images::test_pictures[bmp of 1 bit]": "failed",
        "test_inputs_images::test_heic[heic, cut]": "skipped",
    }
    whole = counted(outcomes, DOCUMENT)
    assert whole.cases == 2
    assert whole.kinds["Images: PPM, PGM, PBM, PNM"] == 1
    assert whole.kinds["Images: BMP"] == whole.kinds["Images: HEIC"] == 0
    assert whole.failures == 1 + len(KINDS) - 1  # the test, and every kind but one


def test_the_results_say_all_of_it(tmp_path: Path) -> None:
    tallies = try_readers((broken("refuses"), broken("raises"), broken("is_not_there")), 60, 1)
    run = InputsRun(WholeFiles({"a::b": "passed", "a::c": "skipped"}, {"Images: BMP": 1}, ()), tallies)
    path = write_inputs(run, InputsOptions(cases=60, root=tmp_path), tmp_path)
    broken_count = tallies[1].failure_count
    assert broken_count > 10
    assert read_summary(tmp_path) == {
        "inputs.kinds": 1,
        "inputs.cases": 1,
        "inputs.failures": 0,
        "inputs.fuzz_readers": 2,
        "inputs.fuzz_cases": 40,
        "inputs.fuzz_failures": broken_count,
        "inputs.fuzz_image_cases": 40,
    }
    found = read_results(path)
    assert found.provenance.command == "isthmus measure inputs --cases 60"
    assert [each["name"] for each in found.detail["readers"]] == ["refuses", "raises", "is_not_there"]
    assert found.detail["readers"][2]["left_out"] == "some_library is not installed"
    assert [row[:3] for row in readers_table(tallies).rows][:2] == [
        ("refuses", "20", "0"),
        ("raises", "20", str(broken_count)),
    ]


def test_what_is_asked_for_wrongly(tmp_path: Path) -> None:
    assert [r.name for r in chosen_readers(READERS, ("ply", "png"))] == ["ply", "png"]
    with pytest.raises(InputError, match=r"--readers: expected some of xyz, npy, .*, got nope"):
        chosen_readers(READERS, ("nope",))
    with pytest.raises(InputError, match=r"expected a checkout with docs/inputs\.md"):
        run_whole_files(tmp_path)
