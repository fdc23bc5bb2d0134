"""Every file of results says by which command it was measured: one that today's command lines understand."""

from __future__ import annotations

import argparse
import json
import runpy
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command_line import parsed
from support.paths import ROOT

FILES = sorted(path for path in (ROOT / "results").glob("*.json") if path.name != "summary.json")


class UnderstoodError(Exception):
    """Raised in place of what a program does once it has understood its arguments."""


def commands_of(file: Path) -> list[str]:
    """The commands that a file of results names; several where it was merged of several runs."""
    text: str = json.loads(file.read_text(encoding="utf-8"))["provenance"]["command"]
    return [command for part in text.split("; ") for command in part.split(" && ")]


def understand(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a program read its arguments, and go no further.

    Raises:
        SystemExit: it does not understand them.
    """
    if words[0] == "isthmus":
        parsed(tuple(words))
        return
    assert words[0] == "python"
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser: argparse.ArgumentParser, *_: object) -> None:
        parse(parser, list(words[3:] if words[1] == "-m" else words[2:]))
        raise UnderstoodError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "path", [str((ROOT / words[1]).parent), *sys.path])
    monkeypatch.delitem(sys.modules, f"{words[2]}.__main__" if words[1] == "-m" else "", raising=False)
    with pytest.raises(UnderstoodError):
        run_program(words)


def run_program(words: Sequence[str]) -> None:
    """A program of Python, in this process."""
    if words[1] == "-m":
        runpy.run_module(words[2], run_name="__main__")
    else:
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_command_of_a_result_is_understood(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in commands_of(file):
        understand(shlex.split(command), monkeypatch)


@pytest.mark.parametrize(
    "words", ["python benchmarks/coder.py --no-such 3", "python benchmarks/wire.py --points many", "isthmus measure x"]
)
def test_a_command_that_is_none_is_found_out(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((SystemExit, AssertionError)):
        understand(words.split(), monkeypatch)
