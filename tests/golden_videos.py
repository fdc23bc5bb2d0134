"""The golden video codec: manifest and tables from `tests/golden/codecs`."""

from __future__ import annotations

from golden_images import CODECS

from isthmus.common.video_coder import VideoCoder
from isthmus.common.video_manifest import VideoManifest
from isthmus.common.video_tables import VideoTables


def golden_video_coder(name: str, replace: tuple[str, str] = ("", "")) -> VideoCoder:
    """The coder of a golden codec, whose manifest may be edited first."""
    text = (CODECS / f"{name}.json").read_text(encoding="utf-8")
    manifest = VideoManifest.from_bytes(text.replace(*replace).encode() if replace[0] else text.encode())
    return VideoCoder(manifest, VideoTables.load(CODECS / f"{name}.npz", manifest))
