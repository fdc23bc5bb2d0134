"""The whole way of a signal whose inputs are files, each one signal and one packet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.common.codec import Signal
from isthmus.common.coded import Coded, Encoder
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.task import Task, Told
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure
from isthmus.edge.inputs import Inputs, Item, Place
from isthmus.edge.job import Job, connected, failure_row
from isthmus.edge.report import Row, task_columns
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Record
from isthmus.edge.sending import sending


@dataclass(frozen=True, slots=True)
class Beside:
    """What a signal tells of each file beside the task's answer.

    Attributes:
        columns: of the table.
        tell: a cell for each, and the fields of JSON: (item, signal, coded).
        fit: of an item and its signal, what puts an outcome of the task onto it.
    """

    columns: tuple[Column, ...] = (Column("packet bits", is_number=True),)
    tell: Callable[[Item, Any, Coded[Any]], Told] = lambda _, __, coded: Told(
        (f"{coded.packet_bits}",), {"packet_bits": coded.packet_bits}
    )
    fit: Callable[[Item, Any], Callable[[Any], Any]] = lambda _, __: lambda outcome: outcome


PACKET_BITS = Beside()


def run_files(
    job: Job,
    signal: Signal,
    encoder: Encoder[Any, Any],
    paths_of: Callable[[Iterable[str | Path]], list[Path]],
    read: Callable[[Item], Any],
    beside: Beside = PACKET_BITS,
) -> int:
    """Send files, one packet each, and report what the codec's task makes of them.

    Args:
        job: as asked for.
        signal: of the codec.
        encoder: of the codec.
        paths_of: the files of what was named. InputError where there is none.
        read: the signal of an item.
        beside: what is told of each beside the answer.

    Returns:
        How many came to nothing.

    Raises:
        IsthmusError: what kept the stream from opening, or ended it.
    """
    task = encoder.manifest.task_for(job.task)
    columns = (Column("file"), *task_columns(task), *beside.columns, Column("ms", is_number=True))
    with connected(job, signal, encoder.manifest, task) as (client, interruption):
        inputs = Inputs(job.inputs, paths_of, signal.message_types, getattr(job.options, "topic", ""))
        with sending(
            client, job.open_report(columns), inputs.count, "sending", interruption, job, encoder.manifest, task
        ) as sender:
            for item in sender.fresh(inputs):
                if isinstance(item, Failure):
                    sender.place(failure_row(item.name, item.error, columns, item.where))
                    continue
                place = item.place
                try:
                    found = read(item)
                    coded = encoder.encode(found)
                    told, fit = beside.tell(item, found, coded), beside.fit(item, found)
                except IsthmusError as error:
                    sender.place(failure_row(place.name, error, columns, place.fields))
                    continue
                encode_ms = coded.timing.total_s * 1e3
                sender.send(
                    coded.packet, _FileTold(place, told, encode_ms, columns, encoder.manifest.classes, task, fit)
                )
                sender.take_ready()
            sender.drain()
        return sender.failed_count


@dataclass(frozen=True, slots=True)
class _FileTold:
    """How the result of one file is told."""

    place: Place
    beside: Told
    encode_ms: float
    columns: Sequence[Column]
    class_names: tuple[str, ...]
    task: Task[Any]
    fit: Callable[[Any], Any]

    def answered(self, result: FrameResult[Any]) -> Sequence[Row]:
        if isinstance(result.outcome, IsthmusError):
            return self.missing("refused", result.outcome)
        try:
            told = self.task.tell(self.fit(result.outcome), self.class_names)
        except InputError as error:  # of what is kept of it, a full disk say
            return self.missing("refused", error)
        round_trip_ms = result.round_trip_s * 1e3
        cells = (self.place.name, *told.cells, *self.beside.cells, f"{self.encode_ms + round_trip_ms:.2f}")
        times = {"encode_ms": round(self.encode_ms, 3), "round_trip_ms": round(round_trip_ms, 3)}
        fields = {**self.place.fields, **told.fields, **self.beside.fields, **times}
        return [Row(cells, fields)]

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        del why
        return [failure_row(self.place.name, error, self.columns, self.place.fields)]

    def record(self) -> Record:
        place, beside = self.place, self.beside
        return Record(place.name, place.fields, (place.name,), beside.cells, beside.fields, self.encode_ms)
