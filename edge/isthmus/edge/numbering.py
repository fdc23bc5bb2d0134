"""How frames and results of one connection are numbered, where its stream is named: without I/O.

Theory of operation. Frames of a named stream are counted over all its connections. As one opens, the cloud says from
which frame on it wants to be sent; results of those before it, back to the oldest that was not taken, come again. Every
message of results says its first index: what came before is passed over, and what is missing ends the connection, so
that the next one brings it. Now and then the cloud is told what was taken for good, so that it may let go of it: on a
message of frames where a quarter of what it may hold is taken, in a message of its own where it is half.

A cloud that knows no named streams says nothing of this one (`held` is None): it counts each connection from 0, and is
told no index.
"""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.common import protocol
from isthmus.common.errors import FrameOrderError

ON_FRAMES, ALONE = 4, 2
"""Parts of what a cloud may hold, one of which is taken before it is told so."""

UNNAMED = -1


class Numbering:
    """Of one connection. Not thread-safe: the owner holds a lock around it.

    Args:
        named: the stream; None where it has no name.
        sent_before: how many frames from the first unanswered one on were sent on earlier connections.
    """

    __slots__ = ("_held", "_named", "_sent_before", "_taken_count", "_told_count", "_untaken_bytes")

    def __init__(self, named: protocol.NamedStream | None, sent_before: int) -> None:
        self._named, self._sent_before = named, sent_before
        self._held: protocol.HeldStream | None = None
        self._taken_count = self._told_count = 0
        self._untaken_bytes = 0

    @property
    def is_held(self) -> bool:
        """Whether the cloud knows the stream by its name."""
        return self._held is not None

    def opened(self, held: protocol.HeldStream | None) -> tuple[int, int]:
        """The cloud has answered: indices of the first frame that is unanswered, and of the first to be sent.

        Raises:
            FrameOrderError: it says that it has what was never sent.
        """
        if self._named is None:
            return 0, 0
        first = self._named.first_unanswered_index
        following = first if held is None else held.next_frame_index
        most = self._sent_before if held is not None and held.is_resumed else 0
        if not first <= following <= first + most:
            raise FrameOrderError(
                f"opened: expected a next frame of {first} to {first + most}, as many as were sent, got {following}"
            )
        self._held = held
        self._taken_count = self._told_count = first
        return first, following

    def index_of(self, index: int) -> int:
        """The index that a message of frames says of its first."""
        return index if self._held is not None else UNNAMED

    def came(self, size_bytes: int) -> None:
        """A message of results has come."""
        self._untaken_bytes += size_bytes

    def fresh(self, results: protocol.Results, expected: int) -> Sequence[protocol.Outcome]:
        """Those outcomes that did not come before. FrameOrderError: some in between are missing."""
        if self._held is None:
            return results.outcomes
        index = results.first_frame_index
        if not 0 <= index <= expected:
            raise FrameOrderError(f"results: expected those from frame {expected} on, got them from {index} on")
        return results.outcomes[expected - index :]

    def take(self, count: int) -> None:
        """The results of all frames below this index are taken for good."""
        self._taken_count = count

    def due(self, parts: int) -> int:
        """What the cloud is to be told as taken now, where one of so many parts is; else -1."""
        held = self._held
        if held is None:
            return UNNAMED
        count = self._taken_count - self._told_count
        is_much = count * parts >= held.max_result_count or self._untaken_bytes * parts >= held.max_result_bytes
        return self.tell() if count and is_much else UNNAMED

    def tell(self) -> int:
        """What is taken; the cloud is being told of it."""
        self._told_count, self._untaken_bytes = self._taken_count, 0
        return self._taken_count
