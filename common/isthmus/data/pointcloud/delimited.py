"""Rows of numbers in text (XYZ, CSV): what is between them, which comma is a decimal one, and which columns are x y z.

Theory of operation. A file is held to one separator: semicolon, tab, comma or blanks, the first of these in which every
row of a sample has numbers where x, y and z should be. In a file whose separator is no comma, commas are decimal. Then
a heading is asked which columns those are. What fits two ways is refused, with what to say instead.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.columns import Columns
from isthmus.data.pointcloud.headings import XYZ, columns_named
from isthmus.data.text import plain_text

SAMPLE_ROWS = 1000  # from which the layout is told; every row is then held to it
LEAST_TELLING_ROWS = 8  # fewer are alike by chance

_SEPARATORS = (";", "\t", ",", None)  # None: blanks
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,?[0-9]+(?:[eE][+-]?[0-9]+)?")

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are written.

    Attributes:
        separator: between columns, None for blanks.
        places: of x, y and z.
        has_decimal_comma: whether `1,5` is one and a half.
    """

    separator: str | None
    places: tuple[int, int, int]
    has_decimal_comma: bool

    def words(self, line: str) -> list[str]:
        """x, y and z as they stand there. ValueError where the row is too short."""
        found = split(line, self.separator)
        if len(found) <= max(self.places):
            raise ValueError(f"a row of {len(found)} columns: {line[:60]!r}")
        return [found[place] for place in self.places]

    def numbers(self, lines: Sequence[str]) -> Float64:
        """Points [P, 3]. ValueError where there are none."""
        words = [word for line in lines for word in self.words(line)]
        if self.has_decimal_comma:
            commas = [word for word in words if "," in word]
            if any(not _DECIMAL_COMMA.fullmatch(word) for word in commas):
                raise ValueError(f"more in {next(w for w in commas if not _DECIMAL_COMMA.fullmatch(w))!r} than a comma")
            if commas and (point := next((word for word in words if "." in word), "")):
                raise ValueError(f"decimal commas in some numbers ({commas[0]!r}) and points in others ({point!r})")
            words = [word.replace(",", ".") for word in words]
        return np.array([float(word) for word in words], np.float64).reshape(-1, 3)


def split(line: str, separator: str | None) -> list[str]:
    """The columns of a row, without quotes and the blanks around them. ValueError where quotes do not match."""
    if '"' not in line or separator is None:
        return [word.strip(' \t"') for word in line.split(separator)]
    try:
        return [word.strip() for word in next(csv.reader([line], delimiter=separator, strict=True))]
    except csv.Error as error:
        raise ValueError(f"{error}: {line[:60]!r}") from error


def parse_xyz(data: bytes, max_count: int, columns: Columns | None = None) -> Float64:
    """Points [P, 3] of rows apart by blanks, tabs, commas or semicolons; `#` and `//` start comments.

    One heading may come first: names of columns, also behind a comment sign; the number of points; or a title.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.
        columns: what they hold, None to go by the heading, or take the first three.

    Raises:
        InputError: no such rows, or ones that can be understood in two ways; the message says where.
    """
    comment, lines = _lines(plain_text(data))
    if not lines:
        raise InputError("expected rows of x y z, got no row of three numbers")
    heading = lines[0] if _is_heading(lines[0]) else ""
    rows = lines[1:] if heading else lines
    if re.fullmatch(r"[0-9]{1,18}", heading):
        if int(heading) != len(rows):
            raise InputError(f"expected {heading} rows of x y z, as the first line says, got {len(rows)}")
        heading = ""
    if not rows:
        raise InputError("expected rows of x y z, got no row of three numbers")
    if len(rows) > max_count:
        raise InputError(f"expected 1 to {max_count} points, got {len(rows)}")
    layout = _layout(rows, heading, comment, columns, has_comma=b"," in data, has_quotes=b'"' in data)
    try:
        # NumPy's reader is many times faster, and takes neither decimal commas nor quotes.
        if layout.has_decimal_comma or b'"' in data:
            return layout.numbers(rows)
        return np.loadtxt(
            rows, dtype=np.float64, delimiter=layout.separator, usecols=layout.places, ndmin=2, comments=None
        )
    except ValueError as error:
        raise InputError(f"expected rows of x y z: {error}") from error


