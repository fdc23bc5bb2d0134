"""Where split inference beats the edge alone and the cloud alone: measured frames over an emulated link.

Times are those of this run, on one core of this machine: the edge's multiplied by `slow_down`, as of a weak device, the
cloud's as they are. Bits are those of each frame's packet. See `link` for what is emulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from isthmus.common.errors import InputError
from isthmus.measure.key import slug
from isthmus.measure.link import FrameCost, Link, LinkOutcome, run_frames
from isthmus.measure.options import words
from isthmus.measure.video.options import EmulatedLink
from isthmus.measure.video.point import FrameTrace

SPLIT, SPLIT_INTRA, EDGE_ONLY = "split", "split, all intra", "edge only"
CLOUD_H264, CLOUD_JPEG = "cloud only, H.264", "cloud only, JPEG"
CLOUD_H264_SPARE = "cloud only, H.264 of as few bits"
BANDWIDTHS_MBIT_PER_S = (0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
RESULT_BITS = 8 * 24  # a label with its probability and the times of the cloud, and their message


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """The emulated way.

    Attributes:
        bandwidths_mbit_per_s: each gives a row.
        delay_ms: one way.
        slow_down: by which the edge is slower than this machine.
        fps: of the camera.
        max_in_flight: frames that may be unanswered when another is taken.
    """

    bandwidths_mbit_per_s: tuple[float, ...] = BANDWIDTHS_MBIT_PER_S
    delay_ms: float = 20.0
    slow_down: float = 10.0
    fps: float = 25.0
    max_in_flight: int = 1

    def __post_init__(self) -> None:
        if not self.bandwidths_mbit_per_s or not self.slow_down > 0:
            raise InputError(f"link: expected bandwidths and a slow-down above 0, got {self}")

    @classmethod
    def of(cls, given: EmulatedLink) -> LinkOptions:
        """What a person asked for. InputError if bandwidths are no numbers."""
        try:
            rates = tuple(float(word) for word in words(given.bandwidths))
        except ValueError:
            raise InputError(f"--bandwidths: expected numbers, comma apart, got {given.bandwidths!r}") from None
        return cls(rates, given.delay_ms, given.slow_down, given.fps, given.in_flight)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One way over one link.

    Attributes:
        way: `SPLIT`, `EDGE_ONLY` and so on.
        setting: of its codec.
        right_percent: accuracy or agreement of that setting.
        bandwidth_mbit_per_s: of the link.
        outcome: what came of it.
    """

    way: str
    setting: str
    right_percent: float
    bandwidth_mbit_per_s: float
    outcome: LinkOutcome


@dataclass(frozen=True, slots=True)
class LinkWay:
    """Frames that go one way: what they cost, and how often the answer is right."""

    setting: str
    right_percent: float
    costs: tuple[FrameCost, ...]

    @classmethod
    def of_trace(cls, setting: str, trace: FrameTrace, slow_down: float) -> LinkWay:
        """The edge encodes, the link carries, the cloud decodes and answers."""
        costs = tuple(
            FrameCost(slow_down * edge / 1e3, bits, cloud / 1e3, RESULT_BITS)
            for edge, bits, cloud in zip(
                trace.edge_ms.tolist(), trace.bits.tolist(), trace.cloud_ms.tolist(), strict=True
            )
        )
        return cls(setting, 100 * float(trace.is_right.mean()), costs)

    @classmethod
    def edge_only(cls, whole_ms: float, frames: int, right_percent: float, slow_down: float) -> LinkWay:
        """The whole network on the edge, and nothing crosses."""
        return cls("whole network", right_percent, (FrameCost(slow_down * whole_ms / 1e3),) * frames)


@dataclass(frozen=True, slots=True)
class LinkMeasurement:
    """All ways over all links.

    Attributes:
        data: what the clips were.
        options: the emulated way.
        rows: by bandwidth, then way.
    """

    data: str
    options: LinkOptions
    rows: tuple[LinkRow, ...]

    @property
    def ways(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(dict.fromkeys(row.way for row in self.rows))

    def row(self, way: str, bandwidth: float) -> LinkRow | None:
        """One of the rows."""
        return next((r for r in self.rows if r.way == way and r.bandwidth_mbit_per_s == bandwidth), None)

    def wins(self) -> tuple[float, ...]:
        """Bandwidths at which split answers sooner than every way that is not split."""
        found = []
        for bandwidth in self.options.bandwidths_mbit_per_s:
            split = self.row(SPLIT, bandwidth)
            others = [r for r in self.rows if r.bandwidth_mbit_per_s == bandwidth and not r.way.startswith(SPLIT)]
            if split and all(split.outcome.latency_p50_ms < r.outcome.latency_p50_ms for r in others):
                found.append(bandwidth)
        return tuple(found)

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that documents quote."""
        found: dict[str, float] = {}
        for row in self.rows:
            mbit = f"{row.bandwidth_mbit_per_s:g}".replace(".", "p")
            way = slug(row.way.replace("H.264", "h264"))
            found[f"{root}.latency_ms_{way}_at_{mbit}_mbit"] = row.outcome.latency_p50_ms
        wins = self.wins()
        if wins:
            found |= {f"{root}.split_wins_from_mbit": min(wins), f"{root}.split_wins_to_mbit": max(wins)}
        return found | {f"{root}.edge_slow_down": self.options.slow_down, f"{root}.delay_ms": self.options.delay_ms}

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {"data": self.data, "options": asdict(self.options), "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> LinkMeasurement:
        """Back from a results file."""
        try:
            options = dict(detail["options"])
            options["bandwidths_mbit_per_s"] = tuple(options["bandwidths_mbit_per_s"])
            rows = tuple(LinkRow(**{**row, "outcome": LinkOutcome(**row["outcome"])}) for row in detail["rows"])
            return cls(str(detail["data"]), LinkOptions(**options), rows)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a link measurement of this version, got {error!r}") from error


def measure_link(data: str, ways: Mapping[str, LinkWay], options: LinkOptions) -> LinkMeasurement:
    """Every way over every link."""
    rows = []
    for mbit in options.bandwidths_mbit_per_s:
        link = Link(1e6 * mbit, options.delay_ms / 1e3)
        for name, way in ways.items():
            outcome = run_frames(way.costs, link, fps=options.fps, max_in_flight=options.max_in_flight)
            rows.append(LinkRow(name, way.setting, way.right_percent, mbit, outcome))
    return LinkMeasurement(data, options, tuple(rows))
