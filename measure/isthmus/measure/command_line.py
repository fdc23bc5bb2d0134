"""The command that measures the same again, as results and pages quote it."""

from __future__ import annotations


def command_line(command: str, *options: tuple[str, object, object]) -> str:
    """A command with the options that are not as usual.

    Args:
        command: without options.
        options: (flag, value, usual value) each; a flag whose value is True stands alone.
    """
    words = [flag if value is True else f"{flag} {value}" for flag, value, usual in options if value != usual]
    return " ".join([command, *words])
