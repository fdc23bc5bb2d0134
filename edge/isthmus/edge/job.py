"""What an edge was asked to do, and the way that all jobs go: source -> encoder -> stream -> report.

A signal's `run(job)` opens its encoder, and gives packets to a `Sender` as its source brings them; what becomes of them
comes out as rows, in the order of the inputs. `run_files` is the whole way for a signal whose inputs are files, each
one signal and one packet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.common.codec import Signal
from isthmus.common.coded import Coded, Encoder
from isthmus.common.errors import IsthmusError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.tasks import Task, Told
from isthmus.common.zoo import ZooFolders
from isthmus.edge.client import CloudClient
from isthmus.edge.failures import Failure, input_names, progress_bar
from isthmus.edge.interruption import Interruption
from isthmus.edge.report import Column, Report, Row, Summary, open_report, task_columns
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Sender
from isthmus.runtime.engine import AUTO


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

    def wait_s(self, signal: Signal) -> float:
        """Limit for each wait for the cloud."""
        return self.timeout_s or signal.answer_timeout_s


def failure_row(name: str, error: IsthmusError, columns: Sequence[Column]) -> Row:
    """An input that came to nothing, in its place."""
    failure = Failure(name, error)
    return Row((name, *["-"] * (len(columns) - 1)), failure.fields, failure.message, is_failure=True)


@contextmanager
def sending(
    client: CloudClient[Any], report: Report, names: Sequence[str | Failure], what: str, interruption: Interruption
) -> Iterator[Sender]:
    """A sender over a list of inputs, with a bar over them; what was answered is reported however it ends."""
    with progress_bar(len(names)) as progress:
        bar = progress.add_task(what, total=len(names))
        sender = Sender(client, report, on_row=lambda _: progress.advance(bar), interruption=interruption)
        try:
            yield sender
        finally:
            report.finish(Summary(sender.doubt.lines()))


@dataclass(frozen=True, slots=True)
class Beside:
    """What a signal tells of each file beside the task's answer.

    Attributes:
        columns: of the table.
        tell: a cell for each, and the fields of JSON: (name, signal, coded).
    """

    columns: tuple[Column, ...] = (Column("packet bits", is_number=True),)
    tell: Callable[[str, Any, Coded[Any]], Told] = lambda _, __, coded: Told(
        (f"{coded.packet_bits}",), {"packet_bits": coded.packet_bits}
    )


PACKET_BITS = Beside()


def run_files(
    job: Job,
    signal: Signal,
    encoder: Encoder[Any, Any],
    paths_of: Callable[[Iterable[str | Path]], list[Path]],
    read: Callable[[str], Any],
    beside: Beside = PACKET_BITS,
) -> int:
    """Send files, one packet each, and report what the codec's task makes of them.

    Args:
        job: as asked for.
        signal: of the codec.
        encoder: of the codec.
        paths_of: the files of what was named. InputError where there is none.
        read: the signal in a file.
        beside: what is told of each beside the answer.

    Returns:
        How many came to nothing.

    Raises:
        IsthmusError: what kept the stream from opening, or ended it.
    """
    task = encoder.manifest.task_for(job.task)
    columns = (Column("file"), *task_columns(task), *beside.columns, Column("ms", is_number=True))
    wait_s = job.wait_s(signal)
    with (
        Interruption() as interruption,
        CloudClient(
            job.address,
            encoder.manifest,
            task,
            top_k=getattr(job.options, "top_k", 1),
            connect_timeout_s=wait_s,
            result_timeout_s=wait_s,
            while_waiting=interruption.check,
        ) as client,
    ):
        client.open()  # before any file is read: if there is no cloud, say so at once
        names = list(input_names(job.inputs, paths_of))
        with sending(client, open_report(columns, as_json=job.as_json), names, "sending", interruption) as sender:
            for name in names:
                if isinstance(name, Failure):
                    sender.place(failure_row(name.name, name.error, columns))
                    continue
                try:
                    found = read(name)
                    coded = encoder.encode(found)
                    told = beside.tell(name, found, coded)
                except IsthmusError as error:
                    sender.place(failure_row(name, error, columns))
                    continue
                encode_ms = coded.timing.total_s * 1e3
                sender.send(coded.packet, _FileTold(name, told, encode_ms, columns, encoder.manifest.classes, task))
                sender.take_ready()
            sender.drain()
        return sender.failed_count


@dataclass(frozen=True, slots=True)
class Packed:
    """One packet that stays here: its input's name, its codec, and a few words about it."""

    name: str
    manifest: Manifest
    coded: Coded[Any]
    words: str

    @property
    def summary(self) -> str:
        """For people."""
        return f"{self.manifest.name}, {self.words}"


def pack_files(
    encoder: Encoder[Any, Any], names: Iterable[str | Failure], read: Callable[[str], Any]
) -> Iterator[Packed | Failure]:
    """The packets of files, each one signal; what cannot be read or coded keeps its place as a failure."""
    for name in names:
        if isinstance(name, Failure):
            yield name
            continue
        try:
            coded = encoder.encode(read(name))
        except IsthmusError as error:
            yield Failure(name, error)
            continue
        yield Packed(name, encoder.manifest, coded, f"{coded.packet.size_bytes} bytes")


@dataclass(frozen=True, slots=True)
class _FileTold:
    """How the result of one file is told."""

    name: str
    beside: Told
    encode_ms: float
    columns: Sequence[Column]
    class_names: tuple[str, ...]
    task: Task[Any]

    def answered(self, result: FrameResult[Any]) -> Sequence[Row]:
        if isinstance(result.outcome, IsthmusError):
            return [failure_row(self.name, result.outcome, self.columns)]
        told = self.task.tell(result.outcome, self.class_names)
        round_trip_ms = result.round_trip_s * 1e3
        cells = (self.name, *told.cells, *self.beside.cells, f"{self.encode_ms + round_trip_ms:.2f}")
        times = {"encode_ms": round(self.encode_ms, 3), "round_trip_ms": round(round_trip_ms, 3)}
        fields = {"file": self.name} | told.fields | self.beside.fields | times
        return [Row(cells, fields)]

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        del why
        return [failure_row(self.name, error, self.columns)]
