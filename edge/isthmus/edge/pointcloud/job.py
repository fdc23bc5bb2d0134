"""A list of cloud files, classified one after another and reported for people or for programs.

A file that cannot be read, or whose frame the cloud refuses, is reported in its place and the rest goes on; what ends
the stream ends the run.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import IsthmusError
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import PointCloud
from isthmus.common.wire import Label
from isthmus.common.zoo import ZooFolders, find_codec
from isthmus.data.pointcloud.files import point_cloud_paths, read_point_cloud
from isthmus.data.pointcloud.normalize import choose_points
from isthmus.edge.call import FrameResult
from isthmus.edge.client import CloudClient
from isthmus.edge.failures import Failure, input_names, progress_bar
from isthmus.edge.pointcloud.encoder import THINNING_SEED, Encoded, Encoder

# Points drawn on a mesh where neither the user nor the codec says how many.
DEFAULT_MESH_POINTS = 2048


@dataclass(frozen=True, slots=True)
class EdgeJob:
    """What `isthmus edge` was asked to do; `points` is 0 for the codec's own number."""

    inputs: tuple[str, ...]
    address: str
    codec: str
    zoo: ZooFolders = None
    up: str | None = None
    format: str | None = None
    points: int = 0
    top_k: int = 1
    batch: int = 1
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One classified file. Bits of a batch are shared out evenly over its clouds."""

    name: str
    class_names: tuple[str, ...]
    labels: tuple[Label, ...]
    point_count: int
    signal_count: int
    estimated_bits: float
    payload_bits: float
    packet_bits: float
    encode_ms: float
    round_trip_ms: float


_Placed = tuple[int, Answer | Failure]
_Group = list[tuple[int, str, PointCloud]]


class Report(Protocol):
    """Where answers and failures go, in the order of the files."""

    def add(self, entry: Answer | Failure) -> None:
        """Take the next one."""

    def finish(self) -> None:
        """Nothing more comes."""


def run(job: EdgeJob, *, as_json: bool) -> int:
    """Do the job; return how many inputs failed.

    Raises:
        InputError: no such codec, or an address that is none.
        IsthmusError: what kept the stream from opening, or ended it.
    """
    encoder = Encoder(find_codec(job.codec, job.zoo))
    report: Report = JsonReport() if as_json else TableReport()
    failed_count = 0
    with CloudClient(
        job.address, encoder.manifest, top_k=job.top_k, connect_timeout_s=job.timeout_s, result_timeout_s=job.timeout_s
    ) as client:
        client.open()  # before any file is read: if there is no cloud, say so at once
        names = list(input_names(job.inputs, point_cloud_paths))
        with progress_bar(len(names)) as progress:
            task = progress.add_task("classifying", total=len(names))
            try:
                for entry in _classify(job, names, encoder, client):
                    failed_count += isinstance(entry, Failure)
                    report.add(entry)
                    progress.advance(task)
            finally:
                report.finish()
    return failed_count


def _classify(
    job: EdgeJob, names: list[str | Failure], encoder: Encoder, client: CloudClient
) -> Iterator[Answer | Failure]:
    # Of each packet under way: what it holds, and the files up to its last that failed before they got into one.
    waiting: deque[tuple[_Group, Encoded, list[_Placed]]] = deque()
    failures: list[_Placed] = []

    def packets() -> Iterator[Packet]:
        nonlocal failures
        group: _Group = []
        for place, name in enumerate(names):
            if isinstance(name, Failure):
                failures.append((place, name))
            else:
                try:
                    group.append((place, name, read_thinned(job, name, encoder)))
                except IsthmusError as error:
                    failures.append((place, Failure(name, error)))
            if group and (len(group) == job.batch or place == len(names) - 1):
                try:
                    encoded = encoder.encode_batch([cloud for _, _, cloud in group])
                except IsthmusError as error:
                    failures += [(at, Failure(name, error)) for at, name, _ in group]
                else:
                    waiting.append((group, encoded, failures))
                    failures = []
                    yield encoded.packet
                group = []

    for result in client.classify(packets()):
        group, encoded, failed = waiting.popleft()
        answered = _answers(encoder.manifest, group, encoded, result)
        yield from (entry for _, entry in sorted([*answered, *failed], key=lambda placed: placed[0]))
    yield from (entry for _, entry in sorted(failures, key=lambda placed: placed[0]))


def _answers(manifest: PointCloudManifest, group: _Group, encoded: Encoded, result: FrameResult) -> Iterator[_Placed]:
    if isinstance(result.outcome, IsthmusError):
        for place, name, _ in group:
            yield place, Failure(name, result.outcome)
        return
    count = len(group)
    estimated_bits = encoded.estimated_bits
    for index, ((place, name, cloud), labels) in enumerate(zip(group, result.signals, strict=True)):
        yield (
            place,
            Answer(
                name=name,
                class_names=tuple(manifest.class_names[label.class_index] for label in labels),
                labels=labels,
                point_count=len(cloud),
                signal_count=count,
                estimated_bits=float(estimated_bits[index]),
                payload_bits=encoded.payload_bits / count,
                packet_bits=encoded.packet_bits / count,
                encode_ms=encoded.timing.total_s * 1e3 / count,
                round_trip_ms=result.round_trip_s * 1e3,
            ),
        )


def read_thinned(job: EdgeJob, name: str, encoder: Encoder) -> PointCloud:
    """The cloud, thinned to what was asked for, or to what the codec was made for."""
    preprocessing = encoder.manifest.preprocessing
    wanted = job.points or preprocessing.benchmark_points
    drawn = wanted or min(DEFAULT_MESH_POINTS, preprocessing.max_points)
    up: Literal["y", "z"] | None = "y" if job.up == "y" else "z" if job.up == "z" else None
    source = sys.stdin.buffer if name == "-" else name
    cloud = read_point_cloud(source, format=job.format, points=drawn, up=up)
    if wanted and len(cloud) > wanted:
        cloud = PointCloud(choose_points(cloud.points, wanted, THINNING_SEED))
    encoder.check(cloud)
    return cloud


class JsonReport:
    """One object a line on standard output, failures included."""

    def add(self, entry: Answer | Failure) -> None:
        """Print the entry at once."""
        if isinstance(entry, Failure):
            fields: dict[str, object] = {
                "file": entry.name,
                "error": type(entry.error).__name__,
                "message": str(entry.error),
            }
        else:
            labels = [
                {"class": name, "class_index": label.class_index, "probability": label.probability}
                for name, label in zip(entry.class_names, entry.labels, strict=True)
            ]
            fields = {
                "file": entry.name,
                "class": labels[0]["class"],
                "probability": labels[0]["probability"],
                "labels": labels,
                "points": entry.point_count,
                "signals_in_packet": entry.signal_count,
                "estimated_bits": round(entry.estimated_bits, 3),
                "payload_bits": entry.payload_bits,
                "packet_bits": entry.packet_bits,
                "encode_ms": round(entry.encode_ms, 3),
                "round_trip_ms": round(entry.round_trip_ms, 3),
            }
        print(json.dumps(fields, ensure_ascii=False), flush=True)

    def finish(self) -> None:
        """Nothing is held back."""


class TableReport:
    """A table on standard output when all is done; failures go to standard error, in the table as a dash."""

    def __init__(self) -> None:
        self._console = Console()
        self._entries: list[Answer | Failure] = []

    def add(self, entry: Answer | Failure) -> None:
        """Keep it; a failure is told at once."""
        self._entries.append(entry)
        if isinstance(entry, Failure):
            print(f"error: {entry.message}", file=sys.stderr)

    def finish(self) -> None:
        """Print the table."""
        if not self._entries:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("file", overflow="fold")
        table.add_column("class")
        for heading in ("probability", "payload bits", "packet bits", "ms"):
            table.add_column(heading, justify="right", no_wrap=True)
        for entry in self._entries:
            if isinstance(entry, Failure):
                table.add_row(escape(entry.name), "-", "-", "-", "-", "-", style="red")
                continue
            table.add_row(
                escape(entry.name),
                "\n".join(map(escape, entry.class_names)),
                "\n".join(f"{label.probability:.1%}" for label in entry.labels),
                f"{entry.payload_bits:.4g}",
                f"{entry.packet_bits:.4g}",
                f"{entry.encode_ms + entry.round_trip_ms:.2f}",
            )
        self._console.print(table)
