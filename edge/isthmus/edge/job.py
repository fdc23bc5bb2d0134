"""What an edge was asked to do, and the way that all jobs go: source -> encoder -> stream -> report.

A signal's `run(job)` opens its encoder, and gives packets to a `Sender` as its source brings them
(`isthmus.edge.sending`); what becomes of them comes out as rows, in the order of the inputs. For a signal whose inputs
are files, each one signal and one packet, `isthmus.edge.files` is the whole way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from isthmus.common.codec import Signal
from isthmus.common.coded import Coded, Encoder
from isthmus.common.errors import IsthmusError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.task import Task
from isthmus.common.zoo import ZooFolders
from isthmus.edge.access import NO_ACCESS, Access
from isthmus.edge.client import CloudClient
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure
from isthmus.edge.inputs import Item
from isthmus.edge.interruption import Interruption
from isthmus.edge.kept import SpoolBounds
from isthmus.edge.report import Report, Row, open_report
from isthmus.edge.sender import Deadlines
from isthmus.edge.spool import Spool
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
        deadlines: for each frame, and for all.
        spool: folder in which frames outlive the edge; None to hold them in memory.
        spool_bounds: how much is kept there.
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
    deadlines: Deadlines = Deadlines()  # noqa: RUF009  frozen
    spool: Path | None = None
    spool_bounds: SpoolBounds = SpoolBounds()  # noqa: RUF009  frozen
    access: Access = NO_ACCESS

    def wait_s(self, signal: Signal) -> float:
        """Limit for each wait for the cloud."""
        return self.timeout_s or signal.answer_timeout_s

    def open_spool(self, manifest: Manifest, task: Task[Any]) -> Spool | None:
        """The spool of a codec's frames; None where none was asked for. Raises as `Spool`."""
        if self.spool is None:
            return None
        about = (self.inputs, self.codec, self.format, self.task, self.options)
        can_be_again = all(Path(name).exists() for name in self.inputs)
        inputs = hashlib.sha256(repr(about).encode()).hexdigest() if can_be_again else ""
        codec = f"{manifest.name} ({manifest.identity.hex()[:16]}) for {task.word}"
        return Spool(self.spool, codec, self.spool_bounds, inputs)

    def open_report(self, columns: Sequence[Column], *, is_live: bool = False) -> Report:
        """Where rows go: over a spool at once, for what was told is not told again."""
        return open_report(columns, as_json=self.as_json, is_live=is_live or self.spool is not None)


def failure_row(
    name: str, error: IsthmusError, columns: Sequence[Column], where: Mapping[str, object] | None = None
) -> Row:
    """An input that came to nothing, in its place; `where` says for programs what that is, if it is not the name."""
    failure = Failure(name, error, where or {})
    return Row((name, *["-"] * (len(columns) - 1)), failure.fields, failure.message, is_failure=True)


@contextmanager
def connected(
    job: Job, signal: Signal, manifest: Manifest, task: Task[T]
) -> Iterator[tuple[CloudClient[T], Interruption]]:
    """A client of the job's cloud, and what holds back a Ctrl-C while a step of it is under way.

    Raises:
        InputError: an address that is none.
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
            wants_state_crc32=job.wants_crc32 and "state_crc32" in task.wants,
            access=job.access,
        ) as client,
    ):
        yield client, interruption


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
