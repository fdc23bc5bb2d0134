"""What a delivery of packets goes by: what it calls, how patient it is, what it counts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    FrameOrderError,
    IsthmusError,
    MessageError,
    OverloadedError,
)
from isthmus.edge.result import FrameResult

RECONNECT_TRIES = 16
"""After a connection that was lost: so many are opened anew at most, until one is."""
FIRST_TRIES = 4
"""Before there was any: where no cloud is, say so soon."""

# The longest wait before each try, which doubles.
FIRST_WAIT_S = 0.2
MAX_WAIT_S = 5.0

LOST_STREAM = (
    CloudUnreachableError,
    DeadlineError,
    OverloadedError,
    CloudFailureError,
    FrameOrderError,
    MessageError,
)
"""What another connection may mend."""


class RunOverError(Exception):
    """The whole time that a run has is over."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What a delivery calls, each with what was given with the packet.

    Attributes:
        on_answer: with its result.
        on_missing: with "lost" or "refused" and why, where it has none; the cloud does not hold it then.
        on_lost: where the cloud holds nothing of the stream any more, before anything is sent again.
        recode: its packet for a cloud that holds nothing: asked of all that is under way, in order. None where packets
            refer to no other, or `is_chained`.
    """

    on_answer: Callable[[Any, FrameResult[Any]], None]
    on_missing: Callable[[Any, str, IsthmusError], None]
    on_lost: Callable[[], None] = lambda: None
    recode: Callable[[Any], Packet] | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, and what is waited with.

    Attributes:
        check: called again and again in every wait; what it raises ends that.
        sleep: waits so many seconds.
        frame_timeout_s: from taking a packet to its answer.
        run_end_s: of `time.monotonic`, when all is to end.
        tries: to open another connection.
    """

    check: Callable[[], None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    frame_timeout_s: float = math.inf
    run_end_s: float = math.inf
    tries: float = RECONNECT_TRIES


@dataclass(slots=True)
class DeliveryCounts:
    """What a delivery has come to.

    Attributes:
        answered: packets, be it with an error of theirs.
        reconnects: connections that were opened anew, of which `resumed` found the stream held.
        again: packets that were sent again.
        lost: packets without an answer, by the name of the error.
        refused: packets that the cloud did not take.
    """

    answered: int = 0
    reconnects: int = 0
    resumed: int = 0
    again: int = 0
    refused: int = 0
    lost: dict[str, int] = field(default_factory=dict)
