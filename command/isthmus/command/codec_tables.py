"""The codecs there are as a table, and one codec as a table of its fields."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from isthmus.command.image import inspect as image
from isthmus.command.pointcloud import inspect as pointcloud
from isthmus.command.video import inspect as video
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import ZooFolders, codec_folders, find_codec, find_zoos

COLUMNS = ("codec", "symbols", "points", "validation bits", "validation top-1 %", "KiB", "identity")


def list_codecs(zoo: ZooFolders) -> Table:
    """A row for each codec of the zoos, of a name that several have the first one."""
    zoos = find_zoos(zoo)
    table = _table(f"Codecs in {', '.join(map(str, zoos))}", *COLUMNS)
    for path in codec_folders(zoos):
        manifest = load_codec_folder(path, needed=()).manifest
        seen = _training(path).get("validation", {})
        symbols = points = ""
        if isinstance(manifest, PointCloudManifest):
            symbols, points = str(manifest.channels), str(manifest.preprocessing.benchmark_points or "any")
        elif isinstance(manifest, ImageManifest | VideoManifest):
            symbols = f"{manifest.latent_channels} / {manifest.stride}²"
        size = sum(f.stat().st_size for f in path.iterdir())
        table.add_row(
            path.name,
            symbols,
            points,
            _number(seen.get("bits")),
            _number(seen.get("top1_percent")),
            f"{size / 1024:.0f}",
            manifest.identity.hex()[:12],
        )
    return table


def show_codec(name: str, zoo: ZooFolders) -> Table:
    """What a codec is: its manifest in words, its files, how it was trained. Raises as `load_codec_folder`."""
    folder = load_codec_folder(find_codec(name, zoo))
    manifest = folder.manifest
    rows = [
        ("identity (SHA-256 of the manifest)", manifest.identity.hex()),
        ("bitstream version", str(manifest.bitstream_version)),
        ("signal, tasks", f"{manifest.signal}; {', '.join(manifest.tasks)}"),
        *_signal_rows(folder),
    ]
    for file, digest in manifest.weights:
        rows.append((file, f"{(folder.path / file).stat().st_size} bytes, SHA-256 {digest}"))
    rows += [(f"training: {key}", str(value)) for key, value in sorted(_training(folder.path).items())]
    return fields_table(f"Codec {manifest.name}", rows)


def fields_table(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """A table of fields and values, whose text is shown as it is."""
    table = _table(title, "field", "value")
    for field, value in rows:
        table.add_row(escape(field), escape(value))
    return table


def _signal_rows(folder: CodecFolder[Manifest]) -> list[tuple[str, str]]:
    manifest = folder.manifest
    if isinstance(manifest, PointCloudManifest):
        return pointcloud.codec_rows(manifest)
    if isinstance(manifest, ImageManifest):
        return image.codec_rows(manifest)
    return video.codec_rows(CodecFolder(manifest, folder.path)) if isinstance(manifest, VideoManifest) else []


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=escape(title), title_justify="left")


def _training(folder: Path) -> dict[str, Any]:
    """What the folder says of its training; nothing where it says nothing."""
    path = folder / "training.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
