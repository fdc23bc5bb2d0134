"""Pictures of a bag's topic as the frames of a video, at the times at which they were recorded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.signals import Image
from isthmus.common.video.signal import VIDEO
from isthmus.data.bag.pictures import read_picture
from isthmus.data.bag.samples import Sample, find_topic, samples
from isthmus.data.video.source import Closing, SourceFrame, told_fps
from isthmus.data.video.stills import sized

NS_PER_S = 1e9


class BagVideo(Closing):
    """A topic of pictures, one a frame; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(self, path: Path, topic: str, size: tuple[int, int] | None, fps: float) -> None:
        """Find the topic."""
        self.name = str(path)
        self.is_live = False
        self._size, self._wanted_fps = size, fps
        bag, found = find_topic(path, VIDEO.message_types, topic)
        rest = samples(bag, found)
        try:
            first = list(islice(rest, 2))
        except InputError:  # it is said when all before it was given
            first, rest = [], samples(bag, found)
        self._samples: Iterator[Sample] = chain(first, rest)
        self._begin_ns = first[0].recorded.log_time_ns if first else None
        step_ns = first[1].recorded.log_time_ns - first[0].recorded.log_time_ns if len(first) > 1 else 0
        self.fps = told_fps(fps, NS_PER_S / step_ns if step_ns > 0 else 0.0)
        self._topic = found.name

    def __iter__(self) -> Iterator[SourceFrame]:
        """The pictures; InputError at one that cannot be read. A time that falls back is that of the frame before."""
        time_s, index = 0.0, -1
        for sample in self._samples:
            index = sample.index
            if self._begin_ns is None:
                self._begin_ns = sample.recorded.log_time_ns
            time_s = max(time_s, (sample.recorded.log_time_ns - self._begin_ns) / NS_PER_S)
            try:
                image = read_picture(sample)
            except InputError as error:
                raise InputError(f"{self.name}: {self._topic}, message {index}: {error}") from error
            frame_s = index / self._wanted_fps if self._wanted_fps else time_s
            yield SourceFrame(Image(sized(image.pixels, self._size)), index, frame_s, told=sample.fields)
        if index < 0:
            raise InputError(f"{self.name}: expected messages on {self._topic}, got none")
