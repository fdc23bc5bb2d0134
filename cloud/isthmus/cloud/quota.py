"""Places for streams, and who gives one up: all of a server's, and those of each signal.

Theory of operation. Where every place is taken, a newcomer is not simply refused, or whoever came first with silent
streams would keep everybody out. The peer that has most streams gives one up, if it has at least two more than the
newcomer's: the one on which nothing has moved for the longest, while nothing of it is being done. Where something is
being done for all of them, the newest goes, if that peer has many more. So peers tend towards equal numbers, and a
lone peer may have all places until others come.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from isthmus.common.codec import Allowance
from isthmus.common.errors import IsthmusError, OverloadedError

BUSY_LEAD = 4
"""A peer that has so many more streams than a newcomer gives up one that is at work."""


class Seated(Protocol):
    """What has a place: a stream."""

    @property
    def peer(self) -> str:
        """Whose it is."""

    @property
    def idle_s(self) -> float:
        """For how long nothing has moved on it; 0.0 while something of it is being done."""

    def end(self, error: IsthmusError) -> None:
        """End it, with this error."""


class Places:
    """A number of places.

    Args:
        most: how many; 0 for any number.
        what: stands in them, for messages: "image streams".
        most_of_peer: of one peer; 0 for any number.
    """

    def __init__(self, most: int, what: str, most_of_peer: int = 0) -> None:
        self._most, self._what, self._most_of_peer = most, what, most_of_peer
        self._seated: dict[Seated, None] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._seated)

    def enter(self, stream: Seated) -> None:
        """Give a stream a place; another's stream may have to go for it.

        Raises:
            OverloadedError: there is none for it.
        """
        own = self._counts[stream.peer]
        if self._most_of_peer and own >= self._most_of_peer:
            raise OverloadedError(
                f"expected at most {self._most_of_peer} {self._what} of one peer at a time, got one more; "
                "try again later"
            )
        if self._most and len(self._seated) >= self._most:
            leaving = self._leaving(own)
            if leaving is None:
                raise OverloadedError(
                    f"expected at most {self._most} {self._what} at a time, got one more; try again later"
                )
            self.leave(leaving)
            leaving.end(
                OverloadedError(
                    f"expected room for a peer with fewer streams: of all {self._most} places for {self._what} "
                    f"{leaving.peer} had most, this stream was silent for the longest, or newest; try again later"
                )
            )
        self._seated[stream] = None
        self._counts[stream.peer] += 1

    def leave(self, stream: Seated) -> None:
        """The stream has ended; nothing if it had to go before."""
        if stream in self._seated:
            del self._seated[stream]
            self._counts[stream.peer] -= 1
            if not self._counts[stream.peer]:
                del self._counts[stream.peer]

    def _leaving(self, own: int) -> Seated | None:
        """The stream that gives way to a peer that has `own`; None if none has to."""
        most = max(self._counts.values(), default=0)
        if most < own + 2:
            return None
        theirs = [seated for seated in self._seated if self._counts[seated.peer] == most]
        idle = [seated for seated in theirs if seated.idle_s > 0]
        if idle:
            return max(idle, key=lambda seated: seated.idle_s)
        return theirs[-1] if most >= own + BUSY_LEAD else None


class Quota:
    """Streams of one signal.

    Args:
        signal: its name, for messages.
        allowance: what is taken of it.

    Attributes:
        allowance: as given.
        places: for its streams.
    """

    def __init__(self, signal: str, allowance: Allowance) -> None:
        self.allowance = allowance
        self.places = Places(allowance.max_stream_count, f"{signal} streams")
