"""Point clouds as a signal of the house."""

from __future__ import annotations

from isthmus.common.codec import Allowance, Signal
from isthmus.common.limits import Limits, StreamLimits

POINT_CLOUD = Signal(
    name="point-cloud",
    noun="point cloud",
    plural="clouds of points",
    manifest="isthmus.common.pointcloud.manifest:PointCloudManifest",
    formats={
        ".off": "off",
        ".xyz": "xyz",
        ".txt": "xyz",
        ".csv": "xyz",
        ".npy": "npy",
        ".pcd.bin": "bin5",  # nuScenes's sweeps: five floats a point, the fifth the ring index
        ".bin": "bin",
        ".ply": "ply",
        ".pcd": "pcd",
        ".obj": "obj",
        ".stl": "stl",
        ".las": "las",
        ".laz": "las",
        ".e57": "e57",
        ".pcap": "pcap",
        ".pcapng": "pcap",
        ".glb": "gltf",
        ".gltf": "gltf",
        ".3mf": "3mf",
        ".dae": "dae",
    },
    vague_suffixes=(".txt", ".csv", ".bin"),
    default_codec="pc-lite-any-q10",
    # Small packets, many at once: they are classified together.
    allowance=Allowance(StreamLimits(Limits(1 << 16, max_signal_count=1024), 256, 4 << 20), max_batch_frame_count=128),
    encoder="isthmus.edge.pointcloud.coding:open_encoder",
    read="isthmus.edge.pointcloud.coding:read",
    cloud_half="isthmus.cloud.pointcloud.codec:PointCloudCodec",
    pack="isthmus.edge.pointcloud.job:pack",
    job="isthmus.edge.pointcloud.job:run",
    options="isthmus.edge.pointcloud.options:PointCloudOptions",
    inspector="isthmus.codec.pointcloud:INSPECTOR",
    message_types=("sensor_msgs/PointCloud2",),
    admission="isthmus.common.pointcloud.admission:PointCloudLimits",
)
