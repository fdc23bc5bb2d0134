"""The command `isthmus`, run in this process: what it prints and how it ends."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from isthmus.command.main import app


def isthmus(*words: object, stdin: bytes = b"") -> Result:
    """Runs the command on a terminal of 200 columns; a fault that it does not handle is raised."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin, env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
