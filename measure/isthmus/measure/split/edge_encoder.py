"""The edge's encoder of videos, for those who split networks: tables are learned from what it does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from isthmus.common.video.manifest import VideoManifest
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.motion_search import MotionSearch
from isthmus.edge.video.policy import VideoPolicy
from isthmus.split.encoder import Choices, EncoderSource, Search


def _open_encoder(folder: Path, choices: Choices) -> VideoEncoder:
    return VideoEncoder(folder, VideoPolicy(**asdict(choices)))


def _open_search(manifest: VideoManifest) -> Search:
    return MotionSearch(manifest).estimate


EDGE_ENCODER = EncoderSource(_open_encoder, _open_search)
