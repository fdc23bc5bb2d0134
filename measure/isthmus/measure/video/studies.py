"""What a measurement of videos is called by the codec that it is of: its files and its keys of the summary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Study:
    """Beginnings of names.

    Attributes:
        stem: of results files.
        root: of keys.
    """

    stem: str
    root: str


LITE = Study("video_lite0", "video.lite0")
PLAIN = Study("video", "video")


def study_of(codec: str) -> Study:
    """Of a codec: the network of ImageNet that ships has its own; others share those of the first."""
    return LITE if codec.startswith("vision-lite0-") else PLAIN
