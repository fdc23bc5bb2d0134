"""Frames of videos into one stream, and what becomes of them out of it.

Theory of operation. Frames are encoded one ahead of the cloud and answered in order (`isthmus.edge.sender`). Whenever
the cloud may not hold what the next frame would be predicted from, that frame is made a key frame: after a frame that
was refused (a lost reference among them) and after a cloud that held the stream is gone: the frames under way are
then encoded anew, the first as a key frame. A cloud without the reference refuses a frame rather than to guess, so no
result in between is wrong.

In real time a frame waits for its time, and is dropped if too many are unanswered or it is late: before it is encoded,
so that nothing refers to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import CloudUnreachableError, InputError, IsthmusError
from isthmus.common.task import Task
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.video.source import SourceFrame, VideoSource
from isthmus.edge.client import CloudClient
from isthmus.edge.failures import tell_notes
from isthmus.edge.interruption import Interruption
from isthmus.edge.outcome import delivery_fields, delivery_lines, run_summary
from isthmus.edge.report import Report, Row, Summary, error_fields
from isthmus.edge.sender import Deadlines, Sender
from isthmus.edge.spool import Spool
from isthmus.edge.spooled import SpoolSender
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.frame_told import FrameTold
from isthmus.edge.video.options import VideoOptions
from isthmus.edge.video.place import FramePlace
from isthmus.edge.video.summary import VideoCounts

# Unanswered frames: enough to hide the way to the cloud and back; in real time, few, as each is a frame's delay.
MAX_IN_FLIGHT = 16
REALTIME_MAX_IN_FLIGHT = 2

# In real time a frame that is later than this many frame periods is dropped.
MAX_LATE_FRAMES = 2.0

# How long to look away while waiting for a frame's time.
POLL_S = 0.002


class VideoFlow:
    """One encoder and one stream; frames go in, and come out of it to the report in their order.

    Args:
        options: pace and bounds.
        encoder: of the stream's codec.
        client: of the stream.
        report: takes what becomes of the frames.
        at_most_once: whether what may have been run is lost rather than sent again.
        deadlines: for each frame, and for all.
        spool: in which frames outlive the edge, None to hold them in memory.
        max_in_flight: unanswered frames at most, 0 for the usual number.
        interruption: what holds Ctrl-C back.
        sleep: waits; another for tests.
    """

    def __init__(  # noqa: PLR0913  each by its name
        self,
        options: VideoOptions,
        encoder: VideoEncoder,
        client: CloudClient[Any],
        report: Report,
        max_in_flight: int = 0,
        interruption: Interruption | None = None,
        sleep: Callable[[float], None] | None = None,
        *,
        at_most_once: bool = False,
        deadlines: Deadlines = Deadlines(),  # noqa: B008  frozen
        spool: Spool | None = None,
    ) -> None:
        self.counts = VideoCounts()
        self.report = report
        self._options, self._encoder = options, encoder
        self._max_in_flight = max_in_flight
        self._interruption = interruption or Interruption()
        self._sleep = sleep or self._interruption.sleep
        self._is_spooled = spool is not None
        if spool is not None:
            self._sender: Sender | SpoolSender = SpoolSender(
                client, report, spool, encoder.manifest, encoder.manifest.task, deadlines
            )
        else:
            self._sender = self._held_in_memory(client, at_most_once=at_most_once, deadlines=deadlines)
        self._number = 0
        self._key_number = 0  # of the newest key frame
        self._start_s = 0.0

    def _held_in_memory(self, client: CloudClient[Any], *, at_most_once: bool, deadlines: Deadlines) -> Sender:
        return Sender(
            client,
            self.report,
            recode=self._recode,
            at_most_once=at_most_once,
            deadlines=deadlines,
            on_missing=self._on_missing,
            on_lost=self._encoder.force_key,
            interruption=self._interruption,
            sleep=self._sleep,
        )

    def send_all(self, video: VideoSource) -> None:
        """Send the frames of one video.

        Raises:
            InputError: what the video cannot give; all frames before it were sent.
            IsthmusError: the cloud is gone for good.
        """
        self._start_s = self._start_s or time.perf_counter()
        self._encoder.force_key()
        paces = self._options.realtime or video.is_live
        bound = self._max_in_flight or (REALTIME_MAX_IN_FLIGHT if paces else MAX_IN_FLIGHT)
        begin_s = -1.0
        frames = islice(video, self._options.limit or None)
        for frame in frames if video.is_live else self._sender.fresh(frames):
            if begin_s < 0:
                begin_s = time.perf_counter() - frame.time_s
            if frame.gap:
                self._reopened(video.name, frame.gap)
            if paces and not self._keeps_pace(video, begin_s + frame.time_s, bound):
                self._place_missing(FramePlace.of(video.name, frame), "dropped")
                continue
            while self._sender.unanswered_count >= bound:
                self._sender.take()
            self._send(video.name, frame)
            self._sender.take_ready()

    def take_ready(self) -> None:
        """Report the results that are here already, as while the next frame is not."""
        self._sender.take_ready()

    def drain(self) -> None:
        """Take all results that are still due."""
        self._sender.drain()

    def complete(self) -> None:
        """All inputs were taken, and all answers told."""
        self._sender.complete()

    @property
    def failed_count(self) -> int:
        """Frames that came to nothing."""
        return self._sender.failed_count if self._is_spooled else self.counts.failed

    def finish(self) -> None:
        """Report what is left as lost, unless a spool keeps it, and the summary."""
        if self._is_spooled:
            self._sender.close()
            self.report.finish(run_summary(self._sender))
            return
        self._sender.give_up(CloudUnreachableError("expected an answer, the run was ended before it came"))
        self.counts.reconnects = self._sender.counts.reconnects
        self.counts.elapsed_s = time.perf_counter() - self._start_s if self._start_s else 0.0
        summary, delivered = self.counts.summary(), self._sender.counts
        lines = summary.lines + self._sender.doubt.lines() + delivery_lines(delivered)
        self.report.finish(Summary(lines, summary.fields | delivery_fields(delivered)))

    def cut_off(self, deadlines: Deadlines) -> None:
        """The run's time is over: report what is under way as lost."""
        self._sender.cut_off(deadlines)
        self.counts.lost = max(self.counts.lost, 1)

    def tell(self, row: Row) -> None:
        """Report what is no frame, in its place."""
        self._sender.place(row)

    def _reopened(self, source: str, why: str) -> None:
        """A live source has begun again: its frame is no continuation of what it gave before."""
        self._encoder.force_key()
        self.counts.source_reconnects += 1
        tell_notes(source, (f"opened again: {why}",))

    def _place_missing(self, place: FramePlace, why: str, error: IsthmusError | None = None) -> None:
        with self._interruption.held():  # it is counted and told, or neither
            self._sender.place(self.missing(place, why, error))

    def missing(self, place: FramePlace, why: str, error: IsthmusError | None = None) -> Row:
        """The row of a frame without an answer, counted: "dropped", "lost" or "refused"."""
        self.counts.add_missing(why)
        nothing = ["-"] * (len(self.task.columns) + 3)  # bytes, the answer, two times
        cells = (str(place.index), f"{place.time_s:.2f}", why, *nothing)
        fields = place.fields | {"type": why, "missing": why}
        if error is None:
            return Row(cells, fields)
        return Row(
            cells, fields | error_fields(error), f"{place.source}: frame {place.index}: {why}: {error}", is_failure=True
        )

    def _keeps_pace(self, video: VideoSource, due_s: float, bound: int) -> bool:
        """Wait for a frame's time; whether it is neither late nor one too many."""
        while not video.is_live and (left_s := due_s - time.perf_counter()) > 0:
            self._sender.take_ready()
            self._sleep(min(POLL_S, left_s))
        self._sender.take_ready()
        is_late = not video.is_live and time.perf_counter() - due_s > MAX_LATE_FRAMES / video.fps
        return self._sender.unanswered_count < bound and not is_late

    def _send(self, name: str, frame: SourceFrame) -> None:
        place = FramePlace.of(name, frame)
        try:
            coded = self._encoder.encode(frame)
        except InputError as error:
            self._place_missing(place, "refused", error)
            return
        self._number += 1
        if coded.detail.is_key:
            self._key_number = self._number
        if not self._sender.send(coded.packet, FrameTold(self, self._number, place, coded, frame)):
            self._encoder.force_key()

    def _recode(self, told: FrameTold) -> Packet:
        """The packet of a frame under way for a cloud that holds nothing, or only the frames before it."""
        told.coded = self._encoder.encode(told.frame)
        if told.coded.detail.is_key:
            self._key_number = told.number
        return told.coded.packet

    def distrust(self) -> None:
        """The cloud's latents are not the encoder's: nothing may refer to them."""
        self._encoder.force_key()

    def _on_missing(self, told: FrameTold) -> None:
        """The cloud does not hold this frame: what refers to it has no reference."""
        if self._key_number <= told.number:  # no key frame was encoded since
            self._encoder.force_key()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the codec."""
        return self._encoder.manifest.class_names

    @property
    def manifest(self) -> VideoManifest:
        """Of the codec."""
        return self._encoder.manifest

    @property
    def task(self) -> Task[Any]:
        """Of the codec."""
        return self._encoder.manifest.task
