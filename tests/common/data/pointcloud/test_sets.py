"""isthmus.data.pointcloud.sets, and the layouts that it reads"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from support.paths import DATA

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.pointcloud.hdf5 import SCANOBJECTNN_CLASSES, load_modelnet_hdf5, load_scanobjectnn
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.data.pointcloud.packed import load_lidar, load_packed
from isthmus.data.pointcloud.sets import load_labelled, load_modelnet_off

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]


def stack(count: int, points: int = 5, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(size=(count, points, 3)).astype(np.float32)


def write_packed(path: Path, **changes: Any) -> dict[str, Any]:
    arrays = {
        "points": (stack(6) * 1000).astype(np.int16),
        "scale": np.float32(0.001),
        "labels": np.array([0, 0, 1, 1, 2, 2], np.uint8),
        "is_test": np.array([0, 1, 0, 1, 0, 0], bool),
        "class_names": np.array(["ant", "bee", "cat"]),
    } | changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return arrays


def write_lidar(path: Path, **changes: Any) -> dict[str, Any]:
    arrays = {
        "points_milli": np.arange(30, dtype=np.int16).reshape(10, 3) * 100,
        "offsets": np.array([0, 3, 4, 10]),
        "labels": np.array([1, 0, 1], np.uint8),
        "is_test": np.array([0, 0, 1], bool),
        "class_names": np.array(["car", "pole"]),
    } | changes
    np.savez(path, **arrays)
    return arrays


def write_h5(path: Path, data: Array | None, labels: Array, **more: Array | None) -> None:
    with h5py.File(path, "w") as file:
        for name, value in {"data": data, "label": labels, **more}.items():
            if value is not None:
                file[name] = value


def y_up(points: Array) -> Array:
    """What a y-up file holds of z-up points."""
    return np.stack((points[..., 0], points[..., 2], -points[..., 1]), -1)


def test_clouds_of_different_sizes() -> None:
    clouds = [np.full((n, 3), n, np.float32) for n in (3, 1, 4)]
    found = LabelledClouds.from_clouds(clouds, [0, 1, 0], ["a", "b"], "mine")
    assert len(found) == 3
    assert all((a == b).all() for a, b in zip(found.clouds, clouds, strict=True))
    assert np.shares_memory(found.cloud(1), found.points)
    assert (found.cloud(-1) == clouds[2]).all()
    with pytest.raises(IndexError):
        found.cloud(3)
    picked = found.subset(np.array([2, 0]))
    assert [len(c) for c in picked.clouds] == [4, 3]
    assert picked.name == "mine"
    with pytest.raises(InputError, match="mine: expected clouds of one size, got 3 different"):
        found.stacked()


def test_clouds_of_one_size_stack_without_a_copy() -> None:
    whole = stack(4)
    found = LabelledClouds.from_stack(whole, [0, 1, 1, 0], ("a", "b"), "mine")
    assert (found.stacked() == whole).all()
    assert np.shares_memory(found.stacked(), found.points)
    assert (found.subset(np.array([3, 1])).stacked() == whole[[3, 1]]).all()
    assert found.subset(np.array([3, 1])).labels.tolist() == [0, 1]
    assert len(found.subset(np.array([], np.int64))) == 0
    assert found.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((4, 3))}, "points float32"),
        ({"points": np.full((4, 3), np.nan, np.float32)}, "finite points, got .* in cloud 0"),
        ({"offsets": np.array([0, 2])}, "N [+] 1 offsets"),
        ({"offsets": np.array([0, 2, 3])}, "from 0 to 4"),
        ({"offsets": np.array([0, 4, 4])}, "none equal"),
        ({"labels": np.array([0, 2])}, "labels 0 to 1, got 0 to 2"),
        ({"labels": np.array([-1, 0])}, "got -1 to 0"),
    ],
)
def test_inconsistent_sets_are_refused(change: dict[str, Any], message: str) -> None:
    fields = {"points": np.zeros((4, 3), np.float32), "offsets": np.array([0, 2, 4]), "labels": np.array([0, 1])}
    with pytest.raises(InputError, match=message):
        LabelledClouds(**(fields | change), class_names=("a", "b"), name="mine")


def test_packed(tmp_path: Path) -> None:
    arrays = write_packed(tmp_path / "bugs.npz")
    train, test = load_packed(tmp_path / "bugs.npz")
    np.testing.assert_allclose(train.stacked(), arrays["points"][[0, 2, 4, 5]] * 0.001, rtol=1e-6)
    assert train.labels.tolist() == [0, 1, 2, 2]
    assert test.labels.tolist() == [0, 1]
    assert train.class_names == ("ant", "bee", "cat")
    assert train.name == "bugs"


def test_results_name_voxels_as_voxels(tmp_path: Path) -> None:
    write_packed(tmp_path / "modelnet10_2048.npz")
    assert load_packed(tmp_path / "modelnet10_2048.npz")[1].name == "ModelNet10, voxel-derived"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "the arrays points, labels and class_names"),
        ({"scale": None}, "a scale beside points of integers, got points int16"),
        ({"offsets": np.array([0, 5, 10, 15, 20, 25, 30])}, r"\[total, 3\] with offsets"),
        ({"points": np.zeros((6, 5, 2), np.int16)}, r"points \[N, P, 3\]"),
        ({"labels": np.zeros(5, np.uint8)}, "N labels"),
        ({"is_test": np.zeros(5, bool)}, r"is_test bool \[6\]"),
        ({"labels": np.full(6, 9, np.uint8)}, "labels 0 to 2, got 9 to 9"),
        ({"class_names": np.array([{}], object)}, "expected arrays"),
    ],
)
def test_bad_packed_files_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_packed(tmp_path / "x.npz", **change)
    with pytest.raises(InputError, match=message):
        load_packed(tmp_path / "x.npz")


def test_lidar_is_ragged_and_turned_up(tmp_path: Path) -> None:
    arrays = write_lidar(tmp_path / "l.npz")
    train, test = load_lidar(tmp_path / "l.npz")
    assert [len(c) for c in train.clouds] == [3, 1]
    assert [len(c) for c in test.clouds] == [6]
    np.testing.assert_allclose(y_up(test.cloud(0)), arrays["points_milli"][4:] / 1000, rtol=1e-6)
    write_lidar(tmp_path / "bad.npz", offsets=np.array([0, 3, 4, 11]))
    with pytest.raises(InputError, match="from 0 to 10"):
        load_lidar(tmp_path / "bad.npz")


def write_off_tree(root: Path, classes: tuple[str, ...] = ("lamp", "chair")) -> None:
    for label, name in enumerate(classes):
        for split, count in (("train", 2), ("test", 1)):
            folder = root / name / split
            folder.mkdir(parents=True)
            for k in range(count):
                size = 1 + label + k
                text = f"OFF3 1 0\n0 0 0\n{size} 0 0\n0 0 {size}\n3 0 1 2\n"
                (folder / f"{name}_{k + 1:04}.off").write_text(text)
    (root / "README.txt").write_text("read me")


def test_modelnet_meshes(tmp_path: Path) -> None:
    write_off_tree(tmp_path)
    seen = []
    train = load_modelnet_off(tmp_path, "train", points=50, progress=lambda done, total: seen.append((done, total)))
    assert train.class_names == ("chair", "lamp")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert train.stacked().shape == (4, 50, 3)
    assert [c.max() > 1 for c in train.clouds] == [True, True, False, True]  # sizes 2, 3, 1, 2
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    again = load_modelnet_off(tmp_path, "train", points=50)
    assert (again.points == train.points).all()
    assert not (load_modelnet_off(tmp_path, "train", points=50, seed=1).points == train.points).all()
    (tmp_path / "chair" / "train" / "chair_0001.off").unlink()
    assert (load_modelnet_off(tmp_path, "train", points=50).cloud(0) == train.cloud(1)).all()
    (tmp_path / "chair" / "train" / "chair_0002.off").write_text("OFF\n")
    with pytest.raises(InputError, match=r"chair_0002.off"):
        load_modelnet_off(tmp_path, "train", points=50)
    with pytest.raises(InputError, match="expected meshes"):
        load_modelnet_off(tmp_path / "chair", "train")
    with pytest.raises(InputError, match="expected a folder"):
        load_modelnet_off(tmp_path / "none", "train")


def write_hdf5_folder(folder: Path) -> Float32:
    whole = stack(12)
    (folder / "shape_names.txt").write_text("ant\nbee\n")
    for k in range(11):  # 0 to 10: their order is by number, not by text
        write_h5(folder / f"ply_data_train{k}.h5", y_up(whole[k : k + 1]), np.array([[k % 2]], np.uint8))
    write_h5(folder / "ply_data_test0.h5", y_up(whole[11:]), np.array([[1]], np.uint8), normal=np.zeros(3))
    return whole


def test_modelnet_hdf5(tmp_path: Path) -> None:
    whole = write_hdf5_folder(tmp_path)
    train, test = load_modelnet_hdf5(tmp_path, "train"), load_modelnet_hdf5(tmp_path, "test")
    assert (train.stacked() == whole[:11]).all()
    assert train.labels.tolist() == [k % 2 for k in range(11)]
    assert (test.stacked() == whole[11:]).all()
    assert test.class_names == ("ant", "bee")
    (tmp_path / "ply_data_test0.h5").unlink()
    with pytest.raises(InputError, match=r"files \*test\*.h5, got none"):
        load_modelnet_hdf5(tmp_path, "test")
    (tmp_path / "shape_names.txt").unlink()
    with pytest.raises(InputError, match=r"shape_names.txt"):
        load_modelnet_hdf5(tmp_path, "train")


def test_class_names_of_an_editor_with_a_byte_order_mark(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "shape_names.txt").write_text("airplane\nvase\n", encoding=encoding)
        write_h5(tmp_path / "ply_data_test0.h5", stack(2), np.array([[1], [0]]))
        assert load_modelnet_hdf5(tmp_path, "test").class_names == ("airplane", "vase")


def test_scanobjectnn(tmp_path: Path) -> None:
    whole = stack(3)
    write_h5(tmp_path / "training_objectdataset.h5", y_up(whole), np.array([0, 14, 4]), mask=np.zeros((3, 5)))
    found = load_scanobjectnn(tmp_path / "training_objectdataset.h5")
    assert (found.stacked() == whole).all()
    assert found.class_names == SCANOBJECTNN_CLASSES
    assert [found.class_names[k] for k in found.labels] == ["bag", "toilet", "chair"]
    assert found.name == "ScanObjectNN training_objectdataset"


@pytest.mark.parametrize(
    ("data", "label", "message"),
    [
        (None, np.zeros(2, int), "datasets data and label"),
        (np.zeros((2, 5)), np.zeros(2, int), r"data \[N, P, 3\]"),
        (np.zeros((2, 5, 2)), np.zeros(2, int), r"data \[N, P, 3\]"),
        (np.zeros((2, 5, 3)), np.zeros(3, int), r"labels \[2\], got \[3\]"),
        (np.zeros((2, 5, 3)), np.zeros(2), "whole-number labels"),
        (np.zeros((2, 5, 3)), np.array([0, 15]), "labels 0 to 14, got 0 to 15"),
        (np.full((2, 5, 3), np.inf), np.zeros(2, int), "finite points"),
    ],
)
def test_bad_hdf5_is_refused(tmp_path: Path, data: Array | None, label: Array, message: str) -> None:
    write_h5(tmp_path / "x.h5", data, label)
    with pytest.raises(InputError, match=message):
        load_scanobjectnn(tmp_path / "x.h5")


def test_hdf5_claims_are_checked_before_reading(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("data", shape=(10**6, 10**6, 3), dtype="f4", chunks=(1, 1000, 3))
        file.create_dataset("label", shape=(10**6,), dtype="u1", chunks=(1000,))
    with pytest.raises(InputError, match="at most 500000000 points"):
        load_scanobjectnn(tmp_path / "x.h5")


def test_not_hdf5_and_no_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.h5").write_bytes(b"garbage")
    with pytest.raises(InputError, match="expected an HDF5 file"):
        load_scanobjectnn(tmp_path / "x.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'isthmus\[hdf5\]'"):
        load_scanobjectnn(tmp_path / "x.h5")


def test_each_layout_is_told_from_what_is_there(tmp_path: Path) -> None:
    write_packed(tmp_path / "p.npz")
    write_lidar(tmp_path / "l.npz")
    for name in ("off", "hdf5", "scan", "empty"):
        (tmp_path / name).mkdir()
    write_off_tree(tmp_path / "off")
    write_hdf5_folder(tmp_path / "hdf5")
    for split in ("training", "test"):
        write_h5(tmp_path / "scan" / f"{split}_objectdataset.h5", stack(2), np.zeros(2, int))
    assert len(load_labelled(tmp_path / "p.npz", "train")) == 4
    assert len(load_labelled(tmp_path / "l.npz", "test")) == 1
    assert load_labelled(tmp_path / "off", "test", points=9).stacked().shape == (2, 9, 3)
    assert load_labelled(tmp_path / "off", "test").name == "off"
    assert len(load_labelled(tmp_path / "hdf5", "train")) == 11
    assert load_labelled(tmp_path / "scan", "train").name == "ScanObjectNN training_objectdataset"
    assert len(load_labelled(tmp_path / "scan" / "test_objectdataset.h5", "test")) == 2
    with pytest.raises(InputError, match="train split, got a file named for test"):
        load_labelled(tmp_path / "scan" / "test_objectdataset.h5", "train")
    with pytest.raises(InputError, match="got none of these"):
        load_labelled(tmp_path / "empty", "train")
    with pytest.raises(InputError, match="where nothing is"):
        load_labelled(tmp_path / "nothing", "train")
    with pytest.raises(InputError, match="train or test, got 'validation'"):
        load_labelled(tmp_path / "p.npz", "validation")  # type: ignore[arg-type]
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04garbage")
    with pytest.raises(InputError, match=r"bad\.npz: expected an \.npz file"):
        load_labelled(tmp_path / "bad.npz", "train")


@pytest.mark.skipif(
    not (DATA / "modelnet10_2048.npz").is_file(),
    reason=f"real data missing: {DATA / 'modelnet10_2048.npz'} (ISTHMUS_DATA)",
)
def test_the_real_modelnet10() -> None:
    train, test = load_packed(DATA / "modelnet10_2048.npz")
    assert (len(train), len(test)) == (3981, 907)
    assert train.stacked().shape == (3981, 2048, 3)
    assert test.class_names[2] == "chair"
    assert np.bincount(test.labels).min() > 40
    radii = np.sqrt((test.stacked() ** 2).sum(2).max(1))
    assert np.abs(radii - 1).max() < 0.01


@pytest.mark.skipif(
    not (DATA / "lidarnet4_real.npz").is_file(),
    reason=f"real data missing: {DATA / 'lidarnet4_real.npz'} (ISTHMUS_DATA)",
)
def test_real_poles_and_people_stand_upright() -> None:
    train, test = load_lidar(DATA / "lidarnet4_real.npz")
    assert (len(train), len(test)) == (488, 162)
    for name in ("pole", "pedestrian"):
        tall = [
            np.ptp(c, axis=0).argmax() == 2
            for c, k in zip(test.clouds, test.labels, strict=True)
            if test.class_names[k] == name
        ]
        assert np.mean(tall) > 0.85
