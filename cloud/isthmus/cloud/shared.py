"""What all streams of a server share, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isthmus.cloud.calls import Calls
from isthmus.cloud.held import HeldStreams
from isthmus.cloud.ledger import Ledger
from isthmus.cloud.memory import Memory
from isthmus.cloud.quota import Quota
from isthmus.cloud.schedule import Scheduler
from isthmus.cloud.served import Zoo
from isthmus.common.cost import FrameBudget
from isthmus.common.limits import StreamLimits


@dataclass(frozen=True, slots=True)
class Shared:
    """What all streams of a server share.

    Attributes:
        zoo: the codecs.
        quotas: by signal.
        limits: of a stream until it says by its codec which signal's are its own.
        scheduler: whose turn it is.
        ledger: what is ordered.
        budget: of one packet.
        memory: that may be taken.
        held: what is held of named streams.
        calls: those that have opened nothing yet.
    """

    zoo: Zoo
    quotas: Mapping[str, Quota]
    limits: StreamLimits
    scheduler: Scheduler
    ledger: Ledger
    budget: FrameBudget
    memory: Memory
    held: HeldStreams
    calls: Calls
