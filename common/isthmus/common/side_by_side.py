"""Work on several things at once, in threads that nobody waits for after a failure or a Ctrl-C.

It pays where work waits, or is done outside of Python: by networks, by entropy coders, by other processes.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

LOOK_S = 0.2
"""How often whoever waits looks up, so that a Ctrl-C is heard."""
MOST = 4
"""Threads that use processors, however many there are: each holds what it works on."""


def usual_workers() -> int:
    """As many as this process may use cores, up to `MOST`."""
    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST))


def side_by_side(
    work: Callable[[Given], Made],
    things: Sequence[Given],
    workers: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Made]:
    """What is made of each thing, in their order, whichever is done first.

    Args:
        work: must not depend on what is done beside it; times it takes are those of its thread (`time.thread_time`).
        things: that it is done with.
        workers: threads; 0 for one a thing.
        advance: called in this thread with 1 for each that is done.

    Raises:
        what `work` raises first; what has not begun by then is not done, and what has is not waited for.
    """
    pending = deque(enumerate(things))
    done: queue.SimpleQueue[tuple[int, Made | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        while True:
            try:
                place, thing = pending.popleft()
            except IndexError:
                return
            try:
                done.put((place, work(thing), None))
            except BaseException as error:  # raised by whoever waits
                done.put((place, None, error))

    found: dict[int, Made] = {}
    try:
        for _ in range(min(workers or len(things), len(things))):
            threading.Thread(target=run, daemon=True).start()
        while len(found) < len(things):
            try:
                place, made, error = done.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            found[place] = made  # type: ignore[assignment]  # where there is no error, it was made
            advance(1)
    finally:
        pending.clear()
    return [found[place] for place in range(len(things))]
