"""Lidar sweeps without a header: rows of numbers as the sensor's software dumped them (`.bin`).

Theory of operation. KITTI's are little-endian float32, four a point: x y z intensity. Others of the same name are rows
of three or of five (nuScenes's: and the ring), of float64, or big-endian. Nothing in the file says so, so it is told
from the numbers:

- Of which type they are: bytes taken for numbers they are not become very small or very large ones. Little-endian
  float32 is taken wherever it fits.
- How many a row has: in rows of the right length each column keeps to itself (heights to heights, intensities to
  intensities), so columns spread less than in rows of a wrong length, which mix them all. Where that says too little,
  an intensity is not negative, and a ring is a small whole number.

What fits two ways is refused, with what to say instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.columns import Columns

SAMPLE_VALUES = 60 * 5000  # from the start of a file; a whole number of rows of any length looked for
LEAST_TELLING_ROWS = 32  # fewer are alike by chance

_SMALLEST, _LARGEST = 1e-6, 1e8  # metres, millimetres, map coordinates
_MOST_FIT = 0.98  # of numbers that must lie between, or be 0 or NaN
_MAX_INTENSITY, _MAX_RING = 65_535, 255
_CLEARLY_LESS = 0.1  # spread, in natural logarithms a column
_KINDS = ("<f4", ">f4", "<f8", ">f8")
_LENGTHS = (3, 4, 5, 6)

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one length and type."""

    columns: int
    kind: str

    def __str__(self) -> str:
        names = ["x", "y", "z", "intensity", "ring", "_"][: self.columns]
        return ",".join(f"{name}:{self.kind}" if self.kind != "<f4" else name for name in names)


KITTI = Rows(4, "<f4")
NUSCENES = Rows(5, "<f4")


def parse_sweep(
    data: bytes, max_count: int, named: Rows, columns: Columns | None = None
) -> tuple[Values, tuple[str, ...]]:
    """Points [P, 3], and a note where they are no rows of the kind that was named.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.
        named: the rows that the file's name promises.
        columns: what they hold, None to go by the name and the numbers.

    Raises:
        InputError: no whole rows, numbers that are no coordinates, or more than one way to read them.
    """
    if columns is not None:
        row = np.dtype([(f"{k}", kind or "<f4") for k, kind in enumerate(columns.kinds)])
        _check_rows(data, row.itemsize, f"{len(columns.names)} columns, as named,", max_count)
        table = np.frombuffer(data, row)
        return np.stack([table[f"{place}"] for place in columns.places], 1), ()
    rows = _told(data, named)
    _check_rows(data, rows.columns * int(rows.kind[2:]), f"{rows.columns} float32", max_count)
    notes = () if rows == named else (f"read as rows of {rows}, as its numbers are; --columns names others",)
    return np.frombuffer(data, rows.kind).reshape(-1, rows.columns)[:, :3], notes


def _check_rows(data: bytes, row_bytes: int, of_what: str, max_count: int) -> None:
    if len(data) % row_bytes:
        raise InputError(f"expected rows of {of_what} ({row_bytes} bytes), got {len(data)} bytes")
    if not 0 < len(data) // row_bytes <= max_count:
        raise InputError(f"expected 1 to {max_count} points, got {len(data) // row_bytes}")


def _told(data: bytes, named: Rows) -> Rows:
    """The rows that the numbers are; those that were named where there are too few to tell."""
    if len(data) < 4 * named.columns * LEAST_TELLING_ROWS:
        return named
    for kind in _KINDS:
        size = int(kind[2:])
        if len(data) % size or not _is_of(data, kind):
            continue
        whole = [Rows(k, kind) for k in _LENGTHS if not len(data) // size % k]
        if whole:
            with np.errstate(invalid="ignore"):
                values = np.frombuffer(data, kind, min(SAMPLE_VALUES, len(data) // size)).astype(np.float64)
            return _clearest(np.where(np.isfinite(values), values, 0.0), whole)
    raise InputError(
        f"expected rows of {named.columns} float32 ({4 * named.columns} bytes), got {len(data)} bytes that no way of "
        "reading makes coordinates; say what they are with --columns, as in x,y,z,_,_,_,_ or x:>f4,y:>f4,z:>f4"
    )


def _is_of(data: bytes, kind: str) -> bool:
    """Whether numbers of this type are of a size that coordinates have."""
    size = int(kind[2:])
    values = np.frombuffer(data, kind, min(SAMPLE_VALUES, len(data) // size))
    with np.errstate(all="ignore"):
        amount = np.abs(values.astype(np.float64))
        if size == 4 and len(values) % 2 == 0 and _is_half_empty(amount):
            return False
    finite = np.isfinite(amount)
    fit = ~finite | (amount == 0) | ((amount >= _SMALLEST) & (amount <= _LARGEST))
    return bool(finite.mean() >= 0.5 and fit.mean() >= _MOST_FIT)


def _is_half_empty(amount: Values) -> bool:
    """Whether each second number is 0 and the rest is not: the low halves of round numbers in float64."""
    even, odd = amount[::2] != 0, amount[1::2] != 0
    return bool(even.any() != odd.any())


def _clearest(values: Values, whole: list[Rows]) -> Rows:
    """The rows whose columns spread least; among those that are nearly equal, the one that fits its names."""
    spread = {rows: _spread(values, rows.columns) for rows in whole}
    for rows in whole:  # rows of six are two of three each, unless that mixes something
        half = Rows(rows.columns // 2, rows.kind)
        if rows.columns == 6 and spread[rows] > spread[half] - _CLEARLY_LESS:
            del spread[rows]
    least = min(spread.values())
    near = [rows for rows in spread if spread[rows] < least + _CLEARLY_LESS]
    fitting = [rows for rows in near if _fits(values, rows)] if len(near) > 1 else near
    if len(fitting) != 1:
        ways = " or ".join(map(str, fitting or near))
        raise InputError(
            f"expected rows that can be told from their numbers, got some that may be {ways}; say which with --columns"
        )
    return fitting[0]


def _fits(values: Values, rows: Rows) -> bool:
    table = values[: len(values) // rows.columns * rows.columns].reshape(-1, rows.columns)
    is_intensity = rows.columns == 3 or (table[:, 3].min() >= 0 and table[:, 3].max() <= _MAX_INTENSITY)
    if rows.columns < 5:
        return bool(is_intensity)
    ring = table[:, 4]
    return bool(is_intensity and ring.min() >= 0 and ring.max() <= _MAX_RING and (ring == np.round(ring)).all())


def _spread(values: Values, columns: int) -> float:
    """The mean logarithm of the columns' spread: least where each holds one kind of number."""
    table = values[: len(values) // columns * columns].reshape(-1, columns)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that are no coordinates
        scale = max(float(values.std()), 1e-30)
        return float(np.log(table.std(0) / scale + 1e-6).mean())
