"""What became of the frames of a video, as they come: a live table for people, lines for programs."""

from __future__ import annotations

import json
import sys
from collections import deque
from dataclasses import asdict, dataclass, fields
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from isthmus.common.errors import IsthmusError
from isthmus.common.wire import Label
from isthmus.edge.failures import Failure

# Rows of the live table, the newest last.
LIVE_ROWS = 16
LIVE_REFRESHES_PER_S = 8


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """One frame that crossed.

    Attributes:
        source: the video's name.
        index: of the frame in it.
        time_s: of the frame in it.
        kind: "key", "motion", or "residual" for motion with a residual.
        cause: why it is a key frame, "" if it is none (`isthmus.edge.video.encoder.EncodedFrame`).
        motion_bits, residual_bits, packet_bits: of the sections, and of the whole packet.
        class_names: of the labels.
        labels: best first.
        damage: as the encoder estimated it.
        network_runs: whether the edge's network ran.
        encode_ms, round_trip_ms: time to encode it, and from sending to the answer.
    """

    source: str
    index: int
    time_s: float
    kind: str
    cause: str
    motion_bits: int
    residual_bits: int
    packet_bits: int
    class_names: tuple[str, ...]
    labels: tuple[Label, ...]
    damage: float
    network_runs: bool
    encode_ms: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class FrameMissing:
    """One frame that has no answer.

    Attributes:
        source, index, time_s: as of `FrameAnswer`.
        why: "dropped" before it was encoded, "lost" with a stream, or "refused" by the cloud or the encoder.
        error: what stood in the way; None for a frame that was dropped.
    """

    source: str
    index: int
    time_s: float
    why: str
    error: IsthmusError | None = None


@dataclass(slots=True)
class VideoSummary:
    """Counts and sums over all frames; grows with them.

    Attributes:
        keys, motions, residuals: frames that were answered, by kind.
        dropped, lost, refused: frames that were not.
        reconnects: streams that were opened anew.
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

    def add(self, entry: FrameAnswer | FrameMissing) -> None:
        """Count one frame."""
        if isinstance(entry, FrameMissing):
            setattr(self, entry.why, getattr(self, entry.why) + 1)
            return
        self.keys += entry.kind == "key"
        self.motions += entry.kind == "motion"
        self.residuals += entry.kind == "residual"
        self.bits += entry.packet_bits
        self.key_bits += entry.packet_bits if entry.kind == "key" else 0
        self.network_runs += entry.network_runs
        self.encode_ms += entry.encode_ms


Entry = FrameAnswer | FrameMissing | Failure


class VideoReport(Protocol):
    """Where frames go, in their order."""

    def add(self, entry: Entry) -> None:
        """Take the next one; a `Failure` is of a whole video, or of what is left of it."""

    def finish(self, summary: VideoSummary) -> None:
        """Nothing more comes."""


class JsonVideoReport:
    """One object a line on standard output; the last one is the summary."""

    def add(self, entry: Entry) -> None:
        """Print the entry at once."""
        print(json.dumps(_json(entry), ensure_ascii=False), flush=True)

    def finish(self, summary: VideoSummary) -> None:
        """Print the summary."""
        counted = {entry.name: getattr(summary, entry.name) for entry in fields(summary)}
        derived = ("frames", "bits_per_frame", "saved_percent", "fps")
        told = counted | {name: getattr(summary, name) for name in derived}
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in told.items()}
        print(json.dumps({"summary": rounded}), flush=True)


class TableVideoReport:
    """A live table where somebody looks, else a line a frame; a summary at the end. Failures go to standard error."""

    def __init__(self) -> None:
        """Begin the table."""
        self._console = Console()
        self._rows: deque[tuple[str, ...]] = deque(maxlen=LIVE_ROWS)
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, refresh_per_second=LIVE_REFRESHES_PER_S, get_renderable=self._table
            )
            self._live.start()
        else:
            print("  ".join(_padded(HEADINGS)), flush=True)

    def add(self, entry: Entry) -> None:
        """Show the entry."""
        if isinstance(entry, Failure):
            print(f"error: {entry.message}", file=sys.stderr)
            return
        row = _row(entry)
        if self._live is not None:
            self._rows.append(row)
        else:
            print("  ".join(_padded(row)).rstrip(), flush=True)
        if isinstance(entry, FrameMissing) and entry.error is not None:
            print(f"error: {entry.source}: frame {entry.index}: {entry.why}: {entry.error}", file=sys.stderr)

    def finish(self, summary: VideoSummary) -> None:
        """Leave the table as it is, and say what it comes to."""
        if self._live is not None:
            self._live.stop()
        predicted = summary.motions + summary.residuals
        print(
            f"{summary.frames} frames in {summary.elapsed_s:.1f} s ({summary.fps:.1f} a second): {summary.keys} key, "
            f"{predicted} predicted, {summary.residuals} of them with a residual"
        )
        if summary.frames:
            print(
                f"{summary.bits_per_frame:.0f} bits a frame; {summary.saved_percent:.1f} % less than key frames only "
                f"({summary.key_bits / max(summary.keys, 1):.0f} bits each); the network ran for "
                f"{summary.network_runs} frames, {summary.encode_ms / summary.frames:.2f} ms of encoding a frame"
            )
        for count, what in (
            (summary.dropped, "dropped to keep pace"),
            (summary.lost, "lost with a stream"),
            (summary.refused, "refused"),
        ):
            if count:
                print(f"{count} frames {what}")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading, width in zip(HEADINGS, WIDTHS, strict=True):
            table.add_column(heading, justify="left" if heading in ("type", "class") else "right", min_width=width)
        for row in self._rows:
            table.add_row(*map(escape, row), style="red" if row[2] in ("lost", "refused") else "")
        return table


HEADINGS = ("frame", "time s", "type", "bytes", "class", "prob", "encode ms", "total ms")
WIDTHS = (5, 7, 8, 6, 20, 6, 9, 8)


def short_name(class_name: str) -> str:
    """The first of a class's synonyms: ImageNet names a class by all of them."""
    return class_name.split(",", 1)[0]


