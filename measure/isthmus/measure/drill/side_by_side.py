"""Work that mostly waits, side by side in threads that nobody waits for after a Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

LOOK_S = 0.2


def side_by_side(work: Callable[[A], B], given: Sequence[A]) -> list[B]:
    """What the work makes of each, in their order. Raises what the first of them raised that failed."""
    found: dict[int, B] = {}
    failures: list[BaseException] = []

    def run(place: int) -> None:
        try:
            found[place] = work(given[place])
        except BaseException as error:  # raised by whoever waits
            failures.append(error)

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(given))]
    for thread in threads:
        thread.start()
    while not failures and any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(LOOK_S)
    if failures:
        raise failures[0]
    return [found[place] for place in range(len(given))]
