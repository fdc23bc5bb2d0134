"""Labelled images of a data set, decoded when they are asked for.

| layout | split |
|---|---|
| packed `.npz`: `train_jpg`, `train_off`, `y_train`, `val_jpg`, `val_off`, `y_val`, `names` | train, test (its `val`) |
| packed `.npz`: `jpg`, `off`, `labels`, `names` | test |
| folders of classes, a `.csv` of file and label, `LABEL-nnn.suffix` | as `isthmus.data.labelled_files` says |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.image.files import read_image
from isthmus.data.image.formats import is_image_name
from isthmus.data.labelled_files import TABLES, find_labelled_files, placed
from isthmus.data.npz import Layout, cut_files, read_arrays

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]
Split = Literal["train", "test"]
PACKED: dict[Split, tuple[Layout, ...]] = {
    "train": (("train_jpg", "train_off", "y_train", "names"),),
    "test": (("val_jpg", "val_off", "y_val", "names"), ("jpg", "off", "labels", "names")),
}


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Encoded images with labels.

    Attributes:
        name: what was measured on.
        files: each image as the bytes of its file.
        labels: int64 [N], indices into `class_names`.
        class_names: one name a class.
    """

    name: str
    files: tuple[bytes, ...]
    labels: Int64
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.files),):
            raise InputError(f"{self.name}: expected {len(self.files)} labels, got {list(self.labels.shape)}")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise InputError(
                f"{self.name}: expected labels 0 to {len(self.class_names) - 1}, "
                f"got {self.labels.min()} to {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.files)

    def pixels(self, index: int) -> UInt8:
        """Image `index`, uint8 [height, width, 3]. InputError if its bytes are no image."""
        try:
            return read_image(self.files[index]).pixels
        except InputError as error:
            raise InputError(f"{self.name}: image {index}: {error}") from error

    def with_classes(self, class_names: tuple[str, ...], network: str) -> LabelledImages:
        """The same images, labelled by the classes of a network. InputError where it does not know one of them."""
        labels = placed(self.labels.tolist(), self.class_names, class_names, self.name, network)
        return LabelledImages(self.name, self.files, labels, class_names)

    def take(self, indices: Sequence[int] | Int64) -> LabelledImages:
        """The images of some indices [n], in their order."""
        chosen = np.asarray(indices, np.int64)
        return LabelledImages(self.name, tuple(self.files[i] for i in chosen), self.labels[chosen], self.class_names)


def load_labelled_images(path: str | Path, split: Split = "test") -> LabelledImages:
    """Labelled images of a packed file or a folder.

    Args:
        path: of either.
        split: which; a folder without folders of splits and a file of one split have "test" alone.

    Raises:
        InputError: neither layout, or the split is not in it.
    """
    path = Path(path)
    if path.is_dir() or (path.suffix.lower() in TABLES and path.exists()):
        return _from_files(path, split)
    kind = f"packed labelled images with a {split} split, or a folder of classes,"
    blob, offsets, labels, stored_names = read_arrays(path, *PACKED[split], kind=kind)
    files, classes = cut_files(path, blob, offsets), labels.astype(np.int64)
    names = tuple(str(name) for name in stored_names)
    if classes.max(initial=0) >= len(names):
        # One image a class, named one by one: labels are indices of a larger list.
        table = [f"class {i}" for i in range(1000)]
        for label, name in zip(classes.tolist(), names, strict=False):
            table[label] = name
        names = tuple(table)
    return LabelledImages(path.stem, files, classes, names)


def split_train_validation(
    images: LabelledImages, share: int = 10, seed: int = 0
) -> tuple[LabelledImages, LabelledImages]:
    """(train, validation): a fixed random one in `share` is held out."""
    order = np.random.default_rng(seed).permutation(len(images))
    held = max(1, len(images) // share)
    return images.take(np.sort(order[held:])), images.take(np.sort(order[:held]))


def _from_files(path: Path, split: Split) -> LabelledImages:
    found = find_labelled_files(path, split, is_image_name, "image")
    files = tuple(file.read_bytes() for file in found.paths)
    return LabelledImages(found.name, files, np.array(found.labels, np.int64), found.class_names)
