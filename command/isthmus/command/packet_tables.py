"""A packet as a table, and a stream file as a table of its packets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isthmus.codec.inspection import any_limits, inspect_packet
from isthmus.codec.inspector import inspector_of, sections_in_hex
from isthmus.command.codec_tables import fields_table
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.stream_file import StreamReader
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.zoo import ZooFolders, find_codec
from isthmus.measure.table import NarrowTable, Table

MAX_ROWS = 40


def show_stream(path: Path, zoo: ZooFolders) -> NarrowTable:
    """A row for each of a stream file's first packets, and their sum. Raises as `StreamReader`."""
    if not path.is_file():
        raise InputError(f"{path}: expected a stream file, got a path where none is")
    with path.open("rb") as file:
        reader = StreamReader(file, any_limits())
        header = reader.header
        heading, say = _words(_known_codec(header.codec_name, zoo))
        title = f"{path}: stream of {header.codec_name}, manifest {header.identity.hex()[:12]}"
        rows: list[tuple[str, ...]] = []
        count = size_bytes = 0
        for packet in reader:
            if count < MAX_ROWS:
                numbers = (str(packet.signal_count), str(packet.size_bytes))
                rows.append((str(count), packet.type.name.lower(), *numbers, say(packet)))
            count += 1
            size_bytes += packet.size_bytes
    rows.append(("all", "", "", str(size_bytes), f"{count} packets"))
    columns = ("packet", "type", "signals", "bytes", heading)
    return Table(title, columns, tuple(rows), texts=("type", heading), least=("signals", "type")).to_rich()


def show_packet(data: bytes, codec: str, zoo: ZooFolders) -> NarrowTable:
    """The fields of a packet; its symbols too where a codec is named.

    Raises:
        PacketError: the bytes are no packet, or not one that this codec's encoder writes.
        InputError: no such codec.
    """
    packet = Packet.from_bytes(data)
    folder = load_codec_folder(find_codec(codec, zoo), needed=()) if codec else None
    return fields_table(f"Packet of {len(data)} bytes", inspect_packet(packet, folder).rows)


def _words(folder: CodecFolder[Manifest] | None) -> tuple[str, Callable[[Packet], str]]:
    """The heading of a stream's last column, and what says it of each packet in turn."""
    if folder is None:
        return "sections in hex", sections_in_hex
    inspector = inspector_of(folder.manifest)
    return inspector.heading, inspector.summaries(folder)


def _known_codec(name: str, zoo: ZooFolders) -> CodecFolder[Manifest] | None:
    """A stream's codec, its files not read; none where it is not at hand, and nobody knows."""
    try:
        return load_codec_folder(find_codec(name, zoo), needed=())
    except IsthmusError:
        return None
