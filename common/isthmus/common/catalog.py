"""The signals there are: one plain dict, by the name that a manifest says."""

from __future__ import annotations

from isthmus.common.codec import Signal
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.video.manifest import VideoManifest

SIGNALS: dict[str, Signal] = {
    kind.signal: Signal(kind.signal, kind) for kind in (PointCloudManifest, ImageManifest, VideoManifest)
}
