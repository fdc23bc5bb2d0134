"""Ctrl-C, heard where nothing is left half done.

Theory of operation. Python raises KeyboardInterrupt between any two instructions, also between taking a result off the
stream and telling it, or between a packet's place in the queue and its sending. Who goes on after that, as a camera's
run does to tell what was answered, waits for what never comes, or takes one answer for another. So what must be done
whole is `held`: a Ctrl-C that comes there is raised at its end, or by `check`, where a wait may be left. A second
Ctrl-C is raised wherever it comes, for nothing is waited for after it; a third ends the process.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

LOOK_S = 0.1
"""How long a wait goes on at most before it looks for a Ctrl-C."""


class Interruption:
    """Hears Ctrl-C inside its `with`, where it is in the main thread and nobody else has taken that signal."""

    def __init__(self) -> None:
        self._count = 0
        self._depth = 0
        self._is_due = False
        self._is_listening = False

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._is_listening = True
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_listening = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """A first Ctrl-C waits for the end of this."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if not self._depth:
            self.check()

    def hold(self) -> None:
        """From here to the end a first Ctrl-C is nothing: all is done, but to say so."""
        self._depth += 1

    @property
    def is_final(self) -> bool:
        """Whether it was heard more than once: nothing is to be waited for any more."""
        return self._count > 1

    def check(self) -> None:
        """KeyboardInterrupt if one was held back."""
        if self._is_due:
            self._is_due = False
            raise KeyboardInterrupt

    def sleep(self, wait_s: float) -> None:
        """Wait. KeyboardInterrupt if one was held back, or is meanwhile."""
        end_s = time.monotonic() + wait_s
        while (left_s := end_s - time.monotonic()) > 0:
            self.check()
            time.sleep(min(LOOK_S, left_s))
        self.check()

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise KeyboardInterrupt
        if not self._depth:
            raise KeyboardInterrupt
        self._is_due = True
