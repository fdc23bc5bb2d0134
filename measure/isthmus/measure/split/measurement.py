"""What was measured of a network that is cut: each cut's points, JPEG's, and what crossed a live wire."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from isthmus.measure.key import slug

LOSS_POINTS = 1.0
"""Points of accuracy that a cut may lose and still be quoted with its fewest bits."""


@dataclass(frozen=True, slots=True)
class SplitPoint:
    """One cut at one bit depth, or JPEG at one quality (then `bits` is that).

    Attributes:
        bits: of the quantiser.
        bits_per_frame: of whole packets, mean over the tested images.
        top1_percent: against the labels.
        agreement_percent: against the whole network's answers.
    """

    bits: int
    bits_per_frame: float
    top1_percent: float
    agreement_percent: float


@dataclass(frozen=True, slots=True)
class SplitCurve:
    """One cut."""

    tensor: str
    stride: int
    shape: tuple[int, int, int]
    edge_macs: int
    cloud_macs: int
    points: tuple[SplitPoint, ...]


@dataclass(frozen=True, slots=True)
class LiveCheck:
    """One point over a live wire: how many frames, and how many had another packet or another answer."""

    tensor: str
    bits: int
    frames: int
    differing_packets: int
    differing_answers: int
    wire_frame_bits: float

    @property
    def told(self) -> str:
        """For people."""
        return (
            f"live wire, {self.tensor} at {self.bits} bits: {self.frames} frames, {self.differing_packets} other "
            f"packets, {self.differing_answers} other answers"
        )


@dataclass(frozen=True, slots=True)
class SplitMeasurement:
    """All of it."""

    model: str
    data: str
    calibration: int
    tested: int
    top1_whole_percent: float
    macs: int
    curves: tuple[SplitCurve, ...]
    jpeg: tuple[SplitPoint, ...]
    live: LiveCheck | None

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that may be quoted."""
        found: dict[str, float] = {
            f"{root}.top1_whole_percent": self.top1_whole_percent,
            f"{root}.macs_whole": self.macs,
            f"{root}.images": self.tested,
            f"{root}.calibration_images": self.calibration,
        }
        for curve in self.curves:
            key = f"{root}.{slug(curve.tensor)}"
            found[f"{key}.macs_edge"] = curve.edge_macs
            found[f"{key}.stride"] = curve.stride
            for p in curve.points:
                found[f"{key}.b{p.bits}.bits_per_frame"] = p.bits_per_frame
                found[f"{key}.b{p.bits}.top1_percent"] = p.top1_percent
            near = [p for p in curve.points if p.top1_percent >= self.top1_whole_percent - LOSS_POINTS]
            if near:
                best = min(near, key=lambda p: p.bits_per_frame)
                found[f"{key}.bits_per_frame"] = best.bits_per_frame
                found[f"{key}.top1_percent"] = best.top1_percent
        if self.live is not None:
            found[f"{root}.live.frames"] = self.live.frames
            found[f"{root}.live.mismatches"] = self.live.differing_packets + self.live.differing_answers
        return found

    def detail(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "protocol": f"the first {self.calibration} images calibrate quantiser and tables, the other {self.tested} "
            "are tested; key frames only, whole packets counted",
            "curves": [
                {
                    "tensor": c.tensor,
                    "stride": c.stride,
                    "shape": list(c.shape),
                    "edge_macs": c.edge_macs,
                    "cloud_macs": c.cloud_macs,
                    "points": [asdict(p) for p in c.points],
                }
                for c in self.curves
            ],
            "jpeg_cloud_only": [asdict(p) for p in self.jpeg],
            "live": None if self.live is None else asdict(self.live),
        }
