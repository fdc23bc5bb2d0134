"""Results files: written whole, read strictly, gathered without a key said twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus.common.errors import InputError
from isthmus.common.results import (
    Provenance,
    Results,
    gather_summary,
    merge_summaries,
    read_results,
    read_summary,
    rounded,
    write_results,
)

PROVENANCE = Provenance.of("isthmus measure wire", "generated furniture", 7, ("numpy", "no-such-package"))


def _results(name: str = "wire", **summary: float) -> Results:
    keyed = {f"{name}.{key}": value for key, value in summary.items()}
    return Results(name, PROVENANCE, keyed, {"curve": [[8.0, 45.1], [30.8, 81.1]], "note": "a"})


def test_round_trip(tmp_path: Path) -> None:
    results = _results(bytes_per_cloud=49.5)
    path = write_results(tmp_path / "results", results)
    assert path.name == "wire.json"
    assert read_results(path) == results
    assert "numpy" in results.provenance.versions
    assert "no-such-package" not in results.provenance.versions
    assert not list(path.parent.glob("*.partial"))


def test_file_is_stable_and_rounds_floats(tmp_path: Path) -> None:
    path = write_results(tmp_path, Results("coder", PROVENANCE, {"coder.bits": 1 / 3}, {"x": float("nan"), "n": 2**40}))
    first = path.read_bytes()
    assert write_results(tmp_path, read_results(path)).read_bytes() == first
    document = json.loads(first)
    assert document["summary"] == {"coder.bits": 0.3333333}
    assert document["detail"] == {"x": None, "n": 2**40}
    assert "[8.0, 45.1]" in write_results(tmp_path, _results()).read_text()
    assert str(tmp_path) not in first.decode()


def test_gather_merges_and_sorts(tmp_path: Path) -> None:
    write_results(tmp_path, _results("wire", b=2, a=1))
    write_results(tmp_path, _results("coder", c=3))
    assert gather_summary(tmp_path) == {"coder.c": 3, "wire.a": 1, "wire.b": 2}
    assert list(read_summary(tmp_path)) == ["coder.c", "wire.a", "wire.b"]
    assert merge_summaries(tmp_path) == gather_summary(tmp_path)


def test_gather_refuses_a_key_said_twice(tmp_path: Path) -> None:
    write_results(tmp_path, Results("one", PROVENANCE, {"wire.a": 1}))
    write_results(tmp_path, Results("two", PROVENANCE, {"wire.a": 1}))
    with pytest.raises(InputError, match=r"'wire\.a' is in one\.json and in two\.json"):
        gather_summary(tmp_path)
    assert not (tmp_path / "summary.json").exists()


def test_gather_of_nothing_names_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="isthmus measure pointcloud"):
        gather_summary(tmp_path)
    with pytest.raises(InputError, match="isthmus measure"):
        read_summary(tmp_path)


@pytest.mark.parametrize("key", ["bytes", "Wire.a", "wire.", "wire.a b", "wire.é", ""])
def test_bad_keys(key: str) -> None:
    with pytest.raises(InputError, match="summary keys like"):
        Results("wire", PROVENANCE, {key: 1.0})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True, "1", None])
def test_bad_numbers(number: float) -> None:
    with pytest.raises(InputError, match="finite number"):
        Results("wire", PROVENANCE, {"wire.a": number})


@pytest.mark.parametrize("name", ["summary", "Wire", "../wire", ""])
def test_bad_names(name: str) -> None:
    with pytest.raises(InputError, match="results name"):
        Results(name, PROVENANCE, {})


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "expected JSON"),
        ("[]", "JSON object"),
        ("{}", "object 'provenance'"),
        ('{"provenance": {}, "summary": {}, "detail": {}}', "command, data, seed, versions"),
        ('{"provenance": {}, "summary": 3, "detail": {}}', "object 'summary'"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "wire.json"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_results(path)


def test_rounded_keeps_integers_and_structure() -> None:
    assert rounded({"a": (1, 2.00000001, None, "x", True)}) == {"a": [1, 2.0, None, "x", True]}
