"""Live sources that are opened again where they end, break off or fall silent: networks fail, and cameras restart.

The first opening fails as any other does: who mistypes an address hears of it at once. Afterwards a source is tried
again a bounded number of times in a row, with a wait before each try that doubles; a frame that comes sets both back.
Frames are counted on, and their times go on by the clock, over the gap. The first one after it says why there was one:
what is made of its difference to the frame before is nothing that a camera has seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from isthmus.common.errors import InputError
from isthmus.data.video.source import Closing, ReorderedError, SourceFrame, VideoSource

FIRST_WAIT_S = 0.5
MAX_WAIT_S = 10.0

LOOK_S = 0.05
"""How long nobody looks at anything else before a try."""


class ReopenedVideo(Closing):
    """A source that outlives its connections; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(
        self,
        name: str,
        open_source: Callable[[], VideoSource],
        most_tries: int,
        *,
        while_waiting: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open it.

        Args:
            name: for messages.
            open_source: opens it, now and again.
            most_tries: in a row, without a frame.
            while_waiting: called again and again in the waits before tries.
            sleep: waits; another for tests.

        Raises:
            InputError: of `open_source`.
        """
        self.name = name
        self._open_source, self._most_tries = open_source, most_tries
        self._while_waiting, self._sleep = while_waiting, sleep
        self._source: VideoSource | None = open_source()
        self.fps, self.is_live = self._source.fps, self._source.is_live

    def __iter__(self) -> Iterator[SourceFrame]:
        """Its frames, without an end of their own; InputError where it cannot be opened any more."""
        count, begin_s, last_s, last_at_s = 0, 0.0, 0.0, 0.0
        gap, tries = "", 0
        while True:
            try:
                for frame in self._opened():
                    if gap:
                        begin_s, tries = last_s + time.monotonic() - last_at_s - frame.time_s, 0
                    last_s, last_at_s = max(last_s, begin_s + frame.time_s), time.monotonic()
                    yield replace(frame, index=count, time_s=last_s, gap=gap)
                    count, gap = count + 1, ""
                trouble = f"{self.name}: expected a source that goes on, it ended"
            except ReorderedError:
                raise  # it would be so again
            except InputError as error:
                trouble = str(error)
            gap = gap or trouble.removeprefix(f"{self.name}: ")
            self.close()
            if tries == self._most_tries:
                raise InputError(f"{trouble}; tried again {tries} times in a row (--reconnect)")
            self._wait(min(FIRST_WAIT_S * 2**tries, MAX_WAIT_S))
            tries += 1

    def close(self) -> None:
        """Let go of what is open."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _opened(self) -> VideoSource:
        if self._source is None:
            self._source = self._open_source()
        return self._source

    def _wait(self, wait_s: float) -> None:
        left_s = wait_s
        while left_s > 0:
            self._while_waiting()
            self._sleep(min(LOOK_S, left_s))
            left_s -= LOOK_S
