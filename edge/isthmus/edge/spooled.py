"""Sending from a spool: frames are accepted here, onto the disk, and delivered and told in a thread of their own.

Theory of operation. Whoever brings frames never waits for the cloud, only for the disk (or for room, where nothing may
be dropped). A thread takes frames from the spool in their order, sends them over connections as long as that takes, and
tells their rows; what was told is noted when it was printed. An edge that is started again begins with what an earlier
one has left: frames are told from their records alone, which say all but the answer.

How rows are told from records, and noted once they are, is a matter of `isthmus.edge.spool_rows`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.errors import IsthmusError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.task import Task
from isthmus.edge.client import CloudClient
from isthmus.edge.kept import Kept
from isthmus.edge.report import Doubt, Report, Row
from isthmus.edge.sender import Deadlines, Keepable, Sender
from isthmus.edge.spool import Spool
from isthmus.edge.spool_rows import FromDisk, Printing
from isthmus.edge.terms import DeliveryCounts, Patience, RunOverError

T = TypeVar("T")

UNDER_WAY = 16
"""Frames that are sent and not told, at most."""
LOOK_S = 0.05
STOP_TIMEOUT_S = 10.0


class _StopError(Exception):
    """Nobody waits for the thread any more."""


class SpoolSender:
    """As a `Sender`, over a spool; a frame is not under way for whoever brings it, once it is accepted.

    Args:
        client: of the cloud; used by the thread alone.
        report: takes the rows, in the thread.
        spool: of frames.
        manifest, task: of the codec, and what the cloud is asked for.
        deadlines: for all; none for a frame, which the spool bounds by age.
        on_row: called with each row, in the thread.
    """

    def __init__(
        self,
        client: CloudClient[Any],
        report: Report,
        spool: Spool,
        manifest: Manifest,
        task: Task[Any],
        deadlines: Deadlines = Deadlines(),  # noqa: B008  frozen
        on_row: Callable[[Row], None] = lambda _: None,
    ) -> None:
        self.client = client
        self._spool, self._manifest, self._task = spool, manifest, task
        self._run_end_s = time.monotonic() + deadlines.run_s
        self._left_out = spool.taken_before
        self._left, self._dropped = 0, spool.dropped_count
        self._given = 0
        self._is_whole = self._wants_key = self._was_cut = False
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._printing = Printing(report, spool, on_row)
        self._sender = Sender(
            client,
            self._printing,
            on_missing=self._on_missing,
            patience=Patience(self._check, self._sleep, tries=math.inf),
            is_chained=True,
        )
        self._thread = threading.Thread(target=self._deliver, name="isthmus-spool", daemon=True)
        self._thread.start()

    @property
    def unanswered_count(self) -> int:
        """None: whoever brings frames need not wait for answers."""
        return 0

    @property
    def weight(self) -> int:
        """None, likewise."""
        return 0

    @property
    def counts(self) -> DeliveryCounts:
        """What it came to so far."""
        return self._sender.counts

    @property
    def doubt(self) -> Doubt:
        """How many answers were doubtful."""
        return self._sender.doubt

    @property
    def answered_count(self) -> int:
        """Rows that were no failures."""
        return self._sender.answered_count

    @property
    def failed_count(self) -> int:
        """Rows that were failures; a run that was cut off is one."""
        return max(self._sender.failed_count, int(self._was_cut))

    def fresh(self, items: Iterable[T]) -> Iterator[T]:
        """Those that no earlier edge took from the same inputs."""
        for item in items:
            if self._left_out:
                self._left_out -= 1
            else:
                yield item

    def send(self, packet: Packet, told: Keepable, weight: int = 0) -> bool:
        """Accept a frame; whether the next may refer to it.

        Raises:
            RunOverError: there is no time left.
            SpoolError: the disk does not take it.
            IsthmusError: what ended the delivery.
        """
        del weight
        is_kept = self._accept(packet.to_bytes(), asdict(told.record()), is_key=packet.type is PacketType.INTRA)
        wants_key, self._wants_key = self._wants_key, False
        return is_kept and not wants_key

    def place(self, row: Row) -> None:
        """Report what needs no answer, in its place. Raises as `send`."""
        if self._left_out:
            self._left_out -= 1
            return
        fields = {"cells": row.cells, "fields": row.fields, "error": row.error, "is_failure": row.is_failure}
        self._accept(None, {"row": fields}, is_key=False)

    def take(self) -> None:
        """Nothing is to be waited for."""
        self.take_ready()

    def take_ready(self) -> None:
        """Look whether all is well. Raises as `send`."""
        if self._failure is not None:
            raise self._failure
        if time.monotonic() >= self._run_end_s:
            raise RunOverError

    def drain(self) -> None:
        """Wait until all is told that was accepted. Raises as `send`."""
        while self._spool.count:
            self.take_ready()
            time.sleep(LOOK_S)

    def give_up(self, error: IsthmusError) -> None:
        """End; what is not told stays in the spool."""
        del error
        self.close()

    def cut_off(self, deadlines: Deadlines) -> None:
        """The run's time is over: end; what is not told stays in the spool."""
        del deadlines
        self._was_cut = True
        self.close()

    def complete(self) -> None:
        """All inputs were taken, and all answers told: the same inputs are new the next time."""
        self._is_whole = True

    def close(self) -> None:
        """End the thread, and leave the spool."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join(STOP_TIMEOUT_S)
        if self._is_whole and not self._spool.count:
            self._spool.finish()
        self._left, self._dropped = self._spool.count, self._spool.dropped_count - self._dropped
        self._spool.close()

    def lines(self) -> tuple[str, ...]:
        """For people, once it is closed: what is left, and what was not kept."""
        left = (f"{self._left} frames are kept in the spool",) if self._left else ()
        return left + (
            (f"{self._dropped} frames were not kept, for want of room or for their age",) * bool(self._dropped)
        )

    def _accept(self, packet: bytes | None, record: Mapping[str, Any], *, is_key: bool) -> bool:
        while True:
            self.take_ready()
            is_kept = self._spool.accept(packet, record, is_key=is_key, given=self._given)
            if is_kept is not None:
                return is_kept
            time.sleep(LOOK_S)

    def _on_missing(self, _: Any) -> None:
        self._wants_key = True

    def _check(self) -> None:
        if self._stopping.is_set():
            raise _StopError

    def _sleep(self, wait_s: float) -> None:
        if self._stopping.wait(wait_s):
            raise _StopError

    def _deliver(self) -> None:
        """The thread."""
        try:
            while True:
                self._check()
                room = UNDER_WAY - self._sender.unanswered_count
                frames = self._spool.after(self._given, room) if room else []
                for kept in frames:
                    self._given = kept.number
                    self._give(kept)
                    self._sender.take_ready()
                self._printing.note()
                if not frames and self._sender.unanswered_count:
                    self._sender.take()
                elif not frames:
                    self._sleep(LOOK_S / 5)
                self._printing.note()
        except _StopError:
            return
        except BaseException as error:  # told by whoever brings frames or waits for the end
            self._failure = error
        finally:
            with suppress(IsthmusError):
                self._printing.note()

    def _give(self, kept: Kept) -> None:
        numbered: dict[str, object] = {"spool": self._spool.id, "number": kept.number}
        if kept.packet is None:
            if not kept.is_told:
                row = kept.record["row"]
                fields = row["fields"] | numbered
                self._sender.place(Row(tuple(row["cells"]), fields, row["error"], is_failure=row["is_failure"]))
            return
        told = FromDisk(kept, numbered, self._task, self._manifest.classes)
        self._sender.send(Packet.from_bytes(kept.packet), told)
