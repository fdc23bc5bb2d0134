"""Help texts: plain lines that are whole on any terminal and in a pipe, options under the heading of their panel.

No box and no colour: a frame around a table clips the names of options on 80 columns, and hides them on 50. A name that
is too long for its column has a line of its own; on a narrow terminal every name has.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

MAX_WIDTH = 100
# From so many columns on, what an option means stands beside its name.
MIN_WIDTH_OF_TWO_COLUMNS = 72
MAX_NAME_WIDTH = 26
ARGUMENTS, OPTIONS = "Arguments", "Options"


class PlainCommand(TyperCommand):
    """A command whose help has a heading a panel."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands after the command's name, in help and in errors."""
        arguments = [_argument(p) for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return ["[OPTIONS]", *arguments]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole text."""
        formatter.write(f"{help_text(self, ctx)}\n")


class PlainGroup(TyperGroup):
    """A group of commands, each with the whole first sentence of what it does."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands after the group's name, in help and in errors."""
        del ctx
        return ["[OPTIONS]", "COMMAND"]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole text."""
        formatter.write(f"{help_text(self, ctx)}\n")


def help_text(command: Any, ctx: Any) -> str:
    """The help of a command, at the terminal's width (COLUMNS where that is set)."""
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    blocks = [textwrap.fill(f"Usage: {usage}", width, subsequent_indent="       ")]
    if command.help:
        blocks += [textwrap.fill(" ".join(part.split()), width) for part in command.help.split("\n\n")]
    for heading, rows in _sections(command, ctx).items():
        blocks.append("\n".join([f"{heading}:", *(line for row in rows for line in _lines(*row, width))]))
    if command.epilog:
        blocks.append(textwrap.fill(command.epilog, width))
    return "\n\n".join(blocks)


def _sections(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """(name, meaning) of everything that can be written after the command, by heading."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        usual = OPTIONS
        if parameter.param_type_name == "argument":
            usual, record = ARGUMENTS, (_argument(parameter), record[1].replace("[required]", ""))
        heading = getattr(parameter, "rich_help_panel", None) or usual
        sections.setdefault(heading, []).append(record)
    if OPTIONS in sections:  # --help among them: last
        sections[OPTIONS] = sections.pop(OPTIONS)
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            sections.setdefault("Commands", []).append((name, " ".join((inner.help or "").split("\n\n")[0].split())))
    return sections


def _argument(parameter: Any) -> str:
    """An argument as it is written: FILES..., or [TARGET] where it may be left out."""
    name = (parameter.metavar or parameter.name.upper()) + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _lines(name: str, meaning: str, width: int) -> list[str]:
    name, meaning = f"  {name}", " ".join(meaning.split())
    if not meaning:
        return [name]
    if width < MIN_WIDTH_OF_TWO_COLUMNS:
        return [name, *_wrapped(meaning, width, " " * 6)]
    indent = " " * (MAX_NAME_WIDTH + 4)
    lines = _wrapped(meaning, width, indent)
    if len(name) > MAX_NAME_WIDTH + 2:
        return [name, *lines]
    return [name.ljust(len(indent)) + lines[0][len(indent) :], *lines[1:]]


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines between words, and after the commas of a list that is one word."""

    def _split(self, text: str) -> list[str]:
        return [part for word in super()._split(text) for part in re.split(r"(?<=,)(?=\S)", word)]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    wrapper = _Wrapper(
        width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.wrap(text)
