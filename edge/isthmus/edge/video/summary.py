"""What a run of videos comes to: counts and sums over all frames."""

from __future__ import annotations

from dataclasses import dataclass, fields

from isthmus.common.coded import Coded
from isthmus.edge.report import Summary
from isthmus.edge.video.detail import FrameDetail


@dataclass(slots=True)
class VideoCounts:
    """Counts and sums over all frames; grows with them.

    Attributes:
        keys, motions, residuals: frames that were answered, by kind.
        dropped, lost, refused: frames that were not.
        reconnects: streams that were opened anew.
        source_reconnects: times that a live source was opened again, and gave frames.
        bits, key_bits: of the packets of answered frames, and of the key frames among them.
        network_runs: answered frames for which the edge's network ran.
        encode_ms: sum over answered frames.
        elapsed_s: from the first frame to the last answer.
    """

    keys: int = 0
    motions: int = 0
    residuals: int = 0
    dropped: int = 0
    lost: int = 0
    refused: int = 0
    reconnects: int = 0
    source_reconnects: int = 0
    bits: int = 0
    key_bits: int = 0
    network_runs: int = 0
    encode_ms: float = 0.0
    elapsed_s: float = 0.0

    @property
    def frames(self) -> int:
        """Frames that were answered."""
        return self.keys + self.motions + self.residuals

    @property
    def failed(self) -> int:
        """Frames that were sent, or should have been, and have no answer."""
        return self.lost + self.refused

    @property
    def bits_per_frame(self) -> float:
        """Mean over answered frames."""
        return self.bits / self.frames if self.frames else 0.0

    @property
    def saved_percent(self) -> float:
        """Bits saved against sending every frame as the mean key frame of this run."""
        intra = self.key_bits / self.keys * self.frames if self.keys else 0.0
        return 100 * (1 - self.bits / intra) if intra else 0.0

    @property
    def fps(self) -> float:
        """Answers a second."""
        return self.frames / self.elapsed_s if self.elapsed_s else 0.0

    def add(self, coded: Coded[FrameDetail]) -> None:
        """Count one frame that was answered."""
        kind = coded.detail.kind
        self.keys += kind == "key"
        self.motions += kind == "motion"
        self.residuals += kind == "residual"
        self.bits += coded.packet_bits
        self.key_bits += coded.packet_bits if kind == "key" else 0
        self.network_runs += coded.detail.network_runs
        self.encode_ms += coded.timing.total_s * 1e3

    def add_missing(self, why: str) -> None:
        """Count one frame that was "dropped", "lost" or "refused"."""
        self.dropped += why == "dropped"
        self.lost += why == "lost"
        self.refused += why == "refused"

    def summary(self) -> Summary:
        """For people and for programs."""
        counted = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        counted |= {
            "frames": self.frames,
            "bits_per_frame": self.bits_per_frame,
            "saved_percent": self.saved_percent,
            "fps": self.fps,
        }
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in counted.items()}
        return Summary(tuple(self._lines()), rounded)

    def _lines(self) -> list[str]:
        predicted = self.motions + self.residuals
        lines = [
            f"{self.frames} frames in {self.elapsed_s:.1f} s ({self.fps:.1f} a second): {self.keys} key, "
            f"{predicted} predicted, {self.residuals} of them with a residual"
        ]
        if self.frames:
            lines.append(
                f"{self.bits_per_frame:.0f} bits a frame; {self.saved_percent:.1f} % less than key frames only "
                f"({self.key_bits / max(self.keys, 1):.0f} bits each); the network ran for {self.network_runs} frames, "
                f"{self.encode_ms / self.frames:.2f} ms of encoding a frame"
            )
        if self.source_reconnects:
            lines.append(f"opened again {self.source_reconnects} times, each with a key frame")
        missing = (self.dropped, "dropped to keep pace"), (self.lost, "lost with a stream"), (self.refused, "refused")
        return lines + [f"{count} frames {what}" for count, what in missing if count]
