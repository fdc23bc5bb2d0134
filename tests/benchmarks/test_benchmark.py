"""What every benchmark does around its measuring."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest
from support.benchmark_scripts import benchmark

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, read_summary
from isthmus.measure.options import PARTS, RESULTS


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--codec", default="a")
    parser.add_argument("--seed", type=int, default=5)


def measured(given: argparse.Namespace, command: str) -> Results:
    if given.codec == "none":
        raise InputError("expected a codec, got none")
    return Results("toy", Provenance.of(command, "nothing", given.seed), {"toy.rounds": given.rounds})


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ([], RESULTS),
        (["--rounds", "9", "--codec", "b", "--seed", "1"], RESULTS),
        (["--rounds", "2"], PARTS),
        (["--rounds", "2", "--out", "mine"], Path("mine")),
    ],
)
def test_results_go_where_they_belong(
    words: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["toy.py", *words])
    assert benchmark("benchmark", monkeypatch).run_benchmark("benchmarks/toy.py", "T", add_options, measured) == 0
    rounds = float(words[1]) if words else 8
    assert read_summary(tmp_path / folder) == {"toy.rounds": rounds}
    written = json.loads((tmp_path / folder / "toy.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == written
    said = [word for word in words if word not in ("--out", "mine")]
    assert written["provenance"]["command"] == " ".join(["python benchmarks/toy.py", *said])


def test_an_error_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["toy.py", "--codec", "none"])
    assert benchmark("benchmark", monkeypatch).run_benchmark("benchmarks/toy.py", "T", add_options, measured) == 1
    assert capsys.readouterr().err == "error: expected a codec, got none\n"


@pytest.mark.parametrize("name", ["coder", "edge", "image", "pipe", "wire"])
def test_each_script_has_its_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = benchmark(name, monkeypatch)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit):
        script.main()
    assert "--out" in capsys.readouterr().out
