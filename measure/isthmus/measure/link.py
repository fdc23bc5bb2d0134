"""An emulated link, and frames on their way over it: virtual time, so that nothing sleeps and nothing needs root.

Theory of operation. A link is a queue: a message begins to leave when it is ready and the one before has left, leaves
for `bits / bandwidth`, and is there `delay` later. Edge and cloud are queues too: one frame at a time. A frame's way is

    taken ─ edge ─ up ─ cloud ─ down ─► answered

As in the thesis's demo, a camera gives a frame every `1 / fps`, and one that comes while `max_in_flight` are
unanswered is dropped before it is encoded. Frames are taken from the given sequence in turn, so that a dropped frame
costs nothing: bits and times are those measured of a sequence without drops.

The packets' bits are what is given; TCP and IP would add 40 bytes to each segment, and are not emulated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.common.errors import InputError


@dataclass(frozen=True, slots=True)
class Link:
    """Both directions of a link, each with the same bandwidth and delay.

    Attributes:
        bandwidth_bits_per_s: what leaves a second; above 0, infinity for a link without limit.
        delay_s: one way.
    """

    bandwidth_bits_per_s: float
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.bandwidth_bits_per_s > 0 or not 0 <= self.delay_s < math.inf:
            raise InputError(f"link: expected a bandwidth above 0 and a delay of 0 or more, got {self}")


class LinkQueue:
    """One direction of a link, at work."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._free_s = 0.0

    def send(self, bits: float, ready_s: float) -> float:
        """When a message is there that is ready at `ready_s`; calls must be in the order of the messages."""
        begin_s = max(ready_s, self._free_s)
        self._free_s = begin_s + bits / self._link.bandwidth_bits_per_s
        return self._free_s + self._link.delay_s


@dataclass(frozen=True, slots=True)
class FrameCost:
    """What one frame asks of each part of the way: seconds of the edge and the cloud, bits up and down."""

    edge_s: float
    up_bits: float = 0.0
    cloud_s: float = 0.0
    down_bits: float = 0.0

    @property
    def is_local(self) -> bool:
        """Whether nothing crosses: the edge answers by itself."""
        return self.up_bits == 0 and self.down_bits == 0 and self.cloud_s == 0


@dataclass(frozen=True, slots=True)
class LinkOutcome:
    """What came of a sequence.

    Attributes:
        latency_p50_ms, latency_p95_ms: from taken to answered.
        answered_fps: answers a second.
        dropped_percent: of the camera's frames.
        up_bits_per_s: mean rate that crossed.
    """

    latency_p50_ms: float
    latency_p95_ms: float
    answered_fps: float
    dropped_percent: float
    up_bits_per_s: float


def run_frames(costs: Sequence[FrameCost], link: Link, *, fps: float, max_in_flight: int = 1) -> LinkOutcome:
    """Send a sequence over a link, as a camera would see it.

    Args:
        costs: of the frames that are taken, in turn; the run ends when all have been.
        link: emulated.
        fps: of the camera.
        max_in_flight: frames that may be unanswered when another is taken.

    Raises:
        InputError: no frames, or fps or max_in_flight not above 0.
    """
    if not costs or not fps > 0 or max_in_flight < 1:
        raise InputError(f"expected frames, fps > 0 and max_in_flight >= 1, got {len(costs)}, {fps}, {max_in_flight}")
    up, down = LinkQueue(link), LinkQueue(link)
    edge_free_s = cloud_free_s = 0.0
    taken_s: list[float] = []
    answered_s: list[float] = []
    camera = 0
    for cost in costs:
        if len(taken_s) >= max_in_flight:
            # Answers come in order: room is made by the answer `max_in_flight` frames ago.
            room_s = answered_s[len(taken_s) - max_in_flight]
            camera = max(camera, math.ceil(room_s * fps - 1e-9))
        start_s = camera / fps
        camera += 1
        edge_free_s = max(start_s, edge_free_s) + cost.edge_s
        end_s = edge_free_s
        if not cost.is_local:
            cloud_free_s = max(up.send(cost.up_bits, edge_free_s), cloud_free_s) + cost.cloud_s
            end_s = down.send(cost.down_bits, cloud_free_s)
        taken_s.append(start_s)
        answered_s.append(end_s)
    latency_ms = 1e3 * (np.array(answered_s) - np.array(taken_s))
    span_s = max(answered_s[-1], camera / fps)
    p50, p95 = np.percentile(latency_ms, (50, 95))
    return LinkOutcome(
        latency_p50_ms=float(p50),
        latency_p95_ms=float(p95),
        answered_fps=len(costs) / span_s,
        dropped_percent=100 * (1 - len(costs) / camera),
        up_bits_per_s=sum(cost.up_bits for cost in costs) / span_s,
    )
