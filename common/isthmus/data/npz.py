"""Data sets packed into `.npz` files: which arrays are there, and encoded files cut out of one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import NPZ_ERRORS
from isthmus.common.errors import InputError

Layout = tuple[str, ...]
"""Names of the arrays of one way to pack a set."""
NPZ = "an .npz file"
MAX_CODE_POINT = 0x10FFFF
"""Of Unicode."""


@contextlib.contextmanager
def open_npz(path: Path, kind: str = NPZ) -> Iterator[Any]:
    """The arrays of an `.npz` file, by name. InputError, which says that `kind` was expected, if it is none."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: expected {kind}: {error.strerror or error}") from error
    with stream:  # opened here, as NumPy leaves its own open where it fails
        try:
            file = np.load(stream, allow_pickle=False)
        except (OSError, *NPZ_ERRORS) as error:
            raise InputError(f"{path}: expected {kind}: {error}") from error
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InputError(f"{path}: expected {kind}, got a single array")
        with file:
            yield file


def read_arrays(path: Path, *layouts: Layout, kind: str = NPZ) -> tuple[npt.NDArray[Any], ...]:
    """The arrays of the first of some layouts that is there, in its order, each ``[rows, ...]`` as the layout says.

    Args:
        path: of the file.
        layouts: one or more, the preferred one first.
        kind: what is expected, for messages: "packed photographs".

    Raises:
        InputError: no such file, none of the layouts in it, or damaged.
    """
    with open_npz(path, kind) as file:
        found = next((layout for layout in layouts if set(layout) <= set(file.files)), None)
        if found is None:
            wanted = ", or ".join(" and ".join(filter(None, (", ".join(n[:-1]), n[-1]))) for n in layouts)
            raise InputError(f"{path}: expected {kind} with the arrays {wanted}; got {', '.join(sorted(file.files))}")
        try:
            return tuple(_array(path, name, file[name]) for name in found)
        except (OSError, *NPZ_ERRORS) as error:
            raise InputError(f"{path}: expected arrays {', '.join(found)}, cannot read them: {error}") from error


def _array(path: Path, name: str, held: Any) -> npt.NDArray[Any]:
    """What an archive holds under a name. InputError if it is no array, or its words are no text."""
    if not isinstance(held, np.ndarray):  # NumPy gives a member that is none as bytes
        raise InputError(f"{path}: expected an array {name}, got {len(held)} bytes that are none; the file is damaged")
    if held.dtype.kind == "U" and held.size and held.dtype.itemsize:
        points = np.ascontiguousarray(held).view(np.dtype("u4").newbyteorder(held.dtype.byteorder))
        if int(points.max()) > MAX_CODE_POINT:
            raise InputError(f"{path}: expected words in {name}, got numbers that are no letters; the file is damaged")
    return held


def cut_files(path: Path, blob: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> tuple[bytes, ...]:
    """Encoded files that lie one after another in an array.

    Args:
        path: for messages.
        blob: uint8 [bytes], all of them.
        offsets: integers [files + 1], rising from 0 to the end: file i is blob[offsets[i]:offsets[i + 1]].

    Raises:
        InputError: offsets that do not fit.
    """
    if blob.ndim != 1 or blob.dtype != np.uint8:
        raise InputError(f"{path}: expected files as uint8 [bytes], got {blob.dtype} {list(blob.shape)}")
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or not len(offsets):
        raise InputError(f"{path}: expected offsets [files + 1], got {offsets.dtype} {list(offsets.shape)}")
    cuts = offsets.tolist()
    if cuts[0] != 0 or cuts[-1] != len(blob) or any(a > b for a, b in pairwise(cuts)):
        raise InputError(f"{path}: expected offsets rising from 0 to {len(blob)}")
    return tuple(blob[a:b].tobytes() for a, b in pairwise(cuts))
