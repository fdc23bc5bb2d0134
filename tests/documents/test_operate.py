"""What docs/operate.md says of files, refusals, exit codes and the end of a cloud is so."""

from __future__ import annotations

import configparser
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.command_line import isthmus
from support.documents import blocks
from support.paths import ROOT
from support.tiny_image_codec import photo

from isthmus.codec import load
from isthmus.common.errors import IsthmusError
from isthmus.common.status import TABLE

PAGE = ROOT / "docs" / "operate.md"
POINTS = np.random.default_rng(0).normal(size=(600, 3))
SIGNALS = {"pc": POINTS, "image": photo(48, 64), "vision": photo(48, 64)}


def rows(name: str) -> list[list[str]]:
    """The cells of the table between two marks."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name} -->(.*?)<!-- end {name} -->", text, re.DOTALL)
    assert found is not None
    lines = [line for line in found[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(("codec", "said"), [(row[0].strip("`"), row[1]) for row in rows("edge files")])
def test_an_edge_needs_these_files_and_no_other(codec: str, said: str, tmp_path: Path) -> None:
    files = re.findall(r"`([\w.]+)`", said.partition("(")[0])
    for file in files:
        shutil.copy(ROOT / "models" / "zoo" / codec / file, tmp_path / file)
    signal = SIGNALS[codec.split("-", maxsplit=1)[0]]
    expected = load(codec).encode(signal).packet
    assert load(tmp_path).encode(signal).packet == expected
    for file in files:
        (tmp_path / file).rename(tmp_path / "away")
        with pytest.raises(IsthmusError):
            load(tmp_path).encode(signal)
        (tmp_path / "away").rename(tmp_path / file)


def test_every_refusal_is_told() -> None:
    expected = [[f"`{row.error.__name__}`", row.reason, row.scope.value] for row in TABLE]
    assert [row[:3] for row in rows("refusals")] == expected


def test_exit_codes(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", POINTS)
    (tmp_path / "bad.npy").write_bytes(b"none")
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    assert isthmus("encode", good, "-o", tmp_path / "a.isth").exit_code == 0
    assert isthmus("encode", good, bad, "-o", tmp_path / "b.isth").exit_code == 1
    assert isthmus("edge", good, "--cloud", "127.0.0.1:9").exit_code == 2


def test_the_unit_is_one_and_its_command_exists() -> None:
    ((_, text),) = blocks(PAGE, frozenset({"ini"}))
    unit = configparser.ConfigParser()
    unit.read_string(text)
    words = unit["Service"]["ExecStart"].split()
    assert words[1] == "cloud"
    shown = isthmus(words[1], "--help").output
    assert all(word in shown for word in words if word.startswith("--"))
