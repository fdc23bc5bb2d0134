"""Every marked figure and table in the documents is what the results files say; and the checker can tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import ROOT

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, merge_summaries, read_summary, write_results
from isthmus.measure.document import PAGES, check, documents, main, render, write

PROVENANCE = Provenance.of("test", "none", 0)
SUMMARY = {"wire.bytes": 49.536, "pc.bd_percent": -94.25, "coder.symbols": 23456790.0, "det.mismatches": 0.0}


def test_the_projects_documents_agree_with_its_results() -> None:
    paths = [ROOT / name for name in PAGES]
    if not (ROOT / "results" / "summary.json").exists():
        pytest.skip("no results/summary.json yet")
    assert [str(d) for d in check(paths, ROOT / "results")] == []


def test_the_projects_summary_is_gathered_from_its_results() -> None:
    if not (ROOT / "results" / "summary.json").exists():
        pytest.skip("no results/summary.json yet")
    assert read_summary(ROOT / "results") == merge_summaries(ROOT / "results")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    write_results(folder, Results("all", PROVENANCE, SUMMARY))
    gather_summary(folder)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "49.5<!-- figure: wire.bytes --> bytes",
        "49.5 bytes <!-- figure: wire.bytes -->",
        "| 50 <!-- figure: wire.bytes --> | **−94.2** %<!-- figure: pc.bd_percent --> |",
        "-94.25<!-- figure: pc.bd_percent --> in plain ASCII, 94.25 <!-- figure: pc.bd_percent * -1 --> fewer",
        "23.5 M/s<!-- figure: coder.symbols * 1e-6 -->, 23,456,790<!-- figure: coder.symbols -->",
        "0<!-- figure: det.mismatches --> mismatches of 1,000 tried",
        "no marks, 17 numbers",
    ],
)
def test_figures_that_agree(results: Path, text: str) -> None:
    rendered = render(text, results)
    assert rendered.disagreements == ()
    assert rendered.text == text
    assert rendered.figures == text.count("<!--")


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("49.6<!-- figure: wire.bytes -->", "49.5<!-- figure: wire.bytes -->"),
        ("94.2<!-- figure: pc.bd_percent -->", "−94.2<!-- figure: pc.bd_percent -->"),
        ("x 22,000,000<!-- figure: coder.symbols -->", "x 23,456,790<!-- figure: coder.symbols -->"),
        ("22000000<!-- figure: coder.symbols -->", "23456790<!-- figure: coder.symbols -->"),
        ("3<!-- figure: det.mismatches -->", "0<!-- figure: det.mismatches -->"),
    ],
)
def test_figures_that_do_not_agree(results: Path, text: str, corrected: str) -> None:
    rendered = render(f"one\n{text}", results, "README.md")
    (disagreement,) = rendered.disagreements
    assert (disagreement.file, disagreement.line) == ("README.md", 2)
    assert rendered.text == f"one\n{corrected}"
    assert render(rendered.text, results).disagreements == ()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1<!-- figure: wire.unknown -->", r"wire\.unknown.*isthmus measure summary"),
        ("no number <!-- figure: wire.bytes -->", "expected a number, then"),
        ("1 <!-- figure: Wire Bytes -->", "expected a number, then"),
        ("<!-- results: rates pointcloud_p1024 -->\n| a |\n", "end results"),
        ("<!-- results: nonsense pointcloud -->\n<!-- end results -->", "expected a table of"),
        ("<!-- results: summary nothing. -->\n<!-- end results -->", "found none"),
        ("<!-- results: rates nowhere -->\n<!-- end results -->", r"nowhere\.json"),
    ],
)
def test_marks_that_cannot_be_read(results: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        render(text, results)


def test_tables_are_made_and_checked(results: Path, tmp_path: Path) -> None:
    document = tmp_path / "docs" / "numbers.md"
    document.parent.mkdir()
    document.write_text("# Numbers\n\n<!-- results: summary wire. -->\nold\n<!-- end results -->\n\nmore\n")
    assert len(check([document], results)) == 1
    write([document.parent], results)
    assert "| `wire.bytes` | 49.536 |" in document.read_text()
    assert document.read_text().endswith("<!-- end results -->\n\nmore\n")
    assert check([document.parent], results) == ()


def test_command_line_says_and_corrects(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "README.md"
    document.write_text("48.0<!-- figure: wire.bytes -->\n")
    where = ["--results", str(results), str(document)]
    assert main(["--check", *where]) == 1
    assert f"{document}:1: says 48.0, results say 49.5" in capsys.readouterr().out
    assert main(["--write", *where]) == 0
    assert document.read_text() == "49.5<!-- figure: wire.bytes -->\n"
    assert main(["--check", *where]) == 0
    assert main(["--check", str(tmp_path / "missing.md")]) == 1
    assert "found nothing" in capsys.readouterr().err


def test_documents_are_found_in_folders(tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    for name in ("b.md", "deep/a.md", "c.txt"):
        (tmp_path / "docs" / name).touch()
    assert [p.name for p in documents([tmp_path / "docs"])] == ["b.md", "a.md"]
