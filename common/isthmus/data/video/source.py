"""What every source of video gives: frames one after another, with their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from isthmus.common.errors import InputError
from isthmus.common.signals import VideoFrame
from isthmus.data.video.codec_vectors import CodecVectors

DEFAULT_FPS = 25.0
"""Of frames that say nothing of time: folders of images, and raw streams without timing."""

MIN_FPS, MAX_FPS = 0.01, 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame(VideoFrame):
    """A frame as its source gives it; `index` counts all frames of the source from 0.

    Attributes:
        time_s: when it is to be shown, from the first frame on; never falls.
        vectors: the compressed video's own motion vectors, in pixels of this frame, or None.
        gap: why frames may be missing before this one, where a live source was opened again; "" where none are.
        told: what else its source says of it, for JSON: its times in a bag.
    """

    time_s: float = 0.0
    vectors: CodecVectors | None = None
    gap: str = ""
    told: Mapping[str, object] = field(default_factory=dict)


class ReorderedError(InputError):
    """Frames that come before others that are shown first, where none is to be held back."""


class VideoSource(Protocol):
    """Where frames come from: iterate it once, then close it.

    Attributes:
        name: for messages.
        fps: frames a second, as far as the source knows.
        is_live: whether frames come in their own time and wait for nobody.
    """

    name: str
    fps: float
    is_live: bool

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames. InputError at what cannot be read, after all that could be."""

    def close(self) -> None:
        """Let go of the file or the device. May be called again."""

    def __enter__(self) -> Self:
        """The source."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


class Closing:
    """Closing at the end of a `with`."""

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        """The source."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def told_fps(wanted_fps: float, own_fps: float) -> float:
    """Frames a second: those wanted, else the source's own where they are sound, else `DEFAULT_FPS`."""
    return wanted_fps or (own_fps if MIN_FPS <= own_fps <= MAX_FPS else DEFAULT_FPS)
