"""Text of others on its way to a terminal or a log: one line, nothing in it that a terminal obeys, and not long.

A file's name, a codec's, an error that the other side has sent: any of them may hold control characters. Raw, they move
the cursor, hide what was printed, turn letters around, or make a line of log that nobody wrote. So whatever prints
calls `shown` on it last; until then text stays as it came. JSON for programs keeps its data: `shown_json` escapes the
same characters in JSON's own way.
"""

from __future__ import annotations

import json
import logging
import unicodedata
from typing import Any

MAX_SHOWN = 2000
"""Characters of a line for people; of one cell or name, fewer may do."""
_SPACES = "Zs"


def shown(text: object, most: int = MAX_SHOWN) -> str:
    r"""What `str(text)` looks like: control characters escaped as Python does (`\x1b`), cut to `most` characters.

    Escaped are controls, line ends, marks that turn the direction of writing, and bytes that were no text. Letters of
    any language and spaces of any width stay.
    """
    whole = str(text)
    kept = whole if len(whole) <= most else whole[:most]
    if not kept.isprintable():
        kept = "".join(map(_escaped, kept))
    return kept if len(whole) <= most else f"{kept}… ({len(whole)} characters)"


def shown_json(value: Any) -> str:
    """A value as one line of JSON: letters as they are, whatever a terminal might obey as JSON's own escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_json_escaped, text))


class ShownFormatter(logging.Formatter):
    """Lines of a log as `shown` gives them; a traceback keeps its lines, each of them shown."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        told = logging.makeLogRecord(record.__dict__)
        told.msg, told.args = shown(record.getMessage()), ()
        return super().format(told)

    def formatException(self, ei: Any) -> str:  # noqa: N802  as logging calls it
        """A traceback."""
        return "\n".join(shown(line) for line in super().formatException(ei).split("\n"))


def _escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == _SPACES:
        return character
    return ascii(character)[1:-1]


def _json_escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == _SPACES:
        return character
    return json.dumps(character)[1:-1]
