"""Sources that may fall silent, held at arm's length: a thread of their own waits for them, and nobody waits for it.

A camera, an address and a pipe may stop sending without ending. What waits for them in C hears no Ctrl-C, so it must
not be the main thread. Frames are fetched one by one as they are asked for; there is no queue that could fall behind.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from isthmus.common.errors import InputError
from isthmus.data.video.source import Closing, SourceFrame, VideoSource

LEAVE_S = 1.0
"""How long a thread that was told to stop may take to do so."""

LOOK_S = 0.01
"""How long nobody looks at anything else while a frame is waited for."""

ADVICE = "is it still sending? --source-wait SECONDS waits longer, 0 for ever"


class PatientVideo(Closing):
    """A source in a thread of its own; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(
        self,
        name: str,
        open_source: Callable[[], VideoSource],
        wait_s: float,
        *,
        heard_s: Callable[[], float] = lambda: 0.0,
        stop: Callable[[], None] = lambda: None,
        release: Callable[[], None] = lambda: None,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """Open it.

        Args:
            name: for messages.
            open_source: opens it, and may wait as it does.
            wait_s: how long it may be silent; 0 for ever.
            heard_s: when it was heard last, by `time.monotonic`, even if that did not make a frame yet.
            stop: ends a wait of the source, so that its thread can go.
            release: lets go of what the source read from, once it is closed.
            while_waiting: called again and again by who waits for a frame, in its own thread.

        Raises:
            InputError: of `open_source`, or nothing was heard for so long.
        """
        self.name = name
        self._wait_s, self._heard_s, self._stop, self._release = wait_s, heard_s, stop, release
        self._while_waiting = while_waiting
        self._tasks: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._is_closed = False
        self._source: VideoSource | None = None
        self._thread = threading.Thread(target=self._work, name=f"frames of {name}", daemon=True)
        self._thread.start()
        try:
            self._ask(lambda: self._open(open_source), "the beginning of a video")
        except BaseException:
            self.close()
            raise
        source = self._opened()
        self.fps, self.is_live = source.fps, source.is_live

    def __iter__(self) -> Iterator[SourceFrame]:
        """Its frames; InputError at what cannot be read, and where it is silent for too long."""
        frames = iter(self._opened())
        while (frame := self._ask(lambda: next(frames, None), "another frame")) is not None:
            yield frame

    def close(self) -> None:
        """Let go of it; of what still waits, the thread does so when it hears again, if it ever does."""
        if self._is_closed:
            return
        self._is_closed = True
        self._stop()
        self._tasks.put(self._leave)
        self._tasks.put(None)
        self._thread.join(LEAVE_S)

    def _open(self, open_source: Callable[[], VideoSource]) -> None:
        self._source = open_source()

    def _opened(self) -> VideoSource:
        assert self._source is not None  # or nothing was made of this
        return self._source

    def _leave(self) -> None:
        if self._source is not None:
            self._source.close()
        self._release()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                answer = task()
            except BaseException as error:  # whatever it is, it belongs to who asked
                self._answers.put((None, error))
            else:
                self._answers.put((answer, None))

    def _ask(self, task: Callable[[], Any], what: str) -> Any:
        self._tasks.put(task)
        asked_s = time.monotonic()
        while True:
            if self._wait_s and time.monotonic() - max(asked_s, self._heard_s()) > self._wait_s:
                raise InputError(f"{self.name}: expected {what}, got nothing for {self._wait_s:g} seconds; {ADVICE}")
            try:
                answer, error = self._answers.get(timeout=LOOK_S)
            except queue.Empty:
                self._while_waiting()
                continue
            if error is not None:
                raise error
            return answer
