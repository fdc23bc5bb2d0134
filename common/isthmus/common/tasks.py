"""What the codecs of each signal are asked for over the wire: edge and cloud look here, so that they agree."""

from __future__ import annotations

from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.wire import Task


def task_of(manifest: Manifest) -> Task:
    """What a cloud does with the symbols of a codec."""
    if isinstance(manifest, ImageManifest):
        return Task.RECONSTRUCTION
    return Task.MOTION_COMPENSATED_INFERENCE if isinstance(manifest, VideoManifest) else Task.CLASSIFICATION


def class_names_of(manifest: Manifest) -> tuple[str, ...]:
    """The classes that a codec's labels may name, by index; none where its task gives no labels."""
    return manifest.class_names if isinstance(manifest, PointCloudManifest | VideoManifest) else ()
