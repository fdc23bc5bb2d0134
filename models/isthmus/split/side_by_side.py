"""Work on several things at once, in threads: what takes long of it, networks and entropy coders, leaves Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
MOST = 4
"""Threads, however many cores there are: each holds the latents of its cut."""


def usual_workers() -> int:
    """As many as this process may use cores, up to `MOST`."""
    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST))


def side_by_side(
    work: Callable[[Given], Made],
    things: Iterable[Given],
    workers: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Made]:
    """What is made of each thing, in their order, whichever is done first.

    Args:
        work: must not depend on what is done beside it; times it takes are those of its thread (`time.thread_time`).
        things: that it is done with.
        workers: threads, 1 or more.
        advance: called in this thread with 1 for each that is done.

    Raises:
        what `work` raises; what has not begun by then is not done.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(work, thing) for thing in things]
        try:
            for done in as_completed(pending):
                done.result()
                advance(1)
        except BaseException:  # Ctrl-C too
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [each.result() for each in pending]
