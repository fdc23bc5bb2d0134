"""The commands that train: one line for what a person can mend, and no codec is written over by chance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.command_line import parsed
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.command.train_options import Destination, say_written
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.zoo import DEFAULT_ZOOS
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.models.pointcloud.categorical import Alphabet
from isthmus.training.pointcloud import curve, rate_points
from isthmus.training.pointcloud.rate_points import RatePoint

COMMANDS = (
    ("train", "pointcloud", "--data"),
    ("train", "pointcloud-sweep", "--data"),
    ("train", "classifiers", "--data"),
    ("train", "image", "--data"),
    ("train", "motion-networks", "--data"),
    ("train", "video", "--photos", "p.npz", "--data"),
    ("freeze", "runs/none", "--data"),
)


def ends_in_one_line(words: tuple[str, ...], code: int = 2) -> str:
    """The error line of a command that could not work."""
    result = CliRunner().invoke(app, [*words])
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    return tmp_path


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_a_path_that_is_not_there_is_one_line(words: tuple[str, ...], here: Path) -> None:
    line = ends_in_one_line((*words, str(here / "none")))
    assert "none" in line
    assert "expected" in line


@pytest.mark.parametrize("words", COMMANDS[:-1], ids=lambda words: "-".join(words[:2]))
@pytest.mark.parametrize("kind", ["text", "arrays", "folder"])
def test_a_set_that_is_none_is_one_line(words: tuple[str, ...], kind: str, here: Path) -> None:
    data = here / "some.npz"
    if kind == "text":
        data.write_text("these are no clouds")
    elif kind == "arrays":
        np.savez(data, numbers=np.zeros(3))
    else:
        data.mkdir()
        (data / "notes.txt").write_text("nothing")
    assert "some.npz" in ends_in_one_line((*words, str(data)))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_without_torch_it_says_what_to_install(
    words: tuple[str, ...], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [n for n in sys.modules if n.startswith(("isthmus.training", "isthmus.models", "torch."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    line = ends_in_one_line((*words, str(here / "none")))
    assert "torch" in line
    assert "pip install 'isthmus[train]'" in line


def test_wrong_words_are_one_line(here: Path) -> None:
    data = ("--data", str(here / "none"))
    assert "--config: expected one of full, lite, micro" in ends_in_one_line(
        ("train", "pointcloud", *data, "--config", "tiny")
    )
    assert "aligned clouds only" in ends_in_one_line(("train", "pointcloud", *data, "--recipe", "thesis"))
    assert "lower-case words" in ends_in_one_line(("train", "pointcloud", *data, "--name", "My Codec"))
    assert "from 1 to 8" in ends_in_one_line(("train", "image", *data, "--qualities", "9"))


@pytest.mark.usefixtures("here")
def test_a_curve_that_goes_on_from_another_names_the_command_that_makes_it() -> None:
    words = ("train", "pointcloud", "--data", "mine.npz", "--config", "full")
    line = ends_in_one_line((*words, "--variant", "any"))
    assert "runs/full-p1024/pretrained.pt: expected the network that full-any goes on from, found none" in line
    first = "isthmus train pointcloud --data mine.npz --config full --variant p1024 --recipe isthmus --runs runs"
    assert line.endswith(f"first {first}; or --start none\n")
    parsed(first)
    line = ends_in_one_line((*words, "--variant", "p256", "--recipe", "thesis"))
    assert "runs/full-thesis-p1024/lambda0.pt" in line
    assert "--recipe thesis --runs runs; or --start none" in line
    line = ends_in_one_line((*words, "--start", "mine"))
    assert "runs/mine/pretrained.pt" in line
    assert "name a curve that is there; or --start none" in line
    assert "mine.npz" in ends_in_one_line((*words, "--variant", "any", "--start", "none"))  # and is not there
    line = ends_in_one_line(("train", "classifiers", "--data", "mine.npz", "--start", "runs/full-p1024/pretrained.pt"))
    assert "first isthmus train pointcloud --data mine.npz --config full --variant p1024" in line


@pytest.mark.slow
def test_a_curve_of_ones_own_is_trained_written_and_never_written_over(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_points, "LADDER", (RatePoint(Alphabet(2, 4), 200.0),))
    monkeypatch.setattr(curve, "FEATURE_VIEWS", 2)
    made = generate_set(8, 64, 1)
    is_test = np.arange(len(made)) % 8 == 0
    for name, sign in (("mine", 1), ("others", -1)):
        np.savez(
            here / f"{name}.npz",
            points=np.rint(sign * made.stacked() * 30000).astype(np.int16),
            scale=np.float64(1 / 30000),
            labels=made.labels,
            is_test=is_test,
            class_names=np.array(made.class_names),
        )
    words = ["train", "pointcloud", "--config", "micro", "--epochs", "1", "--name", "pc-mine", "--data"]
    result = CliRunner().invoke(app, [*words, "mine.npz"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("codecs/pc-mine-q1  ")
    assert "isthmus cloud --zoo codecs\n  isthmus edge FILES --zoo codecs --codec pc-mine-q1\n" in result.stderr
    history = json.loads((here / "codecs" / "pc-mine-q1" / "training.json").read_text())
    assert history["command"].endswith("--epochs 1 --name pc-mine --zoo codecs")
    assert history["schedule"]["epochs"] == 1
    before = {p.name: p.read_bytes() for p in (here / "codecs" / "pc-mine-q1").iterdir()}

    assert "--overwrite to replace it" in ends_in_one_line((*words, "mine.npz"))
    assert "of the clouds with the CRC" in ends_in_one_line((*words, "others.npz", "--overwrite"))
    assert "of the schedule" in ends_in_one_line((*words, "mine.npz", "--overwrite", "--epochs", "2"))
    assert "--overwrite to replace it" in ends_in_one_line(
        ("freeze", "runs/pc-mine", "--name", "pc-mine", "--data", "mine.npz")
    )
    assert {p.name: p.read_bytes() for p in (here / "codecs" / "pc-mine-q1").iterdir()} == before

    (here / "codecs" / "pc-mine-q1" / "view.onnx").write_text("of an older training")
    result = CliRunner().invoke(app, [*words, "mine.npz", "--overwrite"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert {p.name: p.read_bytes() for p in (here / "codecs" / "pc-mine-q1").iterdir()} == before


def test_a_destination_keeps_what_the_same_data_made(here: Path) -> None:
    folder = here / "pc-lite-any-q10"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "training.json").write_text(json.dumps({"data_sha256": "ab" * 32}))
    names = [folder.name, "pc-new-q1"]
    with pytest.raises(InputError, match="pc-lite-any-q10: expected a new name"):
        Destination(here, overwrite=False).check(names)
    with pytest.raises(InputError, match="expected a new name"):
        Destination(here, overwrite=False).check(names, "cd" * 32)
    Destination(here, overwrite=False).check(names, "ab" * 32)
    assert Destination(here, overwrite=False).holds(folder.name, "ab" * 32)
    assert not Destination(here, overwrite=True).holds(folder.name, "ab" * 32)
    Destination(here, overwrite=False).clear(names)
    assert len(list(folder.iterdir())) == 2
    Destination(here, overwrite=True).clear(names)
    assert list(folder.iterdir()) == []
    with pytest.raises(ManifestError, match="lower-case words"):
        Destination(here, overwrite=True).check(["No Name"])


def test_the_next_commands_are_said_and_a_name_that_ships(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("pc-mine-q1", "pc-lite-any-q10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "edge.onnx").write_bytes(bytes(2048))
    say_written([tmp_path / "pc-mine-q1"], "clip.mp4")
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}/pc-mine-q1  2 KiB\n"
    assert said.err == (
        f"next:\n  isthmus inspect {tmp_path}/pc-mine-q1\n  isthmus cloud --zoo {tmp_path}\n"
        f"  isthmus edge clip.mp4 --zoo {tmp_path} --codec pc-mine-q1\n"
    )
    say_written([tmp_path / "pc-lite-any-q10"], "FILES")
    assert "note: pc-lite-any-q10 is also a codec that ships" in capsys.readouterr().err
    say_written([DEFAULT_ZOOS[1] / "pc-lite-any-q10"], "FILES")
    assert "also a codec" not in capsys.readouterr().err
    say_written([], "FILES")
    assert capsys.readouterr() == ("", "")
