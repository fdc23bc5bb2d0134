"""Text of others is printed as one line that a terminal shows and does not obey."""

from __future__ import annotations

import json
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.shown import ShownFormatter, shown, shown_json

# Whatever a terminal, a pager or a reader of logs may act on.
OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chair.npy", "chair.npy"),
        ("Büro 椅子\u202f3.npy", "Büro 椅子\u202f3.npy"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\nERROR forged\r", "a\\nERROR forged\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("two\u2028lines", "two\\u2028lines"),
        ("\udcff.npy", "\\udcff.npy"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_obeys_is_escaped(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_is_one_line_of_printable_characters(text: str) -> None:
    assert not {unicodedata.category(character) for character in shown(text)} & OBEYED
    assert shown(shown(text)) == shown(text)


@given(st.text(max_size=60))
def test_json_says_the_same(text: str) -> None:
    line = shown_json({"file": text, "bits": 3})
    assert json.loads(line) == {"file": text, "bits": 3}
    assert not {unicodedata.category(character) for character in line} & OBEYED


def test_long_text_is_cut_and_says_so() -> None:
    assert shown("a" * 3_000_000, 10) == "aaaaaaaaaa… (3000000 characters)"
    assert shown("a" * 10, 10) == "aaaaaaaaaa"


def test_a_log_has_as_many_lines_as_were_written() -> None:
    formatter = ShownFormatter("%(levelname)s %(message)s")
    try:
        raise ValueError("\x1b[31m\x07")
    except ValueError as error:
        raised = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "codec %s", ("a\nINFO forged\x1b[0m",), raised)
    lines = formatter.format(record).split("\n")
    assert lines[0] == "ERROR codec a\\nINFO forged\\x1b[0m"
    assert lines[-1] == "ValueError: \\x1b[31m\\x07"
    assert lines[1].startswith("Traceback")
    assert record.args == ("a\nINFO forged\x1b[0m",)  # other handlers see it as it was
