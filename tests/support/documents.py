"""What documents show: fenced blocks of Python and of a shell, and the commands in the latter."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.paths import ROOT

_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(isthmus [a-z][^`\n]*)`")
_SHELL = frozenset({"sh", "bash"})
_CONSOLE = frozenset({"console"})
_ENDS = frozenset({"&&", "&", "|", ";"})


def documents() -> list[Path]:
    """The pages that people read."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True, slots=True)
class Example:
    """One simple command as a document shows it.

    Attributes:
        place: document and line.
        words: of the command, its program first.
        source: of the command whose output it reads; empty where it reads none.
    """

    place: str
    words: tuple[str, ...]
    source: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.words)}"


def blocks(path: Path, kinds: frozenset[str]) -> list[tuple[int, str]]:
    """Line number and text of each fenced block of these kinds."""
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start("body")) + 1, m["body"]) for m in _BLOCK.finditer(text) if m["kind"] in kinds]


def python_blocks() -> list[tuple[str, str]]:
    """Place and source of every block of Python."""
    found = [(path, at, text) for path in documents() for at, text in blocks(path, frozenset({"python"}))]
    return [(f"{path.relative_to(ROOT)}:{at}", text) for path, at, text in found]


def shell_examples() -> list[Example]:
    """Every command in a block of a shell. What a program printed, in `console` blocks, is left out."""
    found: list[Example] = []
    for path in documents():
        for at, text in blocks(path, _SHELL):
            for number, line in _joined(text, at):
                found += _commands(line, f"{path.relative_to(ROOT)}:{number}")
        for at, text in blocks(path, _CONSOLE):
            for number, line in enumerate(text.splitlines(), at):
                if line.startswith("$ "):
                    found += _commands(line.removeprefix("$ "), f"{path.relative_to(ROOT)}:{number}")
    return found


def inline_examples() -> list[Example]:
    """Every `isthmus ...` in the text; a program's name alone is none."""
    return [
        Example(f"{path.relative_to(ROOT)}:{number}", tuple(shlex.split(command)))
        for path in documents()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for command in _INLINE.findall(line)
    ]


def _joined(text: str, at: int) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; those that a backslash continues as one."""
    whole, start = "", at
    for number, line in enumerate(text.splitlines(), at):
        start = start if whole else number
        whole += line
        if line.endswith("\\"):
            whole = whole[:-1] + " "
        elif whole.strip():
            yield start, whole
            whole = ""
        else:
            whole = ""


def _commands(line: str, place: str) -> list[Example]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[Example] = []
    words: list[str] = []
    source: tuple[str, ...] = ()
    for word in [*lexer, ";"]:
        if word not in _ENDS:
            words.append(word)
            continue
        if words:
            found.append(Example(place, tuple(words[: words.index(">")] if ">" in words else words), source))
        source = tuple(words) if word == "|" else ()
        words = []
    return found
