"""Where codecs are looked for: several folders in order, those that ship last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import tiny_codec
from support.paths import ROOT

from isthmus.common import zoo as zoos
from isthmus.common.errors import InputError
from isthmus.common.natural_order import natural_key
from isthmus.common.zoo import ZOO_VARIABLE, codec_folders, find_codec, find_zoo, find_zoos, one_of


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo that ships, of tiny-q1 and tiny-q9; nothing else does, and no variable is set."""
    folder = tmp_path / "shipped"
    for name in ("tiny-q1", "tiny-q9"):
        tiny_codec.write_codec(folder, name)
    monkeypatch.setattr(zoos, "DEFAULT_ZOOS", (tmp_path / "wheel", folder))
    monkeypatch.delenv(ZOO_VARIABLE, raising=False)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A zoo of one's own, of tiny-q1 and tiny-q10."""
    for name in ("tiny-q1", "tiny-q10"):
        tiny_codec.write_codec(tmp_path / "own", name)
    return tmp_path / "own"


def test_the_shipped_zoo_is_searched_last(shipped: Path, own: Path, tmp_path: Path) -> None:
    other = tiny_codec.write_codec(tmp_path / "other", "tiny-q2").parent
    assert find_zoos() == (shipped,)
    assert find_zoos(own) == find_zoos(str(own)) == (own, shipped)
    assert find_zoos((other, own)) == (other, own, shipped)
    assert find_zoos(()) == (shipped,)
    assert find_zoos((own, shipped)) == (own, shipped)
    assert (find_zoo(), find_zoo(own)) == (shipped, own)


def test_the_first_of_a_name_wins(shipped: Path, own: Path) -> None:
    assert find_codec("tiny-q1") == shipped / "tiny-q1"
    assert find_codec("tiny-q1", own) == own / "tiny-q1"
    assert find_codec("tiny-q9", own) == shipped / "tiny-q9"
    assert find_codec("tiny-q10", (shipped, own)) == own / "tiny-q10"
    assert find_codec(own / "tiny-q1") == own / "tiny-q1"
    assert [path.relative_to(own.parent).as_posix() for path in codec_folders(find_zoos(own))] == [
        "own/tiny-q1",
        "shipped/tiny-q9",
        "own/tiny-q10",
    ]


def test_the_variable_holds_several_folders(shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tiny_codec.write_codec(own.parent / "other", "tiny-q2").parent
    monkeypatch.setenv(ZOO_VARIABLE, f"{own}{os.pathsep}{os.pathsep}{other}")
    assert find_zoos() == (own, other, shipped)
    assert find_zoos(other) == (other, shipped)
    monkeypatch.setenv(ZOO_VARIABLE, str(own / "none"))
    with pytest.raises(InputError, match=f"none: expected a folder of codecs, got none there; set {ZOO_VARIABLE}"):
        find_zoos()
    with pytest.raises(InputError, match="set --zoo to one"):
        find_zoos(own / "none")
    with pytest.raises(InputError, match="tiny-q1: expected at least one codec in it"):
        find_zoos(own / "tiny-q1")


def test_a_codec_that_is_not_there(shipped: Path, own: Path) -> None:
    with pytest.raises(InputError) as refused:
        find_codec("tiny-q11", own)
    message = str(refused.value)
    assert message.startswith("codec 'tiny-q11': expected one of the 3, such as ")
    assert "tiny-q10" in message
    assert f" in {own}, {shipped}; " in message
    assert "--zoo" in message
    with pytest.raises(InputError) as refused:
        find_codec("x" * 10_000, own)
    assert len(str(refused.value)) < 500
    with pytest.raises(InputError, match="expected a codec folder"):
        find_codec(own)


def test_no_codecs_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ZOO_VARIABLE, raising=False)
    monkeypatch.setattr(zoos, "DEFAULT_ZOOS", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(InputError, match="the codecs that ship"):
        find_zoos()
    folder = tiny_codec.write_codec(tmp_path / "own", "tiny-q1").parent
    assert find_zoos(folder) == (folder,)


def test_natural_order() -> None:
    names = ["a-q10", "a-q2", "b", "a-p1024-q1", "a-p256-q2", "a"]
    assert sorted(names, key=natural_key) == ["a", "a-p256-q2", "a-p1024-q1", "a-q2", "a-q10", "b"]


def test_the_nearest_names_come_first() -> None:
    assert one_of("pc-q3", ["image", "pc-q2", "pc-q30", "video"]).startswith("one of the 4, such as pc-q")
    assert one_of("x", []) == "one of the 0, such as none"


def test_readme_says_how_many_codecs_ship() -> None:
    count = len(codec_folders(ROOT / "models" / "zoo"))
    assert f"codecs: {count} (`isthmus inspect` lists them)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("shipped")
def test_a_family_or_a_folder_is_answered_with_the_right_form(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="the name of a family of 3: name one of tiny-q1, tiny-q9, tiny-q10"):
        find_codec("tiny", own)
    tiny_codec.write_codec(own.parent / "here", "tiny-mine")
    monkeypatch.chdir(own.parent / "here")
    with pytest.raises(InputError, match=r"codec 'tiny-mine': expected a name, .* say \./tiny-mine"):
        find_codec("tiny-mine", own)
    assert find_codec("./tiny-mine", own) == Path("tiny-mine")
