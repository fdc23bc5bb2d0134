"""What a stream gives its caller: the result of each frame, and how many bytes went to and fro."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from isthmus.common import protocol
from isthmus.common.errors import IsthmusError

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FrameResult(Generic[T]):
    """What the cloud said of one frame.

    Attributes:
        frame_index: counts the frames of the stream from 0.
        outcome: what the stream's task gives; or the error of this frame.
        round_trip_s: from `send` to the arrival of the result.
        timing: the cloud's own times for the response this came in; zeros unless they were asked for.
    """

    frame_index: int
    outcome: T | IsthmusError
    round_trip_s: float
    timing: protocol.Timing

    @property
    def value(self) -> T:
        """What the task gives. Raises the frame's error if it has one."""
        if isinstance(self.outcome, IsthmusError):
            raise self.outcome
        return self.outcome


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of serialized messages, without gRPC's and HTTP/2's framing; opening and answering `open` kept apart."""

    opening_sent_bytes: int = 0
    opening_received_bytes: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    sent_message_count: int = 0
    received_message_count: int = 0
