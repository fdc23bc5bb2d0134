"""A sender over many inputs, as a job asks for it: held in memory, or over a spool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from isthmus.common.errors import IsthmusError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.task import Task
from isthmus.edge.client import CloudClient
from isthmus.edge.failures import progress_bar
from isthmus.edge.interruption import Interruption
from isthmus.edge.job import Job
from isthmus.edge.outcome import run_summary
from isthmus.edge.report import Report
from isthmus.edge.sender import Sender
from isthmus.edge.spooled import SpoolSender
from isthmus.edge.terms import RunOverError


@contextmanager
def sending(
    client: CloudClient[Any],
    report: Report,
    count: int,
    what: str,
    interruption: Interruption,
    job: Job,
    manifest: Manifest,
    task: Task[Any],
) -> Iterator[Sender | SpoolSender]:
    """A sender over so many inputs, with a bar over them; what was answered, or lost, is reported however it ends.

    Where the job's time is over, this ends, and what was under way is lost, unless a spool keeps it.
    """
    with progress_bar(count) as progress:
        bar = progress.add_task(what, total=count)
        sender: Sender | SpoolSender
        if (spool := job.open_spool(manifest, task)) is not None:
            sender = SpoolSender(
                client, report, spool, manifest, task, job.deadlines, on_row=lambda _: progress.advance(bar)
            )
        else:
            sender = Sender(
                client,
                report,
                at_most_once=job.at_most_once,
                deadlines=job.deadlines,
                on_row=lambda _: progress.advance(bar),
                interruption=interruption,
            )
        try:
            yield sender
            sender.complete()
        except RunOverError:
            sender.cut_off(job.deadlines)
        except IsthmusError as error:
            sender.give_up(error)
            raise
        finally:
            sender.close()
            report.finish(run_summary(sender))
