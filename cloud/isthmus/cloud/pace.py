"""Quotas of identities while they send: streams at a time, and frames, pixels and bytes a second.

Theory of operation. What a second allows fills a bucket of one second; what comes in is taken out, below nothing if it
must be, and no further message is read until the bucket is filled again. So a peer over its quota is slowed by
HTTP/2's own flow control, its frames are answered, and one frame larger than a second's worth passes, and is paid for
after.

Whatever its quotas, a peer has a part of the event loop only, as long as another one has a stream: to take in a
message costs time there, by its number and by its bytes, before anybody knows what is in it. That is paid for in the
same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from isthmus.cloud.identity import Identity
from isthmus.common.errors import OverloadedError

# Measured on a busy machine: to take in and answer a message, and each of its bytes. A message that is large holds up
# all others by itself, so what it has above LARGE_BYTES counts as several times as much.
MESSAGE_S, BYTE_S, LARGE_BYTE_S = 250e-6, 8e-9, 40e-9
LARGE_BYTES = 1 << 20

LOOP_SHARE, LOOP_BURST_S = 0.25, 0.02
"""Of the event loop, what a peer that is not alone may have: in the long run, and at once."""


class Pace:
    """What one identity has used, all its streams together.

    Args:
        identity: with its quotas.
        clock: seconds; another for tests.
        is_alone: whether nobody else has a stream.
    """

    def __init__(
        self,
        identity: Identity,
        clock: Callable[[], float] = time.monotonic,
        is_alone: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_alone = is_alone
        self._loop_s = LOOP_BURST_S
        quotas = identity.quotas
        self._rates = (quotas.frames_per_s, quotas.pixels_per_s, quotas.bytes_per_s)
        self._levels = list(self._rates)
        self._clock = clock
        self._at_s = clock()
        self.stream_count = 0

    def spend(self, frames: int, pixels: int, size_bytes: int) -> float:
        """Take out what came in; seconds until more may come."""
        now_s = self._clock()
        wait_s = self._loop_wait_s(size_bytes, now_s - self._at_s)
        for place, (rate, spent) in enumerate(zip(self._rates, (frames, pixels, size_bytes), strict=True)):
            if rate:
                level = min(rate, self._levels[place] + rate * (now_s - self._at_s)) - spent
                self._levels[place] = level
                wait_s = max(wait_s, -level / rate)
        self._at_s = now_s
        return wait_s

    def _loop_wait_s(self, size_bytes: int, passed_s: float) -> float:
        """What taking in a message of so many bytes makes one wait for the event loop; none stands for no message."""
        taken_s = MESSAGE_S + BYTE_S * size_bytes + (LARGE_BYTE_S - BYTE_S) * max(0, size_bytes - LARGE_BYTES)
        if not size_bytes:
            taken_s = 0.0
        self._loop_s = min(LOOP_BURST_S, self._loop_s + LOOP_SHARE * passed_s) - taken_s
        if self._is_alone():
            self._loop_s = max(self._loop_s, 0.0)
        return max(0.0, -self._loop_s / LOOP_SHARE)


class Paces:
    """The paces of those who have a stream open, or whose last one may have left a debt."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paces: dict[Identity, Pace] = {}

    @contextmanager
    def entered(self, identity: Identity) -> Iterator[Pace]:
        """One stream of an identity, for as long as the block. OverloadedError where it has as many as it may."""
        pace = self._paces.setdefault(identity, Pace(identity, self._clock, lambda: len(self._paces) < 2))
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
