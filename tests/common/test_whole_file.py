"""A file is there whole or as it was before, and nothing planted in its place is written to."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.common.errors import InputError
from isthmus.common.whole_file import PRIVATE, whole_file, write_whole


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_whole(path, b"before")
    with pytest.raises(KeyError), whole_file(path) as file:  # noqa: PT012  what is written before it raises is the point
        file.write(b"half")
        file.flush()
        raise KeyError
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["a.png"]


def test_a_disk_that_is_full_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    """The bound on a file's size stands for the disk: both end a write in the middle with an OSError."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from isthmus.common.whole_file import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "write_whole(Path(sys.argv[1]), bytes(5000))\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", program, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "InputError" in done.stderr
    assert "a.png: expected a place to write to: File too large" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe", "device"])
def test_what_is_no_files_place_is_refused(kind: str, tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / "out.png"
    precious.write_bytes(b"precious")
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "new")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path(os.devnull)
    with pytest.raises(InputError, match="expected a file's place to write to, got a"):
        write_whole(path, b"ours")
    assert precious.read_bytes() == b"precious"
    assert not (tmp_path / "new").exists()


def test_who_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "public", b"")
        write_whole(tmp_path / "private", b"", PRIVATE)
    finally:
        os.umask(before)
    assert (tmp_path / "public").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_no_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a place to write to: No such file or directory"):
        write_whole(tmp_path / "none" / "a", b"")
