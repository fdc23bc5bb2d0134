"""Small labelled sets in one file: tables of file and label, packed arrays, HDF5."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from isthmus.data.image.labelled import load_labelled_images
from isthmus.data.labelled_files import find_labelled_files
from isthmus.measure.inputs.clouds import npz
from isthmus.measure.inputs.pictures import jpeg_files

STEMS = ("x", "y", "z")
STACK = np.random.default_rng(2).integers(-9, 9, (3, 8, 3)).astype(np.int16)
LABELS, NAMES = np.array([1, 0, 1]), np.array(["a", "b"])


def table_files() -> tuple[bytes, ...]:
    """With and without heads, of commas, semicolons, quotes."""
    rows = [f"{stem}.npy,{'ab'[place % 2]}" for place, stem in enumerate(STEMS)]
    return (
        "\n".join(["file,label,split", *(f"{row},test" for row in rows)]).encode("utf-8-sig"),
        "\n".join(row.replace(",", ";") for row in rows).encode(),
        b'label,"file"\r\n"a","x.npy"\r\n"b ","y.npy"\r\n',
    )


def read_table(path: Path) -> None:
    """A table beside the files that it names."""
    for stem in STEMS:
        (path.parent / f"{stem}.npy").touch()
    find_labelled_files(path, "test", _is_any, "file")


def packed_cloud_files() -> tuple[bytes, ...]:
    """Of one size, and of several."""
    flat, offsets = STACK.reshape(-1, 3), np.array([0, 5, 16, 24])
    some = {"labels": LABELS, "class_names": NAMES}
    return npz(points=STACK, scale=np.float32(0.5), **some), npz(points=flat / 2, offsets=offsets, **some)


def lidar_files() -> tuple[bytes, ...]:
    """In thousandths."""
    return (
        npz(
            points_milli=STACK.reshape(-1, 3),
            offsets=np.array([0, 5, 16, 24]),
            labels=LABELS,
            is_test=np.array([True, False, True]),
            class_names=NAMES,
        ),
    )


def packed_image_files() -> tuple[bytes, ...]:
    """Two JPEG files and their labels."""
    jpegs = jpeg_files()[:2]
    blob = np.frombuffer(b"".join(jpegs), np.uint8)
    offsets = np.cumsum([0, *map(len, jpegs)])
    return (npz(jpg=blob, off=offsets, labels=LABELS[:2], names=NAMES),)


def read_packed_images(path: Path) -> None:
    """All of them decoded."""
    images = load_labelled_images(path)
    for index in range(len(images)):
        images.pixels(index)


def hdf5_files() -> tuple[bytes, ...]:
    """As ScanObjectNN's."""
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        written.create_dataset("data", data=STACK.astype(np.float32))
        written.create_dataset("label", data=LABELS.astype(np.uint8))
    return (file.getvalue(),)


def _is_any(_: Path) -> bool:
    return True
