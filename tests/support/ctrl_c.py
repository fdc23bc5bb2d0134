"""Ctrl-C: in a process of its own, or at a chosen line of chosen files in this one (the fixture `ctrl_c`)."""

from __future__ import annotations

import linecache
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from isthmus.command.main import app
app()
"""
"""The command `isthmus`, as code. It hears Ctrl-C even where the tests run in the background, which ignores it for its
children; nothing is done between fork and exec, which threads of this process (gRPC's) might not outlive."""


class CtrlC:
    """Raises the signal as the main thread comes to a line, as a hand may at any time.

    Attributes:
        where: the line at which it was raised, "" if it came to none.
    """

    def __init__(self) -> None:
        self.where = ""
        self._left = 0
        self._files: tuple[str, ...] = ()
        self._has_begun = False

    def begin(self) -> None:
        """Count lines from here on."""
        self._has_begun = True

    @contextmanager
    def coming(self, at: int, files: tuple[str, ...]) -> Iterator[None]:
        """At the `at`-th line of these files, counted from 1, once counting has begun."""
        self.where, self._left, self._files, self._has_begun = "", at, files, False
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line" and self._has_begun and self._left and not _is_with(frame):
            self._left -= 1
            if not self._left:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self._trace


def _is_with(frame: FrameType) -> bool:
    """Between the end of a `with` and its `__exit__` Python hears no signal, but calls this."""
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with ")


@contextmanager
def heard_here() -> Iterator[None]:
    """Ctrl-C as Python hears it, even where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
