"""Quotas of identities while they send: streams at a time, and frames, pixels and bytes a second.

Theory of operation. What a second allows fills a bucket of one second; what comes in is taken out, below nothing if it
must be, and no further message is read until the bucket is filled again. So a peer over its quota is slowed by HTTP/2's
own flow control, its frames are answered, and one frame larger than a second's worth passes, and is paid for after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from isthmus.cloud.identity import Identity
from isthmus.common.errors import OverloadedError


class Pace:
    """What one identity has used, all its streams together.

    Args:
        identity: with its quotas.
        clock: seconds; another for tests.
    """

    def __init__(self, identity: Identity, clock: Callable[[], float] = time.monotonic) -> None:
        quotas = identity.quotas
        self._rates = (quotas.frames_per_s, quotas.pixels_per_s, quotas.bytes_per_s)
        self._levels = list(self._rates)
        self._clock = clock
        self._at_s = clock()
        self.stream_count = 0

    def spend(self, frames: int, pixels: int, size_bytes: int) -> float:
        """Take out what came in; seconds until more may come."""
        now_s = self._clock()
        wait_s = 0.0
        for place, (rate, spent) in enumerate(zip(self._rates, (frames, pixels, size_bytes), strict=True)):
            if rate:
                level = min(rate, self._levels[place] + rate * (now_s - self._at_s)) - spent
                self._levels[place] = level
                wait_s = max(wait_s, -level / rate)
        self._at_s = now_s
        return wait_s


class Paces:
    """The paces of those who have a stream open, or whose last one may have left a debt."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paces: dict[Identity, Pace] = {}

    @contextmanager
    def entered(self, identity: Identity) -> Iterator[Pace]:
        """One stream of an identity, for as long as the block. OverloadedError where it has as many as it may."""
        pace = self._paces.setdefault(identity, Pace(identity, self._clock))
        most = identity.quotas.streams
        if most and pace.stream_count >= most:
            raise OverloadedError(
                f"expected at most {most} streams of {identity.name} at a time, got one more; try again later"
            )
        pace.stream_count += 1
        try:
            yield pace
        finally:
            pace.stream_count -= 1
            if not pace.stream_count and pace.spend(0, 0, 0) == 0.0:
                del self._paces[identity]
