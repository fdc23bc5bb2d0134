"""The command that measures the same again, as results and pages quote it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

from isthmus.common.options import Options, rules_of

PLACES = ("zoo", "cloud", "out")
"""Options that say where codecs, cloud and results are: they are not part of what is measured."""


def command_line(command: str, *options: Options, without: Collection[str] = PLACES) -> str:
    """A command with its options that are not the default, but for some; paths elsewhere by their name alone."""
    written = [command]
    for each in options:
        usual = {f.name: f.default for f in fields(each)}
        for name, rule in rules_of(type(each)).items():
            value = getattr(each, name)
            if name not in without and value != usual[name]:
                written += _words(rule.flags[0] if rule.flags else "--" + name.replace("_", "-"), value)
    return " ".join(written)


def script_line(script: str, parser: argparse.ArgumentParser, given: argparse.Namespace) -> str:
    """`python SCRIPT` with those options of a parser that are not the default."""
    written = ["python", script]
    for name, value in vars(given).items():
        if name not in PLACES and value != parser.get_default(name):
            written += _words("--" + name.replace("_", "-"), value)
    return " ".join(written)


def _words(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    text = f"{value:g}" if isinstance(value, float) else ",".join(_name(word) for word in str(value).split(","))
    return [flag, shlex.quote(text)]


def _name(word: str) -> str:
    """What others may know of a path: where it lies on this machine is nobody's business, below this folder it is."""
    path = Path(word)
    return path.name if path.is_absolute() or ".." in path.parts else word