def _lines(data: bytes) -> tuple[str, list[str]]:
    """The last comment before the rows, and the rows."""
    if b"\0" in data:
        raise InputError("expected text in UTF-8, got a zero byte; save it as that")
    comment, lines = "", []
    for raw in data.decode("latin-1").replace("//", "#").splitlines():
        line, sign, said = raw.partition("#")
        if line := line.strip(" \r\n\f\v"):
            lines.append(line)
        elif sign and not lines:
            comment = said.strip()
    return comment, lines


def _layout(
    rows: Sequence[str], heading: str, comment: str, columns: Columns | None, *, has_comma: bool, has_quotes: bool
) -> Layout:
    sample = rows[:SAMPLE_ROWS]
    refused: InputError | None = None
    for separator in _SEPARATORS:
        if separator is not None and separator not in sample[0]:
            continue
        try:
            table = [split(line, separator) for line in sample]
            if columns is not None:
                places = columns.places
                if len(table[0]) < len(columns.names):
                    raise InputError(f"expected {len(columns.names)} columns, as named, got {len(table[0])}")
            else:
                places = columns_named(heading, comment, separator, table)
        except ValueError:
            continue
        except InputError as error:
            refused = refused or error
            continue
        layout = Layout(separator, places, has_comma and (separator != "," or has_quotes))
        if not _fits(sample, layout):
            continue
        if columns is None:
            _refuse_two_ways(sample, table, layout, has_names=places != XYZ or bool(heading))
        return layout
    if refused is not None:
        raise refused
    raise InputError(f"expected rows of x y z, apart by blanks, tabs, commas or semicolons, got {rows[0][:60]!r}")


def _is_heading(line: str) -> bool:
    """Whether there are no three numbers in a line, wherever in it."""
    for separator in _SEPARATORS:
        try:
            words = [word for word in split(line, separator) if word]
            if sum(_is_number(word.replace(",", ".")) for word in words) >= 3:
                return False
        except ValueError:
            continue
    return True


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _fits(lines: Sequence[str], layout: Layout) -> bool:
    try:
        layout.numbers(lines)
    except ValueError:
        return False
    return True


def _refuse_two_ways(sample: Sequence[str], table: Sequence[Sequence[str]], layout: Layout, *, has_names: bool) -> None:
    """InputError where other columns are as likely x y z."""
    width = len(table[0])
    if layout.separator == "," and not any("." in line for line in sample):
        _refuse_decimal_commas(sample, table, has_names=has_names)
    first = [row[0] for row in table]
    if len(table) < LEAST_TELLING_ROWS or has_names or width < 4:
        return
    if any(first == [str(k + start) for k in range(len(first))] for start in (0, 1)):
        raise InputError(
            "expected x y z, got a first column that counts the rows: it may be x or a number of each point; "
            f"say which with the columns {','.join(['x,y,z', *['_'] * (width - 3)])} or "
            f"{','.join(['_,x,y,z', *['_'] * (width - 4)])}"
        )


def _refuse_decimal_commas(sample: Sequence[str], table: Sequence[Sequence[str]], *, has_names: bool) -> None:
    """InputError where commas between whole numbers may as well be within numbers."""
    line = sample[0].rstrip(", ")
    is_two_ways = ", " in line and bool(re.search(r",[^ ]", line))  # 1,5, 2,5, 3,5
    if len(table[0]) == 6 and not has_names:
        behind = [word for row in table for word in row[1::2]]
        sizes = {len(word) for word in behind}
        is_two_ways |= any(len(word) > 1 and word.startswith("0") for word in behind)  # 1,05,2,05,3,05
        is_two_ways |= len(table) >= LEAST_TELLING_ROWS and len(sizes) == 1  # 1,500,2,500,3,500
    if is_two_ways:
        raise InputError(
            f"expected x y z, got a row {sample[0][:60]!r} whose commas may be decimal; separate columns by "
            "semicolons, or name them: x,y,z,_,_,_"
        )
