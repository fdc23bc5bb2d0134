"""Folders of stills: whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from isthmus.common.errors import InputError
from isthmus.data.beside import data_beside
from isthmus.measure.everything import stills
from isthmus.measure.everything.stills import SEQUENCES, main, write_stills


def test_photographs_of_scikit_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage", reason="its photographs are copied")
    monkeypatch.chdir(tmp_path)
    assert main(["scikit-image"]) == 0
    assert "astronaut.png" in {path.name for path in (tmp_path / "scikit-image").iterdir()}
    assert main(["scikit-image"]) == 2  # what is there is not written over


def test_first_frames_of_davis(tmp_path: Path) -> None:
    if not data_beside(SEQUENCES).is_file():
        pytest.skip(f"needs {SEQUENCES} beside the project")
    folder = write_stills("davis", tmp_path)
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == [f"{index:02d}.png" for index in range(20)]
    assert np.asarray(PIL.Image.open(files[0])).shape == (240, 416, 3)


def test_what_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path) -> None:
        raise InputError("expected sequences, found none")

    monkeypatch.setitem(stills.STILLS, "davis", fails)
    with pytest.raises(InputError, match="found none"):
        write_stills("davis", tmp_path)
    assert not (tmp_path / "davis").exists()
    with pytest.raises(InputError, match="expected one of davis, scikit-image, got 'kodak'"):
        write_stills("kodak", tmp_path)
