"""The turns of one stream: what it has to be done goes to the scheduler, or is done where it is if it is brief.

Theory of operation. A hop to a thread takes longer than a small cloud of points. What a packet costs is known in a unit
of work; how long that unit takes with this codec on this machine is learned from what was done before, so the first
piece of work always goes to a thread, as does one that would hold up the event loop. What is learned is a client's to
spoil (a large packet with a broken body is done in no time), so nothing of more than `BRIEF_WORK` stays, whatever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from isthmus.cloud.half import Answer, Steps
from isthmus.cloud.schedule import Scheduler
from isthmus.common.cost import Cost

BRIEF_S, BRIEF_WORK = 0.002, 1 << 13

# Weight of the newest answer in the running estimate of what a unit of work takes.
GAIN = 0.2


@dataclass(slots=True)
class Turns:
    """Of one stream.

    Attributes:
        scheduler: of the server.
        peer: whose stream it is.
        seconds: what a unit of work takes; infinite until something was done.
    """

    scheduler: Scheduler
    peer: str
    seconds: float = math.inf

    async def answer(self, steps: Steps[Answer], cost: Cost) -> Answer:
        """What the steps of an answer come to."""
        brief = cost.work <= BRIEF_WORK and self.seconds * cost.work <= BRIEF_S
        if brief and self.scheduler.may_run_here(self.peer):
            outcomes, timing = self.scheduler.run_here(steps, self.peer)
        else:
            outcomes, timing = await self.scheduler.run(steps, self.peer, cost.memory_bytes)
        # By the codec's own clock: waiting for a turn, or for a core, is no reason to use the thread again.
        seconds = (timing.entropy_decode_us + timing.task_us) * 1e-6 / cost.work
        known = math.isfinite(self.seconds)
        self.seconds = self.seconds + GAIN * (seconds - self.seconds) if known else seconds
        return outcomes, timing
