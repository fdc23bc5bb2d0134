"""Labelled images: packed files, folders of classes, splits, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isthmus.common.errors import InputError
from isthmus.data.image.labelled import LabelledImages, load_labelled_images, split_train_validation


def _png(value: int, size: int = 8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def _packed(files: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    return np.frombuffer(b"".join(files), np.uint8), np.cumsum([0, *map(len, files)])


def _two_splits(path: Path, **changes: np.ndarray) -> Path:
    train, test = _packed([_png(i) for i in range(4)]), _packed([_png(200 + i) for i in range(2)])
    arrays: dict[str, Any] = {
        "train_jpg": train[0],
        "train_off": train[1],
        "y_train": np.array([0, 1, 0, 1], np.uint8),
        "val_jpg": test[0],
        "val_off": test[1],
        "y_val": np.array([1, 0], np.uint8),
        "names": np.array(["cat", "dog"]),
    } | changes
    np.savez(path, **arrays)
    return path


def test_a_packed_file_of_two_splits(tmp_path: Path) -> None:
    path = _two_splits(tmp_path / "tiny.npz")
    train, test = load_labelled_images(path, "train"), load_labelled_images(path)
    assert (len(train), len(test), train.class_names) == (4, 2, ("cat", "dog"))
    assert train.labels.tolist() == [0, 1, 0, 1]
    assert test.labels.tolist() == [1, 0]
    assert train.pixels(3).tolist() == np.full((8, 8, 3), 3).tolist()
    assert test.pixels(0)[0, 0, 0] == 200


def test_a_packed_file_of_one_split_whose_labels_lie_in_a_larger_list(tmp_path: Path) -> None:
    blob, cuts = _packed([_png(1), _png(2)])
    np.savez(tmp_path / "big.npz", jpg=blob, off=cuts, labels=np.array([3, 700]), names=np.array(["hen", "sofa"]))
    images = load_labelled_images(tmp_path / "big.npz")
    assert images.class_names[3] == "hen"
    assert images.class_names[700] == "sofa"
    assert len(images.class_names) == 1000
    with pytest.raises(InputError, match="train split"):
        load_labelled_images(tmp_path / "big.npz", "train")


def test_a_folder_of_classes(tmp_path: Path) -> None:
    for name, count in (("b", 2), ("a", 1)):
        (tmp_path / name).mkdir()
        for i in range(count):
            (tmp_path / name / f"{i}.png").write_bytes(_png(i))
    images = load_labelled_images(tmp_path)
    assert images.class_names == ("a", "b")
    assert images.labels.tolist() == [0, 1, 1]


def test_the_split_is_the_same_every_time_and_leaves_nothing_out() -> None:
    images = LabelledImages("set", tuple(_png(i) for i in range(30)), np.arange(30) % 3, ("a", "b", "c"))
    train, validation = split_train_validation(images)
    again, _ = split_train_validation(images)
    assert (len(train), len(validation)) == (27, 3)
    assert train.files == again.files
    assert {*train.files, *validation.files} == {*images.files}


def test_what_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", points=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected packed labelled images"):
        load_labelled_images(tmp_path / "other.npz")
    with pytest.raises(InputError, match="offsets rising"):
        load_labelled_images(_two_splits(tmp_path / "cut.npz", val_off=np.array([0, 9, 5])))
    with pytest.raises(InputError, match="expected 2 labels, got"):
        load_labelled_images(_two_splits(tmp_path / "labels.npz", y_val=np.array([0], np.uint8)))
    with pytest.raises(InputError, match="folder of classes"):
        load_labelled_images(tmp_path / "text.npz")
    with pytest.raises(InputError, match=r"CLASS/FILE, .* or a \.csv"):
        load_labelled_images(tmp_path / "empty")
    with pytest.raises(InputError, match="set: image 0: image: expected an image"):
        LabelledImages("set", (b"no image",), np.array([0]), ("a",)).pixels(0)
    with pytest.raises(InputError, match="labels 0 to 0"):
        LabelledImages("set", (_png(0),), np.array([1]), ("a",))
