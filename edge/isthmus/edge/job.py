"""What an edge was asked to do, and the way that all jobs go: source -> encoder -> stream -> report.

A signal's `run(job)` opens its encoder, and gives packets to a `Sender` as its source brings them; what becomes of them
comes out as rows, in the order of the inputs. `run_files` is the whole way for a signal whose inputs are files, each
one signal and one packet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from isthmus.common.codec import Signal
from isthmus.common.coded import Coded, Encoder
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.task import Task, Told
from isthmus.common.zoo import ZooFolders
from isthmus.edge.access import NO_ACCESS, Access
from isthmus.edge.client import CloudClient, new_stream
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure, progress_bar
from isthmus.edge.inputs import Inputs, Item, Place
from isthmus.edge.interruption import Interruption
from isthmus.edge.report import Report, Row, Summary, open_report, task_columns
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Sender
from isthmus.runtime.engine import AUTO

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """What `isthmus edge` was asked to do.

    Attributes:
        inputs: files, folders, "-" for standard input, or whatever the signal reads.
        address: of the cloud.
        codec: a codec's name or folder, or a family's name.
        zoo: where codecs are looked for, None for the usual places.
        format: of the inputs, "" to tell by their names.
        timeout_s: limit for each wait for the cloud, 0 for the signal's usual one.
        engine: what runs the networks.
        as_json: whether programs read what is reported.
        options: the signal's own, None for its defaults.
        task: what the codec is asked for, in a word or verb; "" for its first.
        at_most_once: whether what may have been run is lost rather than sent again (`isthmus.edge.sender`).
        wants_crc32: whether every message ends with its CRC-32.
        access: TLS and token.
    """

    inputs: tuple[str, ...]
    address: str
    codec: str
    zoo: ZooFolders = None
    format: str = ""
    timeout_s: float = 0.0
    engine: str = AUTO
    as_json: bool = False
    options: Any = None
    task: str = ""
    at_most_once: bool = False
    wants_crc32: bool = False
    access: Access = NO_ACCESS

    def wait_s(self, signal: Signal) -> float:
        """Limit for each wait for the cloud."""
        return self.timeout_s or signal.answer_timeout_s


def failure_row(
    name: str, error: IsthmusError, columns: Sequence[Column], where: Mapping[str, object] | None = None
) -> Row:
    """An input that came to nothing, in its place; `where` says for programs what that is, if it is not the name."""
    failure = Failure(name, error, where or {})
    return Row((name, *["-"] * (len(columns) - 1)), failure.fields, failure.message, is_failure=True)


@contextmanager
def sending(
    client: CloudClient[Any], report: Report, count: int, what: str, interruption: Interruption, job: Job
) -> Iterator[Sender]:
    """A sender over so many inputs, with a bar over them; what was answered, or lost, is reported however it ends."""
    with progress_bar(count) as progress:
        bar = progress.add_task(what, total=count)
        sender = Sender(
            client,
            report,
            at_most_once=job.at_most_once,
            on_row=lambda _: progress.advance(bar),
            interruption=interruption,
        )
        try:
            yield sender
        except IsthmusError as error:
            sender.give_up(error)
            raise
        finally:
            report.finish(Summary((*sender.doubt.lines(), *sender.lines())))


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


@contextmanager
def connected(
    job: Job, signal: Signal, manifest: Manifest, task: Task[T]
) -> Iterator[tuple[CloudClient[T], Interruption]]:
    """An open stream to the job's cloud, and what holds back a Ctrl-C while a step of it is under way.

    Raises:
        InputError: an address that is none.
        IsthmusError: what kept the stream from opening. No input was read until then.
    """
    wait_s = job.wait_s(signal)
    with (
        Interruption() as interruption,
        CloudClient(
            job.address,
            manifest,
            task,
            top_k=getattr(job.options, "top_k", 1),
            connect_timeout_s=wait_s,
            result_timeout_s=wait_s,
            while_waiting=interruption.check,
            wants_crc32=job.wants_crc32,
            access=job.access,
        ) as client,
    ):
        client.open(new_stream())
        yield client, interruption


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
            client, open_report(columns, as_json=job.as_json), inputs.count, "sending", interruption, job
        ) as sender:
            for item in inputs:
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
class Packed:
    """One packet that stays here.

    Attributes:
        name: of its input.
        manifest: of its codec.
        coded: the packet.
        words: a few about it.
        stem: what its file is called where it has one of its own, "" for the name's.
    """

    name: str
    manifest: Manifest
    coded: Coded[Any]
    words: str
    stem: str = ""

    @property
    def summary(self) -> str:
        """For people."""
        return f"{self.manifest.name}, {self.words}"


def pack_files(
    encoder: Encoder[Any, Any], inputs: Iterable[Item | Failure], read: Callable[[Item], Any]
) -> Iterator[Packed | Failure]:
    """The packets of items, one each; what cannot be read or coded keeps its place as a failure."""
    for item in inputs:
        if isinstance(item, Failure):
            yield item
            continue
        place = item.place
        try:
            coded = encoder.encode(read(item))
        except IsthmusError as error:
            yield Failure(place.name, error, place.fields)
            continue
        yield Packed(place.name, encoder.manifest, coded, f"{coded.packet.size_bytes} bytes", place.stem)


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
