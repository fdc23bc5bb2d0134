"""Circumstances of a measurement: of this process, and through JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from support.paths import ROOT

from isthmus.common import circumstances
from isthmus.common.circumstances import CODE, UNKNOWN, Circumstances, code_commit, load_before, processor


def test_here() -> None:
    here = Circumstances.here()
    assert abs((date.fromisoformat(here.date) - date.today()).days) <= 1
    assert re.fullmatch(r"[0-9a-f]{12}\+?|unknown", here.commit)
    assert here.processor.strip()
    assert here.cores == os.cpu_count()
    assert here.load is None or here.load >= 0
    assert Circumstances.from_json(json.loads(json.dumps(here.to_json()))) == here


def test_a_load_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> tuple[float, float, float]:
        raise OSError("not here")

    load_before.cache_clear()
    monkeypatch.setattr(os, "getloadavg", fails)
    try:
        here = Circumstances.here()
        assert here.load is None
        assert Circumstances.from_json(json.loads(json.dumps(here.to_json()))) == here
    finally:
        load_before.cache_clear()


def test_the_load_is_that_of_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_before()
    monkeypatch.setattr(os, "getloadavg", lambda: ((first or 0) + 5, 0.0, 0.0))
    assert load_before() == first


@pytest.mark.parametrize("missing", ["date", "commit", "processor", "cores", "load"])
def test_what_is_missing_is_refused(missing: str) -> None:
    document = Circumstances.here().to_json()
    del document[missing]
    with pytest.raises(KeyError):
        Circumstances.from_json(document)


def test_the_commit_is_that_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    code = tmp_path / "common" / "isthmus" / "common" / "circumstances.py"
    code.parent.mkdir(parents=True)
    code.write_text("one")
    (tmp_path / "pyproject.toml").write_text("")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "code")
    first = git("rev-parse", "--short=12", "HEAD")
    (tmp_path / "README.md").write_text("words")
    git("add", ".")
    git("commit", "-qm", "words")
    monkeypatch.setattr(circumstances, "__file__", str(code))
    code_commit.cache_clear()
    try:
        assert code_commit() == first
        code.write_text("two")
        code_commit.cache_clear()
        assert code_commit() == first + "+"
        monkeypatch.setattr(circumstances, "__file__", str(tmp_path.parent / "a" / "b" / "c" / "d.py"))
        code_commit.cache_clear()
        assert code_commit() == UNKNOWN
    finally:
        code_commit.cache_clear()


def test_what_decides_a_figure_is_there() -> None:
    assert [name for name in CODE if not (ROOT / name).exists()] == []


def test_a_machine_without_cpuinfo_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circumstances, "_CPUINFO", tmp_path / "none")
    processor.cache_clear()
    assert processor()
    processor.cache_clear()
