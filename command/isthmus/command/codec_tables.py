"""The codecs there are as a table, and one codec as a table of its fields."""

from __future__ import annotations

import math
from collections.abc import Iterable

from isthmus.codec.inspection import inspect_codec
from isthmus.codec.listing import codecs
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.zoo import ZooFolders, find_codec, find_zoos
from isthmus.measure.table import NarrowTable, Table

COLUMNS = ("codec", "symbols", "points", "validation bits", "validation top-1 %", "KiB", "identity")
LEAST = ("identity", "KiB", "symbols", "points")
"""Left out first on a narrow screen."""


def list_codecs(zoo: ZooFolders) -> NarrowTable:
    """A row for each codec of the zoos, of a name that several have the first one."""
    rows = tuple(
        (
            row.name,
            row.latents,
            str(row.points or "any") if row.signal == POINT_CLOUD.name else "",
            _number(row.validation_bits),
            _number(row.validation_top1_percent),
            f"{row.size_bytes / 1024:.0f}",
            row.identity[:12],
        )
        for row in codecs(zoo)
    )
    title = f"Codecs in {', '.join(map(str, find_zoos(zoo)))}"
    return Table(title, COLUMNS, rows, texts=("symbols", "identity"), least=LEAST).to_rich()


def show_codec(name: str, zoo: ZooFolders) -> NarrowTable:
    """What a codec is: its manifest in words, its files, how it was trained. Raises as `load_codec_folder`."""
    found = inspect_codec(load_codec_folder(find_codec(name, zoo)))
    return fields_table(f"Codec {found.name}", found.rows)


def fields_table(title: str, rows: Iterable[tuple[str, str]]) -> NarrowTable:
    """A table of fields and values, whose text is shown as it is."""
    return Table(title, ("field", "value"), tuple(rows), texts=("value",)).to_rich()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"
