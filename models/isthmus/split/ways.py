"""Ways of a frame to its answer, cut or not, and what each takes over a link of some bandwidth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

KILO, MEGA = 1e3, 1e6
BANDWIDTHS_MBIT_PER_S = (0.1, 0.3, 1.0, 3.0, 10.0)
LEAST_BANDWIDTH, MOST_BANDWIDTH = 0.01, 1000.0
A_DECADE = 40


@dataclass(frozen=True, slots=True)
class Link:
    """Between edge and cloud.

    Attributes:
        bandwidth_mbit_per_s: of it.
        delay_ms: one way.
    """

    bandwidth_mbit_per_s: float
    delay_ms: float


@dataclass(frozen=True, slots=True)
class Way:
    """What one frame takes.

    Attributes:
        name: for people: "split at block5/output", "cloud only (AVIF)", "edge only".
        edge_ms: on the edge, coding included.
        bits: that cross; 0 for a way that sends nothing.
        cloud_ms: in the cloud, decoding included.
    """

    name: str
    edge_ms: float
    bits: float
    cloud_ms: float

    def latency_ms(self, link: Link) -> float:
        """From frame to answer over an idle link; nothing crosses where all is done on the edge."""
        if not self.bits:
            return self.edge_ms
        crossing_ms = KILO * self.bits / (MEGA * link.bandwidth_mbit_per_s) + 2 * link.delay_ms
        return self.edge_ms + crossing_ms + self.cloud_ms


@dataclass(frozen=True, slots=True)
class Reign:
    """Where one way takes least.

    Attributes:
        way: that.
        least, most: Mbit/s, from and up to which; 0 and infinity at the ends of what is looked at.
    """

    way: Way
    least: float
    most: float


def fastest(ways: Sequence[Way], link: Link) -> Way:
    """The way of least latency; the first of several."""
    return min(ways, key=lambda way: way.latency_ms(link))


def reigns(ways: Sequence[Way], delay_ms: float) -> tuple[Reign, ...]:
    """Which way takes least from which bandwidth on, from the narrowest link to the widest."""
    found: list[Reign] = []
    least = 0.0
    current: Way | None = None
    steps = round(A_DECADE * 5)  # from 0.01 to 1000
    for k in range(steps + 1):
        bandwidth = LEAST_BANDWIDTH * 10 ** (k / A_DECADE)
        best = fastest(ways, Link(bandwidth, delay_ms))
        if current is not None and best is not current:
            turn = _turn(current, best) or bandwidth
            found.append(Reign(current, least, turn))
            least = turn
        current = best
    assert current is not None
    return (*found, Reign(current, least, float("inf")))


def _turn(slow: Way, fast: Way) -> float:
    """Mbit/s at which two ways take the same, whose bits differ; 0 where there is none that is told so simply."""
    if not slow.bits or not fast.bits:
        return 0.0
    bits, ms = fast.bits - slow.bits, (slow.edge_ms + slow.cloud_ms) - (fast.edge_ms + fast.cloud_ms)
    return KILO * bits / MEGA / ms if bits * ms > 0 else 0.0
