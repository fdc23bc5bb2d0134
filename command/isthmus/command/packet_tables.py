"""A packet as a table, and a stream file as a table of its packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from isthmus.command.codec_tables import fields_table
from isthmus.command.image import inspect as image
from isthmus.command.pointcloud import inspect as pointcloud
from isthmus.command.video import inspect as video
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.stream_file import StreamReader
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.limits import DEFAULT_LIMITS
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import ZooFolders, find_codec

MAX_ROWS = 40
MAX_HEX_BYTES = 64


def show_stream(path: Path, zoo: ZooFolders) -> Table:
    """A row for each of a stream file's first packets, and their sum. Raises as `StreamReader`."""
    if not path.is_file():
        raise InputError(f"{path}: expected a stream file, got a path where none is")
    limits = replace(IMAGE_LIMITS, max_signal_count=DEFAULT_LIMITS.max_signal_count)
    with path.open("rb") as file:
        reader = StreamReader(file, limits)
        header = reader.header
        heading, say = _words(_known_codec(header.codec_name, zoo))
        title = f"{path}: stream of {header.codec_name}, manifest {header.identity.hex()[:12]}"
        table = Table("packet", "type", "signals", "bytes", heading, title=escape(title), title_justify="left")
        count = size_bytes = 0
        for packet in reader:
            if count < MAX_ROWS:
                numbers = (str(packet.signal_count), str(packet.size_bytes))
                table.add_row(str(count), packet.type.name.lower(), *numbers, escape(say(packet)))
            count += 1
            size_bytes += packet.size_bytes
    table.add_row("all", "", "", str(size_bytes), f"{count} packets")
    return table


def show_packet(data: bytes, codec: str, zoo: ZooFolders) -> Table:
    """The fields of a packet; its symbols too where a codec is named.

    Raises:
        PacketError: the bytes are no packet, or not one that this codec's encoder writes.
        InputError: no such codec.
    """
    packet = Packet.from_bytes(data)
    rows = [("type", packet.type.name.lower()), ("signals", str(packet.signal_count))]
    rows += [(f"section {n}", f"{len(found)} bytes: {_hex(found)}") for n, found in enumerate(packet.sections)]
    rows.append(("symbol checksum", packet.checksum.hex() or "none"))
    if codec:
        rows += _symbol_rows(load_codec_folder(find_codec(codec, zoo), needed=()), packet)
    return fields_table(f"Packet of {len(data)} bytes", rows)


def _symbol_rows(folder: CodecFolder[Manifest], packet: Packet) -> list[tuple[str, str]]:
    manifest = folder.manifest
    if isinstance(manifest, PointCloudManifest):
        return pointcloud.packet_rows(manifest, packet)
    if isinstance(manifest, ImageManifest):
        return image.packet_rows(CodecFolder(manifest, folder.path), packet)
    return video.packet_rows(CodecFolder(manifest, folder.path), packet) if isinstance(manifest, VideoManifest) else []


def _words(folder: CodecFolder[Manifest] | None) -> tuple[str, Callable[[Packet], str]]:
    """The heading of a stream's last column, and what says it of each packet in turn."""
    manifest = None if folder is None else folder.manifest
    if isinstance(manifest, ImageManifest):
        return "image", image.packet_summary
    if folder is not None and isinstance(manifest, VideoManifest):
        return "frame", video.stream_summaries(CodecFolder(manifest, folder.path))
    return "sections in hex", lambda packet: " | ".join(map(_hex, packet.sections))


def _known_codec(name: str, zoo: ZooFolders) -> CodecFolder[Manifest] | None:
    """A stream's codec, its files not read; none where it is not at hand, and nobody knows."""
    try:
        return load_codec_folder(find_codec(name, zoo), needed=())
    except IsthmusError:
        return None


def _hex(section: bytes) -> str:
    """A section in hex, its beginning where it is long."""
    return section.hex() if len(section) <= MAX_HEX_BYTES else section[:MAX_HEX_BYTES].hex() + "…"