def _row(entry: FrameAnswer | FrameMissing) -> tuple[str, ...]:
    head = (str(entry.index), f"{entry.time_s:.2f}")
    if isinstance(entry, FrameMissing):
        return (*head, entry.why, "-", "-", "-", "-", "-")
    return (
        *head,
        entry.kind,
        str(entry.packet_bits // 8),
        short_name(entry.class_names[0]),
        f"{entry.labels[0].probability:.1%}",
        f"{entry.encode_ms:.2f}",
        f"{entry.encode_ms + entry.round_trip_ms:.2f}",
    )


def _padded(row: tuple[str, ...]) -> list[str]:
    is_left = [heading in ("type", "class") for heading in HEADINGS]
    return [text.ljust(w) if left else text.rjust(w) for text, w, left in zip(row, WIDTHS, is_left, strict=True)]


def _json(entry: Entry) -> dict[str, object]:
    if isinstance(entry, Failure):
        return {"file": entry.name, "error": type(entry.error).__name__, "message": str(entry.error)}
    head = {"file": entry.source, "frame": entry.index, "time_s": round(entry.time_s, 4)}
    if isinstance(entry, FrameMissing):
        told = {"error": type(entry.error).__name__, "message": str(entry.error)} if entry.error is not None else {}
        return head | {"missing": entry.why} | told
    labels = [
        {"class": name, "class_index": label.class_index, "probability": label.probability}
        for name, label in zip(entry.class_names, entry.labels, strict=True)
    ]
    left = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(entry).items()
        if name not in ("source", "index", "time_s", "kind", "class_names", "labels")
    }
    first = {"type": entry.kind, "class": labels[0]["class"], "probability": labels[0]["probability"]}
    return head | first | {"labels": labels} | left
