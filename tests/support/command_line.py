"""The command `isthmus`, run in this process: what it prints and how it ends; and what a command line comes to."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, TypeVar

import typer
from typer.testing import CliRunner, Result

from isthmus.command.main import app
from isthmus.command.options import Given, flags_of
from isthmus.common.options import Options, rules_of

Kind = TypeVar("Kind", bound=Options)


def isthmus(*words: object, stdin: bytes = b"") -> Result:
    """Runs the command on a terminal of 200 columns; a fault that it does not handle is raised."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin, env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def command_of(words: tuple[str, ...]) -> tuple[Any, str, list[str]]:
    """The command that `isthmus WORDS` comes to, its name, and what is left for it."""
    command: Any = typer.main.get_command(app)
    rest = list(words[1:])
    name = "isthmus"
    while rest and not rest[0].startswith("-") and rest[0] in getattr(command, "commands", {}):
        name = f"{name} {rest[0]}"
        command = command.commands[rest.pop(0)]
    return command, name, rest


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line as it is understood; nothing is run.

    Attributes:
        name: of the command: "isthmus train image".
        values: of arguments and options that were given, by the name of the parameter.
    """

    name: str
    values: dict[str, Any]

    def of(self, kind: type[Kind]) -> Kind:
        """The options of one class; InputError where one breaks its rule."""
        for field, rule in rules_of(kind).items():
            if field in self.values:
                rule.check(flags_of(field, rule)[0], self.values[field])
        return Given(self.values).of(kind)


def parsed(words: str | tuple[str, ...]) -> Parsed:
    """Raises what the command line says against these words."""
    command, name, rest = command_of(tuple(shlex.split(words)) if isinstance(words, str) else words)
    assert not hasattr(command, "commands") or not rest, f"{name} has no command {rest[0]}"
    context = command.make_context(name, rest)
    return Parsed(name, {key: value for key, value in context.params.items() if value not in (None, [], ())})
