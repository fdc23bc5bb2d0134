"""How what became of one frame of a video is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from isthmus.common.coded import Coded
from isthmus.common.errors import IsthmusError, SymbolMismatchError
from isthmus.common.task import Task
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.video.source import SourceFrame
from isthmus.edge.report import Row
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Record
from isthmus.edge.video.detail import FrameDetail
from isthmus.edge.video.place import FramePlace
from isthmus.edge.video.placing import placed
from isthmus.edge.video.summary import VideoCounts


class Flow(Protocol):
    """What frames go through (`isthmus.edge.video.flow`)."""

    counts: VideoCounts

    @property
    def manifest(self) -> VideoManifest:
        """Of the codec."""

    @property
    def task(self) -> Task[Any]:
        """Of the codec."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the codec."""

    def distrust(self) -> None:
        """The cloud's latents are not the encoder's: nothing may refer to them."""

    def missing(self, place: FramePlace, why: str, error: IsthmusError | None = None) -> Row:
        """The row of a frame without an answer."""


@dataclass(slots=True, eq=False)
class FrameTold:
    """How the result of one frame is told; it is kept till then, for a cloud that has to be given it anew."""

    flow: Flow
    number: int
    place: FramePlace
    coded: Coded[FrameDetail]
    frame: SourceFrame

    def answered(self, result: FrameResult[Any]) -> Sequence[Row]:
        """One row."""
        if isinstance(result.outcome, IsthmusError):
            return self.missing("refused", result.outcome)
        if (error := self._other_state(result.outcome)) is not None:
            self.flow.distrust()
            return self.missing("refused", error)
        self.flow.counts.add(self.coded)
        size = (self.frame.image.height, self.frame.image.width)
        told = self.flow.task.tell(placed(self.flow.manifest, result.outcome, *size), self.flow.class_names)
        encode_ms, round_trip_ms = self.coded.timing.total_s * 1e3, result.round_trip_s * 1e3
        record = self.record()
        cells = (
            *record.head,
            *(cell.split("\n", 1)[0] for cell in told.cells),
            *(*record.tail, f"{encode_ms + round_trip_ms:.2f}"),
        )
        fields = {**record.place, **told.fields, **record.fields}
        fields |= {"encode_ms": round(encode_ms, 4), "round_trip_ms": round(round_trip_ms, 4)}
        return [Row(cells, fields)]

    def _other_state(self, outcome: Any) -> SymbolMismatchError | None:
        """What is wrong where the cloud has proven its latents, and they are not the encoder's."""
        told, own = getattr(outcome, "state_crc32", -1), self.coded.detail.state.crc32()
        if told in (-1, own):
            return None
        return SymbolMismatchError(f"expected latents of CRC-32 {own:08x}, as sent, the cloud has {told:08x}")

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        """One row."""
        return [self.flow.missing(self.place, why, error)]

    def record(self) -> Record:
        """What is known of it without its answer."""
        detail, encode_ms = self.coded.detail, self.coded.timing.total_s * 1e3
        head = str(self.place.index), f"{self.place.time_s:.2f}", detail.kind, str(self.coded.packet_bits // 8)
        fields = {
            "cause": detail.cause,
            "motion_bits": detail.motion_bits,
            "residual_bits": detail.residual_bits,
            "packet_bits": self.coded.packet_bits,
            "damage": round(detail.damage, 4),
            "network_runs": detail.network_runs,
        }
        return Record(
            f"{self.place.source}: frame {self.place.index}",
            self.place.fields | {"type": detail.kind},
            head,
            (f"{encode_ms:.2f}",),
            fields,
            encode_ms,
            {"state_crc32": detail.state.crc32()},
        )
