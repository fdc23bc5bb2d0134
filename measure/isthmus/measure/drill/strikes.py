"""Faults while an edge sends: who breaks what, and when.

A striker is a thread beside an edge's run. It waits until a connection is live and its cloud has answered on it, mostly
also until the edge has told another answer since the last strike, so that the run gets on; some strikes come before a
stream is open. Then it waits a little, drawn at random, so that it comes anywhere, and strikes; until it has struck as
often as it is to. What it has struck is counted only if there was something to strike.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from isthmus.measure.drill.faulty_proxy import BREAKING, SLOWING, FaultyProxy
from isthmus.measure.drill.nursery import Nursery, NurseryCloud

LIVE_S = (0.0, 0.12)
"""How long a connection lives at least, and at most, from then on."""
EARLY_SHARE = 0.1
"""Of strikes that come as soon as the cloud has answered anything."""
LOOK_S = 0.002
BREAKING_SHARES = (4, 2, 2, 1)
"""Of the faults in `BREAKING`: most connections are cut, and what stalls takes the longest."""

Strike = Callable[[], str]
"""Break something; the kind of fault, "" where there was nothing to break."""


class Progress:
    """How many answers an edge has told."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, rows: int) -> None:
        """It has told so many."""
        self.rows = rows


@contextmanager
def striking(proxy: FaultyProxy, strike: Strike, left: int, seed: int, progress: Progress) -> Iterator[Counter[str]]:
    """Strike so many times at most, until the end of this; counts what was struck.

    Raises:
        Exception: what a strike raised.
    """
    struck: Counter[str] = Counter()
    over = threading.Event()
    failures: list[BaseException] = []
    words = (proxy, strike, left, seed, progress, struck, over, failures)
    thread = threading.Thread(target=_strike_on, args=words, daemon=True)
    thread.start()
    try:
        yield struck
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]


def _strike_on(
    proxy: FaultyProxy,
    strike: Strike,
    left: int,
    seed: int,
    progress: Progress,
    struck: Counter[str],
    over: threading.Event,
    failures: list[BaseException],
) -> None:
    drawn = random.Random(seed)
    told, is_early = 0, False
    try:
        while struck.total() < left and not over.is_set():
            if not proxy.is_answering or (progress.rows == told and not is_early):
                time.sleep(LOOK_S)
                continue
            over.wait(drawn.uniform(*LIVE_S))
            if over.is_set() or not proxy.is_answering:
                continue
            if fault := strike():
                struck[fault] += 1
                told, is_early = progress.rows, drawn.random() < EARLY_SHARE
    except BaseException as error:  # it is told where the run is waited for
        failures.append(error)


class CloudStrikes:
    """Ends the cloud behind a proxy, and puts another one there.

    Args:
        nursery: where clouds come from.
        proxy: in front of them.
        how: "kill" or "terminate".
    """

    def __init__(self, nursery: Nursery, proxy: FaultyProxy, how: str) -> None:
        self._nursery, self._proxy, self._how = nursery, proxy, how
        self._cloud: NurseryCloud = nursery.take()
        proxy.aim(self._cloud.address)

    def close(self) -> None:
        """Nobody needs the last one any more."""
        self._cloud.kill()

    def __call__(self) -> str:
        """End it."""
        cloud, self._cloud = self._cloud, self._nursery.take()
        if not self._proxy.is_answering:  # while the next one was awaited
            self._proxy.aim(self._cloud.address)
            cloud.kill()
            return ""
        self._proxy.aim(self._cloud.address)
        if self._how == "kill":
            cloud.kill()
        else:
            cloud.terminate()
        return self._how


class WayStrikes:
    """Breaks connections, each by a fault that is drawn; one in five is only held up."""

    def __init__(self, proxy: FaultyProxy, seed: int) -> None:
        self._proxy = proxy
        self._drawn = random.Random(seed)

    def __call__(self) -> str:
        """Break one."""
        if self._drawn.random() < 0.2:
            fault = self._drawn.choice(SLOWING)
        else:
            fault = self._drawn.choices(BREAKING, BREAKING_SHARES)[0]
        return fault if self._proxy.strike(fault) else ""
