"""Arrays in the buffers of a glTF file. Source: Khronos, glTF 2.0, section 3.6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

Json = dict[str, Any]

MAX_ZERO_ROWS = 1_000_000  # of an array that only says which of its rows are not 0

TOP_LISTS = ("accessors", "buffers", "bufferViews", "meshes", "nodes", "scenes")

_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def whole(value: Any, what: str, most: int, least: int = 0) -> int:
    """A whole number of JSON within bounds, 3.0 among them. InputError where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InputError(f"glTF: expected {what} as a whole number from {least} to {most}, got {value!r:.60}")
    return value


def numbers(value: Any, what: str, count: int) -> list[float]:
    """So many numbers of JSON. InputError where they are not."""
    if not isinstance(value, list) or len(value) != count or not all(type(v) in (int, float) for v in value):
        raise InputError(f"glTF: expected {what} as {count} numbers, got {value!r:.60}")
    try:
        return [float(v) for v in value]
    except OverflowError as error:
        raise InputError(f"glTF: expected {what} as {count} numbers, got {value!r:.60}") from error


def entries(document: Json, name: str) -> list[Json]:
    """A list of objects of a document, or of one of its objects; empty where there is none."""
    found = document.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError(f"glTF: expected {name} as a list of objects, got {found!r:.60}")
    return found


def entry(document: Json, name: str, number: Any) -> Json:
    """One of the lists of a document that was checked (`TOP_LISTS`), by its number."""
    found: list[Json] = document.get(name, [])
    if not found:
        raise InputError(f"glTF: expected {name}, got none, and number {number!r:.20} of them")
    return found[whole(number, f"an index into {name}", len(found) - 1)]


class Accessors:
    """The arrays of a document, read when they are asked for, and once."""

    def __init__(self, document: Json, buffers: Sequence[bytes], max_count: int) -> None:
        self._document = document
        self._buffers = buffers
        self._max_count = max_count
        self._read: dict[int, npt.NDArray[Any]] = {}
        self._copied = 0

    def read(self, number: Any, kinds: tuple[str, ...], what: str) -> npt.NDArray[Any]:
        """Array [count, width] of an accessor, normalised integers as float64; it may be a view of a buffer.

        Args:
            number: of the accessor.
            kinds: of which it may be: "VEC3".
            what: it is, for messages.

        Raises:
            InputError: none, of another kind, or beyond its buffer.
        """
        accessor = entry(self._document, "accessors", number)
        if accessor.get("type") not in kinds:
            raise InputError(f"glTF: expected {what} of {' or '.join(kinds)}, got {accessor.get('type')!r:.20}")
        key = int(number)
        if key not in self._read:
            self._read[key] = self._array(accessor, what)
        return self._read[key]

    def _array(self, accessor: Json, what: str) -> npt.NDArray[Any]:
        sparse = accessor.get("sparse")
        most = 3 * self._max_count if "bufferView" in accessor else MAX_ZERO_ROWS  # three indices a triangle
        count = whole(accessor.get("count"), f"the count of {what}", most, 1)
        width = _WIDTHS[accessor["type"]]
        kind = self._kind(accessor.get("componentType"), what)
        if "bufferView" in accessor:
            found = self._view(accessor["bufferView"], accessor.get("byteOffset", 0), kind, (count, width), what)
        elif isinstance(sparse, dict):
            found = np.zeros((count, width), kind)
        else:
            raise InputError(f"glTF: expected {what} in a buffer, got none; export it without compression")
        if isinstance(sparse, dict):
            found = self._replaced(found, sparse, kind, what)
        is_normalised = accessor.get("normalized") is True and kind.kind in "iu"
        if is_normalised or isinstance(sparse, dict):
            self._copied += found.size
            if self._copied > 6 * self._max_count:
                raise InputError(f"glTF: expected at most {6 * self._max_count} numbers in arrays of its own, got more")
        if is_normalised:
            return np.maximum(found.astype(np.float64) / np.iinfo(kind).max, -1.0)
        return found

    def _replaced(self, found: npt.NDArray[Any], sparse: Json, kind: np.dtype[Any], what: str) -> npt.NDArray[Any]:
        """The same but for some rows."""
        count = whole(sparse.get("count"), f"the count of replaced {what}", len(found), 1)
        places, values = sparse.get("indices"), sparse.get("values")
        if not isinstance(places, dict) or not isinstance(values, dict):
            raise InputError(f"glTF: expected indices and values of replaced {what}, got {sparse!r:.60}")
        at_kind = self._kind(places.get("componentType"), what)
        at = self._view(places.get("bufferView"), places.get("byteOffset", 0), at_kind, (count, 1), what)
        new = self._view(values.get("bufferView"), values.get("byteOffset", 0), kind, (count, found.shape[1]), what)
        if at_kind.kind != "u" or int(at.max()) >= len(found):
            raise InputError(f"glTF: expected places of replaced {what} below {len(found)}, got {at.max()}")
        found = found.copy()
        found[at[:, 0]] = new
        return found

    def _view(
        self, number: Any, offset: Any, kind: np.dtype[Any], shape: tuple[int, int], what: str
    ) -> npt.NDArray[Any]:
        view = entry(self._document, "bufferViews", number)
        if not self._buffers:
            raise InputError(f"glTF: expected a buffer with {what}, got none")
        buffer = self._buffers[whole(view.get("buffer"), "a buffer's number", len(self._buffers) - 1)]
        start = whole(view.get("byteOffset", 0), "a view's offset", len(buffer))
        size = whole(view.get("byteLength"), "a view's length", len(buffer) - start, 1)
        row = kind.itemsize * shape[1]
        stride = whole(view.get("byteStride", row), "a view's stride", 252 if "byteStride" in view else row, row)
        inside = whole(offset, f"the offset of {what}", size)
        if inside + (shape[0] - 1) * stride + row > size:
            raise InputError(f"glTF: expected {shape[0]} rows of {what} in {size} bytes, got fewer")
        return np.ndarray(shape, kind, buffer, start + inside, (stride, kind.itemsize))

    @staticmethod
    def _kind(number: Any, what: str) -> np.dtype[Any]:
        if not isinstance(number, int) or number not in _TYPES:
            raise InputError(f"glTF: expected {what} of a type of {', '.join(map(str, _TYPES))}, got {number!r:.20}")
        return np.dtype(_TYPES[number])
