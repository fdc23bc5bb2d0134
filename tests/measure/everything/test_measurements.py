"""The list of all measurements: its commands are those of today, the README's, and what the results say made them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from support.paths import ROOT

from isthmus.command.main import app
from isthmus.common.results import NOT_SAID, SUMMARY_FILE, read_results
from isthmus.measure.everything.measurements import (
    CHECKOUT,
    DATA,
    ISTHMUS,
    MEASUREMENTS,
    OUT,
    TRAINED_IMAGES,
    TRAINED_MOTION,
    Measurement,
)
from isthmus.training.studies.motion_networks import NETWORKS

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {m.name: m.command for m in MEASUREMENTS} | {s.makes: s.command for m in MEASUREMENTS for s in m.steps}
BY_HAND = {"house", "video_thresholds", "video_lite0_thresholds", "all"}
"""Results of other commands: of the tests, of what is chosen once, of the run itself."""


def test_names_are_said_once() -> None:
    names = [m.name for m in MEASUREMENTS]
    files = [name for m in MEASUREMENTS for name in m.writes]
    assert len(set(names)) == len(names)
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("name", [name for name, words in COMMANDS.items() if words[:2] == ISTHMUS])
def test_commands_are_those_of_today(name: str) -> None:
    words = [word.replace(DATA, "").replace(OUT, "results").replace(CHECKOUT, ".") for word in COMMANDS[name][2:]]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):  # down to the last name; there all options must be known
        command = command.commands[words.pop(0)]
    with command.make_context("isthmus", words):
        pass


@pytest.mark.parametrize("name", [name for name, words in COMMANDS.items() if words[0].endswith(".py")])
def test_scripts_are_there(name: str) -> None:
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in (COMMANDS[name][0], "benchmarks/benchmark.py")]
    options = set(re.findall(r'add_argument\("(--[a-z-]+)"', "".join(texts)))
    assert {word for word in COMMANDS[name] if word.startswith("--")} <= options


def test_every_results_file_is_of_one_of_them() -> None:
    files = {path.stem for path in (ROOT / "results").glob("*.json")} - {"summary"} - BY_HAND
    assert files == {name for m in MEASUREMENTS for name in m.writes}


def commands(text: str) -> set[str]:
    """Commands of a document's lines, one a line or joined by `&&`, without remarks and quotes."""
    lines = [line.partition(" #")[0] for line in text.splitlines() if re.match(r"(isthmus|python) ", line)]
    return {" ".join(shlex.split(part)) for line in lines if line.count("'") % 2 == 0 for part in line.split("&&")}


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda m: m.name)
def test_the_readme_names_it(measurement: Measurement) -> None:
    assert measurement.typed in commands(README)


def test_results_say_the_commands() -> None:
    for measurement in MEASUREMENTS:
        for name in measurement.writes:
            provenance = read_results(ROOT / "results" / f"{name}.json").provenance
            if provenance.circumstances is not None:
                assert " ".join(shlex.split(provenance.command)) == (measurement.formerly or measurement.typed), name


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*.json")), ids=lambda path: path.stem)
def test_results_say_their_circumstances(path: Path) -> None:
    if path.name == SUMMARY_FILE:
        return
    provenance = read_results(path).provenance
    where = provenance.circumstances
    assert where is not None, "measure it again"
    assert re.fullmatch("[0-9a-f]{12}", where.commit), "measured on code that no commit has"
    assert len(where.processor) > 3
    assert provenance.chosen != NOT_SAID


def test_a_training_that_was_killed_goes_on() -> None:
    """What a step makes is what its command makes last: so a part of it is no reason to leave the rest out."""
    assert f"runs/motion/{NETWORKS[-1].name}.pt" == TRAINED_MOTION.makes
    assert TRAINED_IMAGES.makes == "runs/image/hyper-q6.pt"
    assert TRAINED_IMAGES.command[TRAINED_IMAGES.command.index("--qualities") + 1].split(",")[-1] == "6"
