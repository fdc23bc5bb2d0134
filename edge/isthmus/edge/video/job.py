"""Videos sent one after another through one stream (`isthmus.edge.video.flow`), or kept as packets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from isthmus.common.errors import InputError
from isthmus.common.task import Task
from isthmus.common.video.signal import VIDEO
from isthmus.common.zoo import find_codec
from isthmus.data.video.source import VideoSource
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure
from isthmus.edge.job import Job, Packed, connected
from isthmus.edge.report import Row, task_columns
from isthmus.edge.terms import RunOverError
from isthmus.edge.video.coding import open_asked, open_encoder
from isthmus.edge.video.flow import VideoFlow
from isthmus.edge.video.options import VideoOptions


def run(job: Job) -> int:
    """Do the job; return how many frames failed, and inputs that could not be read to their end.

    Raises:
        InputError: no such codec, or an address that is none.
        IsthmusError: what kept the stream from opening, or ended it for good.
    """
    options: VideoOptions = job.options or VideoOptions()
    encoder = open_encoder(find_codec(job.codec, job.zoo), options, job.engine)
    with connected(job, VIDEO, encoder.manifest, encoder.manifest.task) as (client, interruption):
        report = job.open_report(columns(encoder.manifest.task), is_live=True)
        flow = VideoFlow(
            options,
            encoder,
            client,
            report,
            interruption=interruption,
            at_most_once=job.at_most_once,
            deadlines=job.deadlines,
            spool=job.open_spool(encoder.manifest, encoder.manifest.task),
        )
        try:
            unread = sum(not _send_input(job, options, flow, name) for name in job.inputs)
            interruption.hold()
            flow.complete()
        except RunOverError:
            unread = 0
            flow.cut_off(job.deadlines)
        except KeyboardInterrupt:
            if interruption.is_final:
                raise
            unread = 0  # how a camera is ended: what was sent is answered and summed up, unless Ctrl-C comes again
            if job.spool is None:
                flow.drain()
        finally:
            flow.finish()
        return flow.failed_count + unread  # in here: past the `with` a Ctrl-C would end a run that has told all


def pack(job: Job) -> Iterator[Packed | Failure]:
    """The packets of what was named, one a frame. InputError: no such codec."""
    options: VideoOptions = job.options or VideoOptions()
    encoder = open_encoder(find_codec(job.codec, job.zoo), options, job.engine)
    for name in job.inputs:
        encoder.force_key()
        try:
            with _opened(job, options, name) as video:
                for frame in islice(video, options.limit or None):
                    coded = encoder.encode(frame)
                    kind = "key frame" if coded.detail.is_key else "predicted"
                    words = f"{kind}, {coded.packet.size_bytes} bytes"
                    yield Packed(f"{name}, frame {frame.index}", encoder.manifest, coded, words)
        except InputError as error:
            yield Failure(name, error)


def columns(task: Task[Any]) -> tuple[Column, ...]:
    """Of the table of frames."""
    return (
        Column("frame", is_number=True, width=5),
        Column("time s", is_number=True, width=7),
        Column("type", width=8),
        Column("bytes", is_number=True, width=6),
        *task_columns(task, widths=(20, 11)),
        Column("encode ms", is_number=True, width=9),
        Column("total ms", is_number=True, width=8),
    )


def _send_input(job: Job, options: VideoOptions, flow: VideoFlow, name: str) -> bool:
    """Send one video; whether it could be read to its end."""
    try:
        with _opened(job, options, name, flow.take_ready) as video:
            flow.send_all(video)
    except InputError as error:
        flow.drain()
        failure = Failure(name, error)
        flow.tell(Row((), failure.fields, failure.message, is_failure=True))
        return False
    flow.drain()
    return True


def _opened(
    job: Job, options: VideoOptions, name: str, while_waiting: Callable[[], None] = lambda: None
) -> VideoSource:
    source: str | BinaryIO = sys.stdin.buffer if name == "-" else name
    return open_asked(source, options, job.format, while_waiting)
