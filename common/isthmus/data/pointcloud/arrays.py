"""Arrays in NumPy's own files: points in rows, with more columns behind or fields by name."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.columns import Columns

# An array of so few rows and more columns than twice that is one of coordinates in rows.
_TRANSPOSED_ROWS = range(3, 9)


def parse_npy(data: bytes, max_count: int, columns: Columns | None = None) -> npt.NDArray[Any]:
    """Points [P, 3] of an array [P, 3 or more], or of one [P] with fields x, y and z; in the array's own type.

    The header is checked first: NumPy would allocate what it claims.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.
        columns: what they hold, None for x, y, z first.

    Raises:
        InputError: no such array, or damaged.
    """
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files written by Python 2 draw a warning and are read all the same
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read_header(file)
    except Exception as error:  # NumPy lets through whatever its parser of Python literals raises
        raise InputError(f"expected an .npy header: {error}") from error
    names = dtype.names or ()
    if names:
        if len(shape) != 1 or not {"x", "y", "z"} <= set(names) or any(dtype[axis].kind not in "fiu" for axis in "xyz"):
            raise InputError(
                f"expected fields x, y and z of real numbers in an array [points], got {', '.join(names)[:80]} "
                f"of shape {list(shape)}"
            )
    elif dtype.kind not in "fiu":
        raise InputError(f"expected an array of real numbers, got elements of type {dtype}")
    elif len(shape) != 2 or shape[-1] < 3:
        raise InputError(f"expected an array [points, 3 or more], got shape {list(shape)}{_next_step(shape)}")
    elif shape[0] in _TRANSPOSED_ROWS and shape[-1] > 2 * shape[0]:
        raise InputError(f"expected an array [points, 3 or more], got shape {list(shape)}; transpose it: points.T")
    if dtype.hasobject:
        raise InputError(f"expected an array of real numbers, got elements of type {dtype}")
    if not 0 < shape[0] <= max_count:
        raise InputError(f"expected 1 to {max_count} points, got {shape[0]}")
    places = (0, 1, 2) if columns is None or names else columns.places
    if not names and columns is not None and len(columns.names) != shape[-1]:
        raise InputError(f"expected {len(columns.names)} columns, as named, got shape {list(shape)}")
    expected = dtype.itemsize * int(np.prod([int(n) for n in shape], dtype=object))
    if len(data) - file.tell() != expected:
        raise InputError(f"expected {expected} bytes of array for shape {list(shape)}, got {len(data) - file.tell()}")
    array = np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")
    if names:
        return np.stack([array[axis] for axis in "xyz"], 1)
    return array[:, list(places)]


def _next_step(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[-1] >= 3:
        return "; an organised cloud is points.reshape(-1, 3), a stack of clouds is saved one by one"
    return ""
