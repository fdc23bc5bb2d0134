"""What `isthmus inspect` says of point clouds: a codec, its packets, and a file as a codec sees it."""

from __future__ import annotations

from pathlib import Path

from isthmus.command.classes import classes_said
from isthmus.command.pointcloud.picture import draw_point_cloud, reconstruct
from isthmus.common.bits.packet import Packet
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import PointCloud

MAX_CLASS_NAMES = 100
MAX_SYMBOLS = 16


def codec_rows(manifest: PointCloudManifest) -> list[tuple[str, str]]:
    """A codec's classes, points and prior."""
    prior, kept = manifest.prior, manifest.preprocessing
    benchmark = f", benchmark {kept.benchmark_points}" if kept.benchmark_points else ""
    counts = ", ".join(map(str, prior.value_counts[:MAX_SYMBOLS]))
    return [
        ("classes", classes_said(manifest.class_names, MAX_CLASS_NAMES)),
        ("points", f"{kept.min_points} to {kept.max_points}{benchmark}; {kept.up_axis} up"),
        ("symbols", f"{manifest.channels} of {counts} values"),
        ("parent of each symbol in the prior", ", ".join(map(str, prior.parent[:MAX_SYMBOLS]))),
    ]


def packet_rows(manifest: PointCloudManifest, packet: Packet) -> list[tuple[str, str]]:
    """The decoded symbols of a packet, a row for each point cloud. PacketError if no encoder writes it."""
    symbols = manifest.prior.decode(packet.sections[-1], packet.signal_count)
    packet.verify(symbols)
    estimates = manifest.prior.estimated_bits(symbols)
    return [
        ("symbols", f"{row.tolist()}  ({bits:.2f} bits)") for row, bits in zip(symbols.values, estimates, strict=True)
    ]


def point_cloud_rows(
    path: Path, folder: CodecFolder[PointCloudManifest], picture: Path | None
) -> list[tuple[str, str]]:
    """A file through a codec; `picture` is where it is drawn.

    Raises:
        InputError: the file is no point cloud, or not one for this codec.
    """
    from isthmus.data.pointcloud.files import read_point_cloud
    from isthmus.data.pointcloud.normalize import choose_points, normalize
    from isthmus.edge.pointcloud.encoder import THINNING_SEED, PointCloudEncoder
    from isthmus.models.pointcloud.critical import critical_points

    kept = folder.manifest.preprocessing
    thinned = choose_points(read_point_cloud(path).points, kept.benchmark_points or kept.max_points, THINNING_SEED)
    encoded = PointCloudEncoder(folder).encode(PointCloud(thinned))
    symbols, points = encoded.detail, normalize(thinned)
    critical = critical_points(folder.file("edge.onnx"), points)
    rows = [
        ("points", str(points.shape[1])),
        ("symbols", str(symbols.values[0].tolist())),
        ("estimated bits", f"{encoded.estimated_bits[0]:.2f}"),
        ("payload", f"{encoded.payload_bits} bits: {encoded.packet.sections[-1].hex() or '(empty)'}"),
        ("packet", f"{encoded.packet_bits} bits: {encoded.packet.to_bytes().hex()}"),
        ("critical points", f"{len(critical)}: they alone give the same bits"),
    ]
    if picture is not None:
        title = f"{path.name}, {folder.manifest.name}: a packet of {encoded.packet_bits} bits"
        draw_point_cloud(picture, points, critical, reconstruct(folder, symbols), title)
        rows.append(("picture", str(picture)))
    return rows
