"""What a cloud keeps of images stays within its quota and its folder."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from isthmus.cloud.saves import Saves


def test_a_quota_counts_what_was_there_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "old.png").write_bytes(bytes(60))
    saves = Saves(tmp_path, 100)
    assert saves.keep("a.png", bytes(30))
    with caplog.at_level(logging.WARNING):
        assert not saves.keep("b.png", bytes(30))
        assert not saves.keep("c.png", bytes(30))
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: 90 bytes are kept, at most 100 may be; nothing more is saved"
    ]
    assert saves.keep("d.png", bytes(10))  # what fits is kept still
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.png", "d.png", "old.png"]


def test_a_link_in_the_folder_is_not_written_through(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, precious = tmp_path / "kept", tmp_path / "precious"
    folder.mkdir()
    precious.write_bytes(b"precious")
    (folder / "a.png").symlink_to(precious)
    saves = Saves(folder, 1000)
    assert not saves.keep("a.png", b"ours")
    assert precious.read_bytes() == b"precious"
    assert "could not save a reconstruction" in caplog.text
    assert saves.keep("b.png", bytes(900))  # what was not kept takes no room
