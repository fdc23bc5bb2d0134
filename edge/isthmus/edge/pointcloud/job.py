"""Files of point clouds, classified: read, thinned, coded alone or in batches, sent one after another.

A file that cannot be read, or whose frame the cloud refuses, is reported in its place and the rest goes on; what ends
the stream ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus.common.bits.symbols import Symbols
from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.signals import PointCloud
from isthmus.common.task import Task
from isthmus.common.tasks import Labels
from isthmus.common.zoo import find_codec
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure, tell_notes
from isthmus.edge.inputs import Item, Place
from isthmus.edge.job import Job, Packed, connected, failure_row, pack_files
from isthmus.edge.pointcloud.coding import read_item
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.edge.pointcloud.inputs import CloudInputs
from isthmus.edge.pointcloud.options import PointCloudOptions
from isthmus.edge.report import Row, task_columns
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Record
from isthmus.edge.sending import sending


@dataclass(frozen=True, slots=True)
class _Placed:
    """A cloud in its place among the inputs, or the row of an input that has none."""

    place: Place
    row: Row | None = None
    cloud: PointCloud | None = None


def run(job: Job) -> int:
    """Do the job; return how many inputs failed.

    Raises:
        InputError: no such codec, or an address that is none.
        IsthmusError: what kept the stream from opening, or ended it.
    """
    options: PointCloudOptions = job.options or PointCloudOptions()
    if job.spool is not None and options.batch > 1:
        raise InputError(f"--batch: expected 1 with --spool, where each cloud is kept by itself, got {options.batch}")
    encoder = PointCloudEncoder(find_codec(job.codec, job.zoo), engine=job.engine)
    task: Task[Labels] = encoder.manifest.task_for(job.task)
    columns = (
        Column("file"),
        *task_columns(task),
        Column("payload bits", is_number=True),
        Column("packet bits", is_number=True),
        Column("ms", is_number=True),
    )
    with connected(job, POINT_CLOUD, encoder.manifest, task) as (client, interruption):
        inputs = CloudInputs(job.inputs, options, job.format)
        with sending(
            client, job.open_report(columns), inputs.count, "classifying", interruption, job, encoder.manifest, task
        ) as sender:
            for group in _groups(job, options, encoder, sender.fresh(inputs), columns):
                try:
                    coded = encoder.encode_batch([placed.cloud for placed in group if placed.cloud is not None])
                except IsthmusError as error:  # also where no cloud of the group could be read
                    for row in _failed(group, error, columns):
                        sender.place(row)
                    continue
                sender.send(coded.packet, _GroupTold(group, coded, columns, encoder.manifest.class_names, task))
                sender.take_ready()
            sender.drain()
        return sender.failed_count


def pack(job: Job) -> Iterator[Packed | Failure]:
    """The packets of what was named, one a cloud. InputError: no such codec."""
    options: PointCloudOptions = job.options or PointCloudOptions()
    encoder = PointCloudEncoder(find_codec(job.codec, job.zoo), engine=job.engine)
    inputs = CloudInputs(job.inputs, options, job.format)
    return pack_files(encoder, inputs, lambda item: _read(item, job, options, encoder))


def _read(item: Item, job: Job, options: PointCloudOptions, encoder: PointCloudEncoder) -> PointCloud:
    """The cloud of an item; what is to be said of it is said to people here, to programs in its row."""
    cloud = read_item(item, job.format, options, encoder)
    if not job.as_json:
        tell_notes(item.place.name, cloud.notes)
    return cloud


def _groups(
    job: Job,
    options: PointCloudOptions,
    encoder: PointCloudEncoder,
    inputs: Iterable[Item | Failure],
    columns: Sequence[Column],
) -> Iterator[list[_Placed]]:
    """Clouds that are coded together, with the failures that came among them."""
    group: list[_Placed] = []
    count = 0
    for item in inputs:
        if isinstance(item, Failure):
            row = failure_row(item.name, item.error, columns, item.where)
            group.append(_Placed(Place.of_file(item.name), row))
        else:
            try:
                group.append(_Placed(item.place, cloud=_read(item, job, options, encoder)))
                count += 1
            except IsthmusError as error:
                group.append(_Placed(item.place, _failed_row(item.place, error, columns)))
        if count in (0, options.batch):  # what cannot be read waits for no cloud before it
            yield group
            group, count = [], 0
    if group:
        yield group


def _failed(group: Sequence[_Placed], error: IsthmusError, columns: Sequence[Column]) -> list[Row]:
    """The rows of a group whose clouds came to nothing."""
    return [placed.row or _failed_row(placed.place, error, columns) for placed in group]


def _failed_row(place: Place, error: IsthmusError, columns: Sequence[Column]) -> Row:
    return failure_row(place.name, error, columns, place.fields)


@dataclass(frozen=True, slots=True)
class _GroupTold:
    """How the result of one packet is told: a row a cloud. Bits of a batch are shared out evenly over its clouds."""

    group: Sequence[_Placed]
    coded: Coded[Symbols]
    columns: Sequence[Column]
    class_names: tuple[str, ...]
    task: Task[Labels]

    def answered(self, result: FrameResult[Labels]) -> Sequence[Row]:
        """Rows in the order of the inputs."""
        if isinstance(result.outcome, IsthmusError):
            return self.missing("refused", result.outcome)
        signals = iter(range(self.coded.packet.signal_count))
        return [
            placed.row
            if placed.cloud is None and placed.row is not None
            else self._row(placed, next(signals), result, result.outcome)
            for placed in self.group
        ]

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        """The same failure for each cloud of the packet."""
        del why
        return _failed(self.group, error, self.columns)

    def record(self) -> Record:
        """Of the one cloud that it is."""
        (placed,) = self.group
        cells = (f"{self.coded.payload_bits:.4g}", f"{self.coded.packet_bits:.4g}")
        return Record(
            placed.place.name,
            placed.place.fields,
            (placed.place.name,),
            cells,
            self._fields(placed, 0),
            self.coded.timing.total_s * 1e3,
        )

    def _fields(self, placed: _Placed, signal: int) -> dict[str, object]:
        """For programs, of one cloud."""
        count = self.coded.packet.signal_count
        return {
            "points": 0 if placed.cloud is None else len(placed.cloud),
            "points_left_out": 0 if placed.cloud is None else placed.cloud.left_out_count,
            "notes": [] if placed.cloud is None else list(placed.cloud.notes),
            "signals_in_packet": count,
            "estimated_bits": round(float(self.coded.estimated_bits[signal]), 3),
            "payload_bits": self.coded.payload_bits / count,
            "packet_bits": self.coded.packet_bits / count,
        }

    def _row(self, placed: _Placed, signal: int, result: FrameResult[Labels], outcome: Labels) -> Row:
        count = self.coded.packet.signal_count
        told = self.task.tell(outcome.of(signal), self.class_names)
        encode_ms, round_trip_ms = self.coded.timing.total_s * 1e3 / count, result.round_trip_s * 1e3
        payload_bits, packet_bits = self.coded.payload_bits / count, self.coded.packet_bits / count
        cells = (f"{payload_bits:.4g}", f"{packet_bits:.4g}", f"{encode_ms + round_trip_ms:.2f}")
        fields: dict[str, Any] = {**placed.place.fields, **told.fields, **self._fields(placed, signal)}
        fields |= {"encode_ms": round(encode_ms, 3), "round_trip_ms": round(round_trip_ms, 3)}
        return Row((placed.place.name, *told.cells, *cells), fields)
