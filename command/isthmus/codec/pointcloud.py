"""What can be said of point clouds: a codec, and its packets."""

from __future__ import annotations

from isthmus.codec.classes import MAX_CLASS_NAMES, classes_said
from isthmus.codec.inspector import Inspector, Rows, sections_in_hex
from isthmus.common.bits.packet import Packet
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.pointcloud.manifest import PointCloudManifest

MAX_SYMBOLS = 16


def codec_rows(folder: CodecFolder[PointCloudManifest]) -> Rows:
    """A codec's classes, points and prior."""
    manifest = folder.manifest
    prior, kept = manifest.prior, manifest.preprocessing
    benchmark = f", benchmark {kept.benchmark_points}" if kept.benchmark_points else ""
    counts = ", ".join(map(str, prior.value_counts[:MAX_SYMBOLS]))
    return [
        ("classes", classes_said(manifest.class_names, MAX_CLASS_NAMES)),
        ("points", f"{kept.min_points} to {kept.max_points}{benchmark}; {kept.up_axis} up"),
        ("symbols", f"{manifest.channels} of {counts} values"),
        ("parent of each symbol in the prior", ", ".join(map(str, prior.parent[:MAX_SYMBOLS]))),
    ]


def packet_rows(folder: CodecFolder[PointCloudManifest], packet: Packet) -> Rows:
    """The decoded symbols of a packet, a row for each point cloud. PacketError if no encoder writes it."""
    prior = folder.manifest.prior
    symbols = prior.decode(packet.sections[-1], packet.signal_count)
    packet.verify(symbols)
    estimates = prior.estimated_bits(symbols)
    return [
        ("symbols", f"{row.tolist()}  ({bits:.2f} bits)") for row, bits in zip(symbols.values, estimates, strict=True)
    ]


INSPECTOR = Inspector(
    lambda manifest: str(manifest.channels), codec_rows, packet_rows, "sections in hex", lambda _: sections_in_hex
)
