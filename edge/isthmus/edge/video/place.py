"""Where a frame is in its video, kept while the frame itself is on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isthmus.data.video.source import SourceFrame


@dataclass(frozen=True, slots=True)
class FramePlace:
    """A frame's place, without its pixels.

    Attributes:
        source: the video's name.
        index: of the frame.
        time_s: when it is to be shown.
        told: what else its source says of it.
    """

    source: str
    index: int
    time_s: float
    told: Mapping[str, object]

    @classmethod
    def of(cls, source: str, frame: SourceFrame) -> FramePlace:
        """Of a frame of that source."""
        return cls(source, frame.index, frame.time_s, frame.told)

    @property
    def fields(self) -> dict[str, object]:
        """Of a JSON object."""
        return {"file": self.source, **self.told, "frame": self.index, "time_s": round(self.time_s, 4)}
