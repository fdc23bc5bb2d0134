"""The golden video codec: manifest and tables from `tests/golden/codecs`."""

from __future__ import annotations

from isthmus.common.manifest.folder import read_manifest
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.manifest import VideoManifest
from support.golden_images import CODECS


def golden_video_coder(name: str, replace: tuple[str, str] = ("", "")) -> VideoCoder:
    """The coder of a golden codec, whose manifest may be edited first."""
    text = (CODECS / f"{name}.json").read_text(encoding="utf-8")
    manifest = read_manifest(text.replace(*replace).encode() if replace[0] else text.encode(), VideoManifest)
    return VideoCoder(manifest, open_tables(CODECS / f"{name}.npz", manifest))
