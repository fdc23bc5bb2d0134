"""Zoos of the tiny codecs, whose names say of which signal they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.manifest import VideoManifest
from support import tiny_codec, tiny_image_codec, tiny_video_codec

POINTS = "tiny-q1"
"""The tiny codec of point clouds."""


def write_zoo(zoo: Path, names: Iterable[str] = (POINTS,)) -> Path:
    """Writes a codec for each name, of images or videos where it begins so; returns the folder of them."""
    for name in names:
        if name.startswith("image-"):
            tiny_image_codec.write_image_codec(zoo, name)
        elif name.startswith(("video-", "vision-")):
            tiny_video_codec.write_video_codec(zoo, name)
        else:
            tiny_codec.write_codec(zoo, name)
    return zoo


def open_video_coder(codec: Path) -> VideoCoder:
    """The coder of a codec's folder."""
    folder = load_codec_folder(codec, kind=VideoManifest)
    return VideoCoder(folder.manifest, open_tables(folder.file(ENTROPY_FILE), folder.manifest))
