"""Standard output and standard error, whatever they are connected to."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

PLAIN = {
    "◄": "<",
    "►": ">",
    "→": "->",
    "←": "<-",
    "↑": "up",
    "↓": "down",
    "–": "-",
    "−": "-",
    "…": "...",
    "×": "x",
    "─": "-",
}
"""What we print ourselves, in words of any encoding."""
HANDLER = "isthmus-plain"


def prepare_streams() -> None:
    """Nothing that is printed ends a command: not an encoding that lacks a character, nor a stream that is closed.

    A character that the stream's encoding lacks (cp1252, ascii) is printed by `PLAIN`, any other as JSON escapes it,
    so that a line of JSON stays one and says the same.
    """
    codecs.register_error(HANDLER, plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream.closed:  # `>&-`: nobody reads it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  open till the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)


def plain(error: UnicodeError) -> tuple[str, int]:
    """The characters that cannot be encoded, in words that can; for `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, _escaped(character)) for character in lacking), error.end


def _escaped(character: str) -> str:
    """As JSON writes it: two escapes where it takes more than 16 bits, one of a byte that was no text as it is."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
