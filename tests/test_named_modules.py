"""What documents and docstrings call a module, or something in one, is there: `isthmus.data.video.files.open_video`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.paths import ROOT

PORTIONS = ("common", "models", "edge", "cloud", "measure", "command", "proto")
NAMED = re.compile(r"`(isthmus(?!\.v1)(?:\.\w+)+)`")
# The map in CONTRIBUTING leaves out the first word: `edge.image.encoder`.
SHORT = re.compile(r"`((?:common|runtime|data|models|training|split|edge|cloud|codec|measure|command)(?:\.\w+)+)`")
FILES = re.compile(r"`((?:common|models|edge|cloud|measure|command|tests|proto)/[\w/]+(?:\.py|/))`")
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "proto/*.md", *(f"{root}/**/*.py" for root in (*PORTIONS, "tests")))
    for path in ROOT.glob(pattern)
)


def _lines_with_names(path: Path) -> list[tuple[int, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(number, name) for number, line in enumerate(lines, 1) for name in NAMED.findall(line)]


def is_there(name: str) -> bool:
    """Whether a dotted name is a package or a module, or is written in the module that its front names."""
    inside: list[str] = []
    parts = name.split(".")
    while parts:
        for portion in PORTIONS:
            place = ROOT / portion / "/".join(parts)
            if place.is_dir():
                return not inside
            if (file := place.with_suffix(".py")).is_file():
                return all(re.search(rf"\b{word}\b", file.read_text(encoding="utf-8")) for word in inside)
        inside.append(parts.pop())
    return False


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("isthmus.data.video", True),
        ("isthmus.data.video.files.open_video", True),
        ("isthmus.data.video_files", False),
        ("isthmus.data.video.files.read_cloud", False),
        ("isthmus.nothing", False),
    ],
)
def test_names_that_are_there_and_names_that_are_not(name: str, there: bool) -> None:
    assert is_there(name) == there


def test_every_module_that_a_text_names_is_there() -> None:
    named = {path: _lines_with_names(path) for path in TEXTS if path != Path(__file__)}
    assert sum(map(len, named.values())) > 50
    missing = [
        f"{path.relative_to(ROOT)}:{number}: {name}"
        for path, names in named.items()
        for number, name in names
        if not is_there(name)
    ]
    assert missing == []


def test_the_map_in_contributing_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names, files = SHORT.findall(text), FILES.findall(text)
    assert len(names) > 80
    assert len(files) > 5
    assert [name for name in names if not is_there(f"isthmus.{name}")] == []
    places = [(ROOT / file, ROOT / file.split("/")[0] / "isthmus" / file) for file in files if "radar" not in file]
    assert [short for short, whole in places if not short.exists() and not whole.exists()] == []
