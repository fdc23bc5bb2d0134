"""What `isthmus inspect` says of a file of a point cloud: as a codec sees it."""

from __future__ import annotations

from pathlib import Path

from isthmus.command.pointcloud.picture import draw_point_cloud, reconstruct
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import PointCloud


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
    cloud = read_point_cloud(path)
    thinned = choose_points(cloud.points, kept.benchmark_points or kept.max_points, THINNING_SEED)
    encoded = PointCloudEncoder(folder).encode(PointCloud(thinned))
    symbols, points = encoded.detail, normalize(thinned)
    critical = critical_points(folder.file("edge.onnx"), points)
    rows = [
        ("points", str(points.shape[1])),
        ("symbols", str(symbols.values[0].tolist())),
        ("estimated bits", f"{encoded.estimated_bits[0]:.2f}"),
        ("payload", f"{encoded.payload_bits} bits: {encoded.packet.sections[-1].hex() or '(empty)'}"),
        ("packet", f"{encoded.packet_bits} bits: {encoded.packet.to_bytes().hex()}"),
        *(("note", note) for note in cloud.notes),
        ("critical points", f"{len(critical)}: they alone give the same bits"),
    ]
    if picture is not None:
        title = f"{path.name}, {folder.manifest.name}: a packet of {encoded.packet_bits} bits"
        draw_point_cloud(picture, points, critical, reconstruct(folder, symbols), title)
        rows.append(("picture", str(picture)))
    return rows
