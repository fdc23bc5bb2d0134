"""Files of codecs: what was hashed is what is opened, and nothing but plain files of the folder is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from isthmus.common.errors import ManifestError
from isthmus.common.manifest.fields import MANIFEST_FILE
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.edge.pointcloud.encoder import PointCloudEncoder


@pytest.fixture
def folder(zoo: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(zoo / "tiny-q1", tmp_path / "tiny-q1"))


def test_what_was_read_stays_what_it_was(folder: Path) -> None:
    found = load_codec_folder(folder, needed=()).read("edge.onnx")
    before = found.data
    (folder / "edge.onnx").write_bytes(b"another graph")
    assert found.data == before
    with pytest.raises(ManifestError, match=r"edge\.onnx: expected SHA-256"):
        load_codec_folder(folder, needed=()).read("edge.onnx")


@pytest.mark.parametrize("name", ["edge.onnx", MANIFEST_FILE])
def test_a_link_out_of_the_folder_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    """Though what it leads to is what the manifest says."""
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(ManifestError, match=f"{name}: expected a file in this folder, got a link out of it"):
        load_codec_folder(folder)


def test_a_link_within_is_not_nor_is_one_to_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "edge.onnx").rename(folder / "other.onnx")
    (folder / "edge.onnx").symlink_to("other.onnx")
    (tmp_path / "link").symlink_to(folder)
    assert load_codec_folder(tmp_path / "link").manifest.name == "tiny-q1"


@pytest.mark.parametrize("name", ["edge.onnx", MANIFEST_FILE])
def test_a_pipe_or_a_folder_is_not_waited_for(name: str, folder: Path) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ManifestError, match=f"{name}: expected a plain file, got a pipe"):
        load_codec_folder(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(ManifestError, match=f"{name}: .*Is a directory"):
        load_codec_folder(folder)


def test_an_encoder_opens_what_was_hashed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever replaces a file between the two finds that there is no second time."""
    opened: list[str] = []
    real = os.open

    def counted(path: str, *rest: int) -> int:
        opened.append(Path(path).name)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", counted)
    PointCloudEncoder(folder, engine="onnxruntime")
    assert opened.count("edge.onnx") == 1
