"""PLY: the format of scanners and of the Stanford models, text and binary, points or mesh.

Source: G. Turk, The PLY Polygon File Format (1994), http://paulbourke.net/dataformats/ply/.

A text body is turned into float64 numbers first, and read as if it were a binary body of doubles: one way through.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.mesh import Mesh
from isthmus.data.pointcloud.polygons import MAX_CORNERS, mesh_or_points
from isthmus.data.text import plain_text

MAX_HEADER_BYTES = 2**16
MAX_PROPERTIES = 1000

_CORNER_LISTS = ("vertex_indices", "vertex_index")  # both are in use

# Name in the header to letter of `struct`, which NumPy knows as well.
_KINDS = {
    **dict.fromkeys(("char", "int8"), "b"),
    **dict.fromkeys(("uchar", "uint8"), "B"),
    **dict.fromkeys(("short", "int16"), "h"),
    **dict.fromkeys(("ushort", "uint16"), "H"),
    **dict.fromkeys(("int", "int32"), "i"),
    **dict.fromkeys(("uint", "uint32"), "I"),
    **dict.fromkeys(("float", "float32"), "f"),
    **dict.fromkeys(("double", "float64"), "d"),
}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


Column = npt.NDArray[Any] | list[Any]


@dataclass(frozen=True, slots=True)
class Property:
    """A number of every row, or a list of them where `length_kind` is not empty."""

    name: str
    kind: str
    length_kind: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    name: str
    rows: int
    properties: list[Property] = field(default_factory=list)


def parse_ply(data: bytes, max_count: int) -> Mesh | npt.NDArray[np.float64]:
    """A mesh, or the vertices [V, 3] where no face has three corners.

    Args:
        data: the whole file.
        max_count: the most rows of any element, and the most triangles, that are accepted.

    Raises:
        InputError: not PLY, or damaged; the message says where.
    """
    data = plain_text(data)
    order, elements, at = _header(data, max_count)
    is_text = not order
    if is_text:
        _check_lines(data[at:], elements)
        order, elements, data, at = "<", [_as_doubles(element) for element in elements], _text_as_doubles(data[at:]), 0
    vertices = np.empty((0, 3))
    faces: npt.NDArray[np.int64] | list[list[int]] = []
    for element in elements:
        if not element.rows or not element.properties:
            continue
        columns, at = _read(element, data, at, order)
        if element.name == "vertex":
            names = [p.name if not p.length_kind else "" for p in element.properties]
            if not {"x", "y", "z"} <= set(names):
                raise InputError(f"expected vertices with x, y and z, got {', '.join(names)[:80]}")
            vertices = np.array([columns[names.index(axis)] for axis in "xyz"], np.float64).T
        elif element.name == "face":
            listed = [k for k, p in enumerate(element.properties) if p.length_kind and p.name in _CORNER_LISTS]
            if not listed:
                raise InputError("expected faces with a list vertex_indices, got none")
            faces = _whole_numbers(columns[listed[0]])
    if is_text and at != len(data):
        raise InputError(f"expected numbers for each property of the PLY header, got {(len(data) - at) // 8} more")
    if not len(vertices):
        raise InputError("expected vertices, got a PLY without them")
    if isinstance(faces, np.ndarray):
        return Mesh(vertices, faces)
    return mesh_or_points(vertices, faces, max_count)


def _header(data: bytes, max_count: int) -> tuple[str, list[Element], int]:
    """Byte order ("" for text), the elements, and where the body starts."""
    end = re.search(rb"\nend_header[ \t]*\r?\n", data[:MAX_HEADER_BYTES])
    lines = data[: end.start()].decode("latin-1").splitlines() if end else []
    if end is None or lines[0].split() != ["ply"]:
        raise InputError(f"expected a PLY header (ply ... end_header) in the first {MAX_HEADER_BYTES} bytes")
    order: str | None = None
    elements: list[Element] = []
    for line in lines[1:]:
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", kind, "1.0"] if kind in _ORDERS and order is None:
                order = _ORDERS[kind]
            case ["element", name, count] if name not in [e.name for e in elements]:
                if not re.fullmatch("[0-9]{1,18}", count) or int(count) > max_count:
                    raise InputError(f"expected up to {max_count} rows of PLY element {name[:20]}, got {count[:40]!r}")
                elements.append(Element(name, int(count)))
            case ["property", kind, name] if kind in _KINDS and elements:
                elements[-1].properties.append(Property(name, _KINDS[kind]))
            case ["property", "list", length, kind, name] if {length, kind} <= set(_KINDS) and elements:
                elements[-1].properties.append(Property(name, _KINDS[kind], _KINDS[length]))
            case _:
                raise InputError(f"expected format, element or property in the PLY header, got {line[:60]!r}")
        if elements and len(elements[-1].properties) > MAX_PROPERTIES:
            raise InputError(f"expected at most {MAX_PROPERTIES} properties of a PLY element, got more")
    if order is None:
        raise InputError("expected a format line in the PLY header, got none")
    return order, elements, end.end()


def _text_as_doubles(body: bytes) -> bytes:
    try:
        return np.array(body.split(), np.float64).astype("<f8").tobytes()
    except ValueError as error:
        raise InputError(f"expected numbers after the PLY header: {error}") from error


def _check_lines(body: bytes, elements: list[Element]) -> None:
    """InputError where a row is a line, as it nearly always is, and one has not as many numbers as the header says."""
    lines = [line for line in body.splitlines() if line and not line.isspace()]
    if len(lines) != sum(element.rows for element in elements):
        return
    start = 0
    for element in elements:
        if not any(p.length_kind for p in element.properties):
            expected = len(element.properties)
            for number, line in enumerate(lines[start : start + element.rows]):
                if len(line.split()) != expected:
                    raise InputError(
                        f"expected {expected} numbers in row {number} of PLY element {element.name[:20]}, one for each "
                        f"property of the header, got {line[:60].decode('latin-1')!r}"
                    )
        start += element.rows


def _as_doubles(element: Element) -> Element:
    doubles = [replace(p, kind="d", length_kind=p.length_kind and "d") for p in element.properties]
    return replace(element, properties=doubles)


def _read(element: Element, data: bytes, at: int, order: str) -> tuple[list[Column], int]:
    """One column a property, and the byte after them. A column has a number, or a list of them, for each row."""
    first, _ = _read_row(element, data, at, order, 0)
    lengths = [len(value) if isinstance(value, tuple) else -1 for value in first]
    # Nearly always all rows are made as the first one is (no lists, or only triangles): one table, read at once.
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    for k, (p, length) in enumerate(zip(element.properties, lengths, strict=True)):
        fields += (
            [(f"{k}", order + p.kind)]
            if length < 0
            else [(f"length{k}", order + p.length_kind), (f"{k}", order + p.kind, (length,))]
        )
    row = np.dtype(fields)
    if len(data) - at >= element.rows * row.itemsize:
        table = np.frombuffer(data, row, element.rows, at)
        if all((table[f"length{k}"] == length).all() for k, length in enumerate(lengths) if length >= 0):
            return [table[f"{k}"] for k in range(len(lengths))], at + element.rows * row.itemsize
    columns: list[list[Any]] = [[] for _ in lengths]
    for number in range(element.rows):
        values, at = _read_row(element, data, at, order, number)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return list(columns), at


def _read_row(element: Element, data: bytes, at: int, order: str, number: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    try:
        for p in element.properties:
            length = 1
            if p.length_kind:
                (length,) = struct.unpack_from(order + p.length_kind, data, at)
                at += struct.calcsize(order + p.length_kind)
                if not 0 <= length <= MAX_CORNERS or length != int(length):
                    raise InputError(
                        f"expected 0 to {MAX_CORNERS} values in a list, got {length} in row {number} of PLY element "
                        f"{element.name[:20]}"
                    )
            code = f"{order}{int(length)}{p.kind}"
            found = struct.unpack_from(code, data, at)
            at += struct.calcsize(code)
            values.append(found if p.length_kind else found[0])
    except struct.error as error:
        raise InputError(
            f"expected {element.rows} rows of PLY element {element.name[:20]}, got an end in row {number}"
        ) from error
    return values, at


def _whole_numbers(rows: Column) -> npt.NDArray[np.int64] | list[list[int]]:
    """Faces as triangles [T, 3] where all are, otherwise as lists of corners."""
    if isinstance(rows, np.ndarray) and rows.shape[1] == 3 and rows.dtype.kind in "iu":
        return rows.astype(np.int64)
    try:
        faces = [[int(value) for value in row] for row in rows]
    except (ValueError, OverflowError) as error:  # NaN or infinity in a text
        raise InputError(f"expected vertex indices in PLY faces: {error}") from error
    if any(abs(value) >= 2**62 for face in faces for value in face):
        raise InputError("expected vertex indices in PLY faces, got a number past 64 bits")
    return faces
