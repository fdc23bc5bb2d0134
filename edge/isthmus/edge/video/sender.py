"""Videos sent frame by frame, and what came back of them reported; whatever befalls the stream.

Theory of operation. Frames are encoded one ahead of the cloud and answered in order. Whenever the cloud may not hold
what the next frame would be predicted from, that frame is made a key frame: after a frame that was refused (a lost
reference among them) and after a stream that was lost. Frames of a lost stream have no answer and are reported so;
another stream is opened after a while, a bounded number of times. A cloud without the reference refuses a frame rather
than to guess, so no result in between is wrong.

In real time a frame waits for its time, and is dropped if too many are unanswered or it is late: before it is encoded,
so that nothing refers to it.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    InputError,
    IsthmusError,
    LimitExceededError,
    OverloadedError,
)
from isthmus.common.zoo import ZooFolders, find_codec
from isthmus.data.video.files import open_video
from isthmus.data.video.source import SourceFrame, VideoSource
from isthmus.edge.call import FrameResult
from isthmus.edge.client import CloudClient
from isthmus.edge.failures import Failure
from isthmus.edge.video.encoder import EncodedFrame, VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.edge.video.report import (
    FrameAnswer,
    FrameMissing,
    JsonVideoReport,
    TableVideoReport,
    VideoReport,
    VideoSummary,
)

# Unanswered frames: enough to hide the way to the cloud and back; in real time, few, as each is a frame's delay.
MAX_IN_FLIGHT = 16
REALTIME_MAX_IN_FLIGHT = 2

# In real time a frame that is later than this many frame periods is dropped.
MAX_LATE_FRAMES = 2.0

# After a stream that was lost: tries to open another, and the wait before each, which doubles.
RECONNECT_TRIES = 6
FIRST_WAIT_S = 0.2
MAX_WAIT_S = 5.0

# How long to look away while waiting for a frame's time.
POLL_S = 0.002

LOST_STREAM = (CloudUnreachableError, DeadlineError, OverloadedError, CloudFailureError)


@dataclass(frozen=True, slots=True)
class VideoJob:
    """What `isthmus edge` was asked to do with videos.

    Attributes:
        inputs: files, folders of images, "-" for standard input, or "camera:0".
        address: of the cloud.
        codec: a codec's name or folder.
        zoo: folders of codecs, None for the usual ones.
        policy: what the encoder decides by.
        realtime: whether frames wait for their time, and are dropped rather than sent late.
        fps: frames a second to count times by, 0 for the video's own.
        limit: frames of each input at most, 0 for all.
        format: FFmpeg's name of the format of files and of standard input, "" to look.
        top_k: labels for each frame.
        max_in_flight: unanswered frames at most, 0 for the usual number.
        timeout_s: limit for each wait for the cloud.
    """

    inputs: tuple[str, ...]
    address: str
    codec: str
    zoo: ZooFolders = None
    policy: VideoPolicy = field(default_factory=VideoPolicy)
    realtime: bool = False
    fps: float = 0.0
    limit: int = 0
    format: str = ""
    top_k: int = 1
    max_in_flight: int = 0
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame under way. Its state is not kept: the encoder has what it needs."""

    number: int
    source: str
    index: int
    time_s: float
    coded: EncodedFrame


def run(job: VideoJob, *, as_json: bool) -> int:
    """Do the job; return how many frames failed, and inputs that could not be read to their end.

    Raises:
        InputError: no such codec, or an address that is none.
        IsthmusError: what kept the stream from opening, or ended it for good.
    """
    encoder = VideoEncoder(find_codec(job.codec, job.zoo), job.policy)
    with CloudClient(
        job.address, encoder.manifest, top_k=job.top_k, connect_timeout_s=job.timeout_s, result_timeout_s=job.timeout_s
    ) as client:
        client.open()  # before any frame is read: if there is no cloud, say so at once
        report: VideoReport = JsonVideoReport() if as_json else TableVideoReport()
        sender = VideoSender(job, encoder, client, report)
        unread = 0
        try:
            for name in job.inputs:
                unread += not _send_input(job, sender, report, name)
        except KeyboardInterrupt:
            pass  # how a camera is ended: what has come is summed up
        finally:
            sender.finish()
    return sender.summary.failed + unread


def _send_input(job: VideoJob, sender: VideoSender, report: VideoReport, name: str) -> bool:
    """Send one video; whether it could be read to its end."""
    source: str | BinaryIO = sys.stdin.buffer if name == "-" else name
    try:
        with open_video(source, fps=job.fps, with_vectors=job.policy.uses_vectors, format=job.format or None) as video:
            sender.send_all(video)
    except InputError as error:
        sender.drain()
        report.add(Failure(name, error))
        return False
    sender.drain()
    return True


