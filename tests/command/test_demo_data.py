"""What `isthmus demo` shows of a user's data: every layout of labelled clouds is scored, the rest is shown as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from support.tiny_image_codec import photo
from support.tiny_zoo import POINTS

from isthmus.command.demo_data import DemoData, demo_data
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.data.image.files import write_image


@pytest.fixture(autouse=True)
def _zoo_of_the_command(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_ZOO", str(zoo))


@pytest.fixture
def classes(zoo: Path) -> tuple[str, ...]:
    return load_codec_folder(zoo / POINTS, needed=()).manifest.classes


def shown_as(clouds: Sequence[Path] = (), images: Sequence[Path] = (), videos: Sequence[Path] = ()) -> DemoData:
    files = {"point-cloud": clouds, "image": images, "video": videos}
    return DemoData({signal: tuple(paths) for signal, paths in files.items() if paths})


def cloud(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((20, 3)))
    return path


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(photo(16, 16), path)
    return path


def empty(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def table(folder: Path, name: str, label: str) -> Path:
    made = cloud(folder / name) if name.endswith(".npy") else image(folder / name)
    (folder / "labels.csv").write_text(f"file,label\n{made.name},{label}\n")
    return folder / "labels.csv"


def packed(folder: Path) -> Path:
    np.savez(folder / "set.npz", points=np.zeros((1, 9, 3)), labels=[0], class_names=["a"])
    return folder / "set.npz"


LABELLED: dict[str, Callable[[Path, str], Path]] = {
    "class/*.npy": lambda d, name: cloud(d / name / "a.npy").parents[1],
    "class/test/*": lambda d, name: cloud(d / name / "test" / "a.npy").parents[2],
    "class/test/*.off": lambda d, name: empty(d / name / "test" / "a.off").parents[2],
    "test/class/*": lambda d, name: cloud(d / "test" / name / "a.npy").parents[2],
    "LABEL-nnn.npy": lambda d, name: cloud(d / f"{name}-001.npy").parent,
    "another case, spaces": lambda d, name: cloud(d / name.upper().replace("_", " ") / "a.npy").parents[1],
    "a table": lambda d, name: table(d, "a.npy", name),
    "packed": lambda d, _: packed(d),
    "HDF5 in a folder": lambda d, _: empty(d / "test0.h5").parent,
    "HDF5": lambda d, _: empty(d / "test0.h5"),
}


@pytest.mark.parametrize("layout", LABELLED)
def test_labelled_clouds_are_scored(layout: str, tmp_path: Path, classes: tuple[str, ...]) -> None:
    assert demo_data(LABELLED[layout](tmp_path, classes[0]), POINTS) == DemoData(is_labelled=True)


def test_folders_of_other_names_are_folders(tmp_path: Path, classes: tuple[str, ...]) -> None:
    cloud(tmp_path / "monday" / "a.npy")
    assert demo_data(tmp_path, POINTS) == shown_as(clouds=[tmp_path])
    cloud(tmp_path / classes[1] / "b.npy")
    shown = demo_data(tmp_path, POINTS)
    assert shown.of("point-cloud") == (tmp_path,)
    assert "classified, not scored: " in shown.note
    assert "got monday" in shown.note
    assert demo_data(cloud(tmp_path / "scan-001.npy"), POINTS) == shown_as(clouds=[tmp_path / "scan-001.npy"])


def test_tables_of_files_and_tables_of_points(tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("x,y,z\n1,2,3\n")
    assert demo_data(points, POINTS) == shown_as(clouds=[points])
    found = demo_data(table(tmp_path, "a.png", "anything"), POINTS)
    assert found == shown_as(images=[tmp_path / "a.png"])
    shown = demo_data(table(tmp_path, "a.npy", "lamp"), POINTS)
    assert shown.of("point-cloud") == (tmp_path / "a.npy",)
    assert "got lamp" in shown.note


def test_what_lies_at_a_path_decides_what_crosses(tmp_path: Path) -> None:
    shot, scan = image(tmp_path / "both" / "a.png"), cloud(tmp_path / "both" / "b.npy")
    (tmp_path / "none").mkdir()
    film = empty(tmp_path / "film" / "a.mp4")
    assert demo_data(shot, POINTS) == shown_as(images=[shot])
    assert demo_data(scan, POINTS) == shown_as(clouds=[scan])
    assert demo_data(film, POINTS) == demo_data(film.parent, POINTS) == shown_as(videos=[film])
    assert demo_data(shot.parent, POINTS) == shown_as([shot.parent], [shot])
    assert demo_data(tmp_path / "none", POINTS) == shown_as([tmp_path / "none"])
    assert demo_data(tmp_path, POINTS) == shown_as([tmp_path], [shot], [film])
    with pytest.raises(InputError, match="codec 'nope'"):
        demo_data(cloud(tmp_path / "set" / "chair" / "a.npy").parents[1], "nope")
