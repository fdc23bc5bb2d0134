"""The error that ends a command, as a person reads it. Every command imports this, so rich waits until there is one."""

from __future__ import annotations

from isthmus.common.errors import IsthmusError


def print_error(error: IsthmusError) -> None:
    """Say on standard error what ended a command, its text as it is: rich would take `[video]` for markup."""
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
