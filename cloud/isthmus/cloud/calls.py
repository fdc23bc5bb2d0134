"""Calls that have not said yet what they want, and those that only watch: bounded in all and for each peer.

Theory of operation. A message takes memory from its first byte on, before anybody can look at it, and gRPC has one
bound of size for all methods. What is left to bound is how many calls may be in that state: of a stream until it is
opened, of capabilities and health as long as they last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from isthmus.common.errors import OverloadedError

MAX_CALLS, MAX_CALLS_OF_PEER = 256, 32


class Calls:
    """All such calls of a server.

    Args:
        most, most_of_peer: at a time.
    """

    def __init__(self, most: int = MAX_CALLS, most_of_peer: int = MAX_CALLS_OF_PEER) -> None:
        self._most, self._most_of_peer = most, most_of_peer
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._counts.total()

    @contextmanager
    def entered(self, peer: str) -> Iterator[None]:
        """One call of a peer, for as long as the block.

        Raises:
            OverloadedError: there are as many as may be.
        """
        if self._counts[peer] >= self._most_of_peer:
            raise OverloadedError(
                f"expected at most {self._most_of_peer} calls of one peer that open nothing, got one more; "
                "try again later"
            )
        if len(self) >= self._most:
            raise OverloadedError(
                f"expected at most {self._most} calls that open nothing, got one more; try again later"
            )
        self._counts[peer] += 1
        try:
            yield
        finally:
            self._counts[peer] -= 1
            if not self._counts[peer]:
                del self._counts[peer]
