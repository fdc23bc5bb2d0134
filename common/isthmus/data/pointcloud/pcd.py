"""PCD, the format of the Point Cloud Library: text, binary and compressed, fields of any order, size and count.

Source: https://pointclouds.org/documentation/tutorials/pcd_file_format.html; what is packed in a compressed body, and
how padding is left out of it, as PCL's own reader and writer do. Read here and not by Open3D, whose reader takes
fields of eight bytes for zeros.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.returns import without_zeros
from isthmus.data.text import plain_text

MAX_HEADER_BYTES = 2**16
MAX_ROW_VALUES = 1000  # numbers of a point
MAX_UNPACKED_BYTES = 256 * 2**20  # as much as a file that is not packed may have
PADDING = "_"

_KEYS = ("VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "POINTS")
_SIZES_BYTES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a point: `count` numbers of `kind` ("f4"), from value `value_at` and byte `byte_at` of its row."""

    name: str
    kind: str
    count: int
    value_at: int
    byte_at: int

    @property
    def size_bytes(self) -> int:
        return int(self.kind[1:]) * self.count


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says; `width` and `height` multiply to the points."""

    fields: tuple[Field, ...]
    width: int
    height: int

    @property
    def points(self) -> int:
        return self.width * self.height

    @property
    def row_bytes(self) -> int:
        return sum(f.size_bytes for f in self.fields)

    @property
    def row_values(self) -> int:
        return sum(f.count for f in self.fields)

    def axes(self) -> list[Field]:
        """The fields x, y and z."""
        return [f for axis in "xyz" for f in self.fields if f.name == axis]


def parse_pcd(data: bytes, max_count: int) -> npt.NDArray[Any]:
    """Points [P, 3] in file order: float32 where x, y and z are that, float64 otherwise.

    A beam that did not return is NaN, as the format has it. Many sensors write 0 0 0 instead: in an organised cloud
    (HEIGHT above 1), where every beam has its place, such points come out NaN as well if there are several.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.

    Raises:
        InputError: not PCD, or damaged; the message says where.
    """
    data = plain_text(data)
    end = re.search(rb"(?:^|\n)DATA[ \t]+(\w+)[ \t]*\r?\n", data[:MAX_HEADER_BYTES])
    if end is None:
        raise InputError(f"expected a PCD header (... DATA kind) in the first {MAX_HEADER_BYTES} bytes")
    header = _header(data[: end.start()].decode("latin-1"), max_count)
    kind, body = end.group(1).decode(), data[end.end() :]
    if kind == "ascii":
        points = _from_text(body, header)
    elif kind == "binary":
        points = _from_rows(body, header)
    elif kind == "binary_compressed":
        points = _from_packed(body, header)
    else:
        raise InputError(f"expected PCD data ascii, binary or binary_compressed, got {kind[:20]!r}")
    return without_zeros(points) if header.height > 1 else points


def _header(text: str, max_count: int) -> Header:
    found = {words[0]: words[1:] for line in text.splitlines() if (words := line.split())}
    if "COLUMNS" in found:  # as the first files had it
        found.setdefault("FIELDS", found["COLUMNS"])
    found.setdefault("COUNT", ["1"] * len(found.get("FIELDS", ())))
    missing = [key for key in _KEYS if key not in found]
    names, types = found.get("FIELDS", []), found.get("TYPE", [])
    sizes = [_count(word, "PCD SIZE", 8) for word in found.get("SIZE", ())]
    counts = [_count(word, "PCD COUNT", MAX_ROW_VALUES) for word in found["COUNT"]]
    if missing or not 3 <= len(names) == len(sizes) == len(types) == len(counts) <= MAX_ROW_VALUES:
        raise InputError(f"expected a PCD header with {' '.join(_KEYS)}, and one SIZE, TYPE and COUNT a field")
    fields: list[Field] = []
    value_at = byte_at = 0
    for name, letter, size, count in zip(names, types, sizes, counts, strict=True):
        if size not in _SIZES_BYTES.get(letter, ()) or not count:
            raise InputError(
                f"expected PCD fields of types F, I or U, of 1, 2, 4 or 8 bytes (F: 4 or 8) and a COUNT of 1 or more, "
                f"got {name[:20]} of type {letter[:20]}, {size} bytes, COUNT {count}"
            )
        fields.append(Field(name, f"{letter.lower()}{size}", count, value_at, byte_at))
        value_at += count
        byte_at += fields[-1].size_bytes
    if [names.count(axis) for axis in "xyz"] != [1, 1, 1] or any(f.count > 1 for f in fields if f.name in "xyz"):
        raise InputError(f"expected PCD fields x y z, each once and of COUNT 1, got {' '.join(names)[:80]}")
    if value_at > MAX_ROW_VALUES:
        raise InputError(f"expected at most {MAX_ROW_VALUES} numbers in a PCD point, got {value_at}")
    width, height, points = (
        _count(" ".join(found[key]), f"PCD {key}", max_count) for key in ("WIDTH", "HEIGHT", "POINTS")
    )
    if points != width * height or not points:
        raise InputError(f"expected WIDTH x HEIGHT = POINTS in the PCD header, got {width} x {height}, {points}")
    return Header(tuple(fields), width, height)


def _from_text(body: bytes, header: Header) -> npt.NDArray[Any]:
    """A line a point, all its numbers on it."""
    lines = [line for line in body.decode("latin-1").splitlines() if line and not line.isspace()]
    if len(lines) != header.points:
        raise InputError(f"expected {header.points} lines of PCD points, got {len(lines)}")
    values = header.row_values
    try:
        rows = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise InputError(f"expected {values} numbers a line of PCD points: {error}") from error
    if rows.shape[1] != values:
        raise InputError(f"expected {values} numbers a line of PCD points, as the header says, got {rows.shape[1]}")
    return rows[:, [f.value_at for f in header.axes()]]


def _from_rows(body: bytes, header: Header) -> npt.NDArray[Any]:
    """Rows of bytes, one a point."""
    size = header.points * header.row_bytes
    _check_length(body, size, "bytes")
    axes = header.axes()
    row = np.dtype(
        {
            "names": [f.name for f in axes],
            "formats": [f"<{f.kind}" for f in axes],
            "offsets": [f.byte_at for f in axes],
            "itemsize": header.row_bytes,
        }
    )
    table = np.frombuffer(body, row, header.points)
    return _stacked([table[f.name] for f in axes])


def _from_packed(body: bytes, header: Header) -> npt.NDArray[Any]:
    """All of the first field, then all of the second, and so on, packed by LZF."""
    if len(body) < 8:
        raise InputError(f"expected two sizes before the packed PCD points, got {len(body)} bytes")
    packed_size, claimed = struct.unpack_from("<II", body)
    # PCL leaves padding out of the packed bytes, others do not; the size says which.
    kept = [f for f in header.fields if f.name != PADDING]
    if claimed == header.points * header.row_bytes:
        kept = list(header.fields)
    elif claimed != header.points * sum(f.size_bytes for f in kept):
        raise InputError(
            f"expected {header.points * header.row_bytes} bytes of PCD points unpacked, got a claim of {claimed}"
        )
    if claimed > MAX_UNPACKED_BYTES:
        raise InputError(f"expected PCD points of at most {MAX_UNPACKED_BYTES} bytes unpacked, got {claimed}")
    _check_length(body[8:], packed_size, "packed bytes")
    unpacked = unpack_lzf(body[8 : 8 + packed_size], claimed)
    starts, at = {}, 0
    for f in kept:
        starts[f.name] = at
        at += header.points * f.size_bytes
    axes = header.axes()
    return _stacked([np.frombuffer(unpacked, f"<{f.kind}", header.points, starts[f.name]) for f in axes])


def unpack_lzf(packed: bytes, size: int) -> bytes:
    """`size` bytes out of a block of LibLZF's format.

    Raises:
        InputError: the block is damaged, or holds another number of bytes.
    """
    out = bytearray()
    at = 0
    try:
        while at < len(packed) and len(out) <= size:
            control = packed[at]
            at += 1
            if control < 32:  # so many bytes as they are, and one
                out += packed[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5  # bytes that have come before
            if length == 7:
                length += packed[at]
                at += 1
            length += 2
            start = len(out) - ((control & 31) << 8) - packed[at] - 1
            at += 1
            if start < 0:
                raise InputError("expected packed PCD points, got a reference to before their start")
            piece = out[start : start + length]
            if len(piece) < length:  # it reaches into what it writes: a pattern, repeated
                piece = (piece * (length // len(piece) + 1))[:length]
            out += piece
    except IndexError as error:
        raise InputError("expected packed PCD points, got an end in the middle of them") from error
    if len(out) != size or at != len(packed):
        raise InputError(f"expected {size} bytes of PCD points unpacked, got {len(out)} or more")
    return bytes(out)


def _stacked(columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    kind = np.float32 if all(column.dtype == np.dtype("<f4") for column in columns) else np.float64
    return np.stack(columns, 1).astype(kind, copy=False)


def _check_length(body: bytes, expected: int, unit: str) -> None:
    """Writers that round a file up to a page leave zeros behind it; anything else there is not what the header says."""
    if len(body) < expected or body[expected:].strip(b"\0\r\n "):
        raise InputError(f"expected {expected} {unit} of PCD points, as the header says, got {len(body)}")


def _count(word: str, what: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", word) or int(word) > most:
        raise InputError(f"expected {what} as a whole number up to {most}, got {word[:40]!r}")
    return int(word)