class VideoSender:
    """One encoder and one stream; frames go in, and come out of it to the report in their order.

    Args:
        job: pace, bounds and waits.
        encoder: of the stream's codec.
        client: of the stream.
        report: takes what becomes of the frames.
        sleep: waits; another for tests.
    """

    def __init__(
        self,
        job: VideoJob,
        encoder: VideoEncoder,
        client: CloudClient,
        report: VideoReport,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.summary = VideoSummary()
        self._job, self._encoder, self._client, self._report = job, encoder, client, report
        self._sleep = sleep
        self._class_names = encoder.manifest.class_names
        self._waiting: deque[_Sent | FrameMissing] = deque()
        self._unanswered = 0
        self._number = 0
        self._key_number = 0  # of the newest key frame
        self._start_s = 0.0

    def send_all(self, video: VideoSource) -> None:
        """Send the frames of one video.

        Raises:
            InputError: what the video cannot give; all frames before it were sent.
            IsthmusError: the cloud is gone for good.
        """
        self._start_s = self._start_s or time.perf_counter()
        self._encoder.force_key()
        paces = self._job.realtime or video.is_live
        bound = self._job.max_in_flight or (REALTIME_MAX_IN_FLIGHT if paces else MAX_IN_FLIGHT)
        begin_s = -1.0
        for frame in islice(video, self._job.limit or None):
            if begin_s < 0:
                begin_s = time.perf_counter() - frame.time_s
            if paces:
                due_s = begin_s + frame.time_s
                if not video.is_live:
                    self._wait_until(due_s)
                self._take_ready()
                late_s = time.perf_counter() - due_s
                if self._unanswered >= bound or (not video.is_live and late_s > MAX_LATE_FRAMES / video.fps):
                    self._waiting.append(FrameMissing(video.name, frame.index, frame.time_s, "dropped"))
                    continue
            while self._unanswered >= bound:
                self._take()
            self._send(video.name, frame)
            self._take_ready()

    def drain(self) -> None:
        """Take all results that are still due."""
        while self._unanswered:
            self._take()
        self._flush()

    def finish(self) -> None:
        """Report what is left as lost, and the summary."""
        for _ in range(self._unanswered):
            self._settle("lost", CloudUnreachableError("expected an answer, the run was ended before it came"))
        self._flush()
        self.summary.elapsed_s = time.perf_counter() - self._start_s if self._start_s else 0.0
        self._report.finish(self.summary)

    def _send(self, name: str, frame: SourceFrame) -> None:
        try:
            coded = self._encoder.encode(frame)
        except InputError as error:
            self._waiting.append(FrameMissing(name, frame.index, frame.time_s, "refused", error))
            return
        self._number += 1
        if coded.is_key:
            self._key_number = self._number
        self._waiting.append(_Sent(self._number, name, frame.index, frame.time_s, coded))
        self._unanswered += 1
        try:
            self._client.send(coded.packet)
        except LimitExceededError as error:  # nothing was sent
            self._waiting.pop()
            self._unanswered -= 1
            self._waiting.append(FrameMissing(name, frame.index, frame.time_s, "refused", error))
            self._encoder.force_key()
        except LOST_STREAM as error:
            self._reconnect(error)

    def _take(self) -> None:
        """Wait for one result."""
        try:
            self._answer(self._client.receive())
        except LOST_STREAM as error:
            self._reconnect(error)

    def _take_ready(self) -> None:
        for result in self._client.take_ready():
            self._answer(result)

    def _wait_until(self, due_s: float) -> None:
        while (left_s := due_s - time.perf_counter()) > 0:
            self._take_ready()
            self._sleep(min(POLL_S, left_s))

    def _answer(self, result: FrameResult) -> None:
        if isinstance(result.outcome, IsthmusError):
            self._settle("refused", result.outcome)
            return
        sent = self._first_sent()
        coded, labels = sent.coded, result.signals[0]
        self._place(
            FrameAnswer(
                source=sent.source,
                index=sent.index,
                time_s=sent.time_s,
                kind="key" if coded.is_key else "residual" if coded.residual_bits else "motion",
                cause=coded.cause,
                motion_bits=coded.motion_bits,
                residual_bits=coded.residual_bits,
                packet_bits=coded.packet_bits,
                class_names=tuple(self._class_names[label.class_index] for label in labels),
                labels=labels,
                damage=coded.damage,
                network_runs=coded.network_runs,
                encode_ms=coded.timing.total_s * 1e3,
                round_trip_ms=result.round_trip_s * 1e3,
            )
        )

    def _settle(self, why: str, error: IsthmusError) -> None:
        """The oldest frame under way has no answer: what refers to it has no reference."""
        sent = self._first_sent()
        if self._key_number <= sent.number:  # no key frame was encoded since
            self._encoder.force_key()
        self._place(FrameMissing(sent.source, sent.index, sent.time_s, why, error))

    def _first_sent(self) -> _Sent:
        """The oldest frame under way, no longer under way; dropped ones before it are reported."""
        self._flush()
        sent = self._waiting.popleft()
        assert isinstance(sent, _Sent)  # `_flush` has left nothing else in front
        self._unanswered -= 1
        return sent

    def _place(self, entry: FrameAnswer | FrameMissing) -> None:
        self.summary.add(entry)
        self._report.add(entry)

    def _flush(self) -> None:
        """Report what needs no answer and waits for nothing before it."""
        while self._waiting and isinstance(entry := self._waiting[0], FrameMissing):
            self._waiting.popleft()
            self._place(entry)

    def _reconnect(self, error: IsthmusError) -> None:
        """Give up the frames under way and open another stream.

        Raises:
            IsthmusError: none could be opened.
        """
        self._take_ready()  # what came before the end
        for _ in range(self._unanswered):
            self._settle("lost", error)
        self._encoder.force_key()
        wait_s = FIRST_WAIT_S
        for attempt in range(RECONNECT_TRIES):
            self._client.end_stream()
            self._sleep(min(max(wait_s, _asked_wait_s(error)), MAX_WAIT_S))
            wait_s *= 2
            try:
                self._client.open()
            except LOST_STREAM as again:
                error = again
                if attempt == RECONNECT_TRIES - 1:
                    raise
            else:
                self.summary.reconnects += 1
                return


def _asked_wait_s(error: IsthmusError) -> float:
    """How long an overloaded cloud asks to be left alone."""
    return error.retry_delay_s if isinstance(error, OverloadedError) else 0.0
