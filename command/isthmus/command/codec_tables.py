"""The codecs there are as a table, and one codec as a table of its fields."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from isthmus.codec.inspection import inspect_codec
from isthmus.codec.listing import codecs
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.zoo import ZooFolders, find_codec, find_zoos

COLUMNS = ("codec", "symbols", "points", "validation bits", "validation top-1 %", "KiB", "identity")


def list_codecs(zoo: ZooFolders) -> Table:
    """A row for each codec of the zoos, of a name that several have the first one."""
    table = _table(f"Codecs in {', '.join(map(str, find_zoos(zoo)))}", *COLUMNS)
    for row in codecs(zoo):
        table.add_row(
            row.name,
            row.latents,
            str(row.points or "any") if row.signal == POINT_CLOUD.name else "",
            _number(row.validation_bits),
            _number(row.validation_top1_percent),
            f"{row.size_bytes / 1024:.0f}",
            row.identity[:12],
        )
    return table


def show_codec(name: str, zoo: ZooFolders) -> Table:
    """What a codec is: its manifest in words, its files, how it was trained. Raises as `load_codec_folder`."""
    found = inspect_codec(load_codec_folder(find_codec(name, zoo)))
    return fields_table(f"Codec {found.name}", found.rows)


def fields_table(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """A table of fields and values, whose text is shown as it is."""
    table = _table(title, "field", "value")
    for field, value in rows:
        table.add_row(escape(field), escape(value))
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=escape(title), title_justify="left")


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"
