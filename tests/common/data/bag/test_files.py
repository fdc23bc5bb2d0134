"""Which paths are bags, and folders of several files."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import bag_files
from support.bag_files import cloud, noted

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.bag.files import open_bag
from isthmus.data.bag.formats import is_bag
from isthmus.data.bag.values import Recorded, Topic

TOPIC = Topic("/lidar", "sensor_msgs/PointCloud2")
POINTS = np.eye(3)


def test_what_is_a_bag(tmp_path: Path) -> None:
    for name in ("run.mcap", "RUN.MCAP", "run.db3", "run.bag", "run.db3.zstd", "run.mcap.zst"):
        assert is_bag(tmp_path / name)
    assert not is_bag(tmp_path / "run.npy")
    assert not is_bag(tmp_path)  # an empty folder
    (tmp_path / "metadata.yaml").touch()
    assert not is_bag(tmp_path)  # as many folders have
    (tmp_path / "run_0.mcap").touch()
    (tmp_path / "chair.npy").touch()
    assert is_bag(tmp_path)
    (tmp_path / "metadata.yaml").unlink()
    assert not is_bag(tmp_path)  # a folder of clouds, as it always was
    (tmp_path / "chair.npy").unlink()
    assert is_bag(tmp_path)


def test_a_folder_of_several_files(tmp_path: Path) -> None:
    """In natural order; one that is cut keeps none of the others back, and one that is missing is named."""
    for number in (0, 1, 2, 10):
        (tmp_path / f"run_{number}.mcap").write_bytes(bag_files.mcap_bytes([cloud(POINTS + number)]))
    bag = open_bag(tmp_path)
    assert bag.contents().topics == (Topic(*("/lidar", "sensor_msgs/PointCloud2"), 4),)
    whole = [m.data for m in bag.messages(TOPIC)]
    assert whole == [cloud(POINTS + number).cdr() for number in (0, 1, 2, 10)]
    names = "".join(
        f"    - {name}\n" for name in ("run/run_0.mcap", "run_1.mcap", "run_2.mcap", "run_3.mcap", "run_10.mcap")
    )
    (tmp_path / "metadata.yaml").write_text(
        f"rosbag2_bagfile_information:\n  relative_file_paths:\n{names}  files:\n    - path: run_0.mcap\n"
    )
    assert given(tmp_path, r"expected run_3\.mcap, as metadata\.yaml says, got no such file") == whole
    (tmp_path / "metadata.yaml").unlink()
    (tmp_path / "run_1.mcap").write_bytes((tmp_path / "run_1.mcap").read_bytes()[:100])
    assert given(tmp_path, r"run_1\.mcap.*it is cut") == [whole[0], *whole[2:]]


def given(folder: Path, says: str) -> list[bytes]:
    """The messages of a folder until what is said."""
    found: list[Recorded] = []
    with pytest.raises(InputError, match=says):
        list(noted(open_bag(folder).messages(TOPIC), found))
    return [message.data for message in found]


def test_what_was_packed_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "run_0.db3.zstd").write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(InputError, match=r"unpack it: zstd -d .*run_0\.db3\.zstd"):
        open_bag(tmp_path)
    bag_files.small_database(tmp_path / "run_0.db3", [cloud(POINTS)])
    assert len(list(open_bag(tmp_path).messages(TOPIC))) == 1


@pytest.mark.parametrize(
    ("name", "begins"), [("run.mcap", "begins with b'.x89MCAP0"), ("run.bag", "begins with b'#ROSBAG V2.0")]
)
def test_other_files_of_that_name(tmp_path: Path, name: str, begins: str) -> None:
    for data in (b"", b"#ROSBAG V1.2\n" * 9, bytes(1000)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=begins):
            open_bag(tmp_path / name).contents()


@pytest.mark.parametrize(("compression", "package"), [("lz4", "lz4"), ("zstd", "zstandard")])
def test_without_what_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str, package: str) -> None:
    path = tmp_path / "run.mcap"
    path.write_bytes(bag_files.mcap_bytes([cloud(POINTS)], compression))
    original = builtins.__import__

    def imported(name: str, *rest: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == package:
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", imported)
    with pytest.raises(MissingDependencyError, match=rf"need {package}: pip install 'isthmus\[bags\]'"):
        list(open_bag(path).messages(TOPIC))
