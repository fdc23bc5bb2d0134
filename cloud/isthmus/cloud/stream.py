"""One live inference stream on the cloud: a reader that takes frames in, a worker that answers all that is there.

Theory of operation. Reader and worker are two coroutines of one event loop. The reader takes messages as they come
and counts frames in flight (a client beyond the bound loses its stream, so the queue is bounded); while the stream, its
peer or all of them have ordered more than they may (`ledger`), it takes no further message, and HTTP/2 holds the client
back. The worker takes what is queued, up to what the signal's allowance lets it answer together and a step's worth of
work, and has the codec's `Answerer` answer it in one message, when it is this peer's turn (`schedule`): a client that
sends faster than the cloud answers is batched without waiting for anyone. What the signal is, neither of them knows.

The log has, at INFO, one line where a stream opens (peer, codec, task), one for each frame that is refused and one
where the stream ends (frames, bits, seconds, why); a stream that never opened has a single line, which says why.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import grpc
import grpc.aio

from isthmus.cloud.half import Answerer, CloudCodec
from isthmus.cloud.identity import Identity
from isthmus.cloud.inbox import Inbox
from isthmus.cloud.ledger import Ledger
from isthmus.cloud.pace import Pace
from isthmus.cloud.quota import Quota
from isthmus.cloud.schedule import Scheduler
from isthmus.cloud.served import Zoo
from isthmus.cloud.turns import Turns
from isthmus.common import protocol, wire
from isthmus.common.conversation import Conversation, Event, Role, State
from isthmus.common.cost import FrameBudget
from isthmus.common.errors import (
    DeadlineError,
    ForbiddenError,
    FrameOrderError,
    IsthmusError,
    LimitExceededError,
    StreamNotOpenError,
    UnsupportedVersionError,
)
from isthmus.common.field_count import check_field_count
from isthmus.common.limits import StreamLimits
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.shown import shown
from isthmus.common.status import mismatch
from isthmus.common.tasks import task_numbered
from isthmus.common.zoo import MAX_SAID_NAME

MAX_OPEN_BYTES = 2048
"""Of a stream's first message, which names a codec and a few wishes in about a hundred."""

_log = logging.getLogger("isthmus.cloud")

Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all streams of a server share.

    Attributes:
        zoo: the codecs.
        quotas: by signal.
        limits: of a stream until it says by its codec which signal's are its own.
        scheduler: whose turn it is.
        ledger: what is ordered.
        budget: of one packet.
    """

    zoo: Zoo
    quotas: Mapping[str, Quota]
    limits: StreamLimits
    scheduler: Scheduler
    ledger: Ledger
    budget: FrameBudget


class Stream:
    """One stream from its first message to its status. `run` once; `drain` any time."""

    def __init__(self, stream_id: str, context: Context, identity: Identity, pace: Pace, shared: Shared) -> None:
        """`identity` is whose stream it is: what is shared out among peers goes by its name; `pace` is that of all
        its streams."""
        self._id = stream_id
        self._context = context
        self._identity = identity
        self._pace = pace
        self._shared = shared
        self._limits = shared.limits
        self._quota: Quota | None = None  # where this stream is counted
        self._conversation = Conversation(Role.SERVER, shared.limits.max_in_flight_frame_count)
        self._turns = Turns(shared.scheduler, identity.name)
        self._wake = asyncio.Event()
        self._failure: BaseException | None = None
        self._says_goodbye = False
        self._is_open = False
        self._start_s = 0.0
        self._refused_count = 0
        self._packet_bytes = 0
        self._last_progress_s = 0.0
        self._is_computing = False
        self._is_paced = False
        self._task: asyncio.Task[None] | None = None

    def drain(self) -> None:
        """Ask the client to send no more frames; those it has sent are answered."""
        self._says_goodbye = True
        self._wake.set()

    async def run(self) -> None:
        """Serve the stream to its end.

        Raises:
            IsthmusError: the stream ends with this error's status.
            asyncio.CancelledError: the client is gone, or the server's grace is over.
        """
        self._task = asyncio.current_task()
        self._start_s = self._last_progress_s = time.monotonic()
        why = ""
        watch = asyncio.create_task(self._watch_idleness())
        reader: asyncio.Task[None] | None = None
        inbox: Inbox | None = None
        try:
            codec, opening = await self._open()
            answerer = codec.open_stream(self._id)
            inbox = Inbox(self._identity.name, self._shared.ledger, answerer.cost, self._shared.budget)
            reader = asyncio.create_task(self._read(inbox))
            await self._answer(answerer, inbox, opening)
            self._conversation.sent(Event.END)
            why = "all is answered"
        except asyncio.CancelledError:
            if self._failure is None:
                why = "the cloud ends" if self._says_goodbye else "the client is gone"
                raise
            why = reason(self._failure)
            raise self._failure from None
        except Exception as error:
            why = reason(error)
            raise
        finally:
            for task in (watch, reader):
                if task is not None:
                    task.cancel()
            if inbox is not None:
                inbox.close()
            if self._quota is not None:
                self._quota.leave()
            self._log_end(why)

    def _log_end(self, why: str) -> None:
        if not self._is_open:
            _log.info("stream %s of %s refused: %s", self._id, self._context.peer(), why)
            return
        _log.info(
            "stream %s closed: %d frames answered, %d of them refused, %d bits of packets, %.1f s: %s",
            self._id,
            self._conversation.answered_count,
            self._refused_count,
            8 * self._packet_bytes,
            time.monotonic() - self._start_s,
            why,
        )

    async def _open(self) -> tuple[CloudCodec, protocol.OpenStream]:
        data = await self._context.read()
        if not isinstance(data, bytes):
            raise StreamNotOpenError("expected open as the first message of the stream, got its end")
        _check_size(data, MAX_OPEN_BYTES, "first message")
        request = wire.read_request(data)
        if not isinstance(request, protocol.OpenStream):
            raise StreamNotOpenError("expected open as the first message of the stream, got packets")
        self._conversation.received(Event.OPEN)
        if not self._identity.may_open(request.codec_id.name):
            raise ForbiddenError(
                f"codec {request.codec_id.name[:MAX_SAID_NAME]!r}: expected one that {self._identity.name} may open"
            )
        self._is_computing = True  # loading a network may take a while; it is not the client's idleness
        codec = await self._shared.zoo.load(request.codec_id)
        self._is_computing = False
        _check_request(codec.manifest, request)
        top_k = min(request.top_k, len(codec.manifest.classes) or 1)
        quota = self._shared.quotas[codec.manifest.signal]
        quota.enter()
        self._quota = quota
        self._limits = replace(quota.allowance.limits, packet=codec.limits)
        self._conversation.bound_in_flight(self._limits.max_in_flight_frame_count)
        self._conversation.sent(Event.OPENED)
        self._is_open = True
        _log.info(
            "stream %s opened by %s: %s, %s",
            self._id,
            self._context.peer(),
            codec.manifest.name,
            task_numbered(request.task),
        )
        await self._context.write(wire.opened_response(protocol.StreamOpened(self._id, self._limits, top_k)))
        self._last_progress_s = time.monotonic()
        return codec, replace(request, top_k=top_k)

    async def _read(self, inbox: Inbox) -> None:
        try:
            while True:
                await inbox.room()
                data = await self._context.read()
                if not isinstance(data, bytes):
                    self._conversation.received(Event.HALF_CLOSE)
                    return
                _check_size(data, self._limits.max_message_size_bytes, "message")
                check_field_count(data, self._limits.max_in_flight_frame_count)
                request = wire.read_request(data)
                if isinstance(request, protocol.OpenStream):
                    self._conversation.received(Event.OPEN)  # raises: once is enough
                    return
                index = request.first_frame_index
                if index >= 0 and index != self._conversation.sent_count:
                    raise mismatch(FrameOrderError, "first_frame_index", str(self._conversation.sent_count), str(index))
                self._conversation.received(Event.FRAMES, len(request.packets))
                work = inbox.add(request.packets)
                self._last_progress_s = time.monotonic()
                self._wake.set()
                wait_s = self._pace.spend(len(request.packets), work, len(data))
                if wait_s > 0:
                    self._is_paced = True  # it is not the client's idleness
                    await asyncio.sleep(wait_s)
                    self._is_paced = False
                    self._last_progress_s = time.monotonic()
        except Exception as error:
            self._failure = error
        finally:
            self._wake.set()

    async def _answer(self, answerer: Answerer, inbox: Inbox, opening: protocol.OpenStream) -> None:
        assert self._quota is not None  # for the type checker: the stream is open
        goodbye_said = False
        while True:
            if self._failure is not None:
                raise self._failure
            if self._says_goodbye and not goodbye_said:
                goodbye_said = True
                if self._conversation.state is State.OPEN:
                    self._conversation.sent(Event.GOODBYE)
                    await self._context.write(wire.goodbye_response())
            if not inbox:
                if self._conversation.state is State.DRAINING:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            packets, cost = inbox.take(self._quota.allowance.max_batch_frame_count)
            self._is_computing = True
            outcomes, timing = await self._turns.answer(answerer.answer(packets, opening), cost)
            self._is_computing = False
            inbox.answered()
            self._count(packets, outcomes)
            self._conversation.sent(Event.RESULTS, len(packets))
            await self._context.write(wire.results_response(outcomes, timing if opening.wants_timing else None))
            self._last_progress_s = time.monotonic()

    def _count(self, packets: Sequence[bytes], outcomes: Sequence[object]) -> None:
        """For the log: what was answered, and what was refused of it."""
        self._packet_bytes += sum(map(len, packets))
        for index, outcome in enumerate(outcomes, self._conversation.answered_count):
            if isinstance(outcome, IsthmusError):
                self._refused_count += 1
                _log.info("stream %s frame %d refused: %s", self._id, index, reason(outcome))

    async def _watch_idleness(self) -> None:
        """End the stream when nothing has moved for the idle timeout: no message in, none taken out."""
        timeout_s = self._limits.idle_timeout_s
        while True:
            idle_s = time.monotonic() - self._last_progress_s
            if self._is_computing or self._is_paced:
                idle_s = 0.0
            if idle_s >= timeout_s:
                self._failure = DeadlineError(
                    f"stream: expected a message within {timeout_s:g} s, got none; open a new stream when there is more"
                )
                if self._task is not None:
                    self._task.cancel()
                return
            await asyncio.sleep(timeout_s - idle_s)


def reason(error: BaseException) -> str:
    """An error in one line of a log: what a client wrote into it makes no lines of its own."""
    return f"{type(error).__name__}: {shown(error)}"


def _check_size(data: bytes, most: int, what: str) -> None:
    """Before a message is parsed: gRPC's own bound is that of the largest message of all signals."""
    if len(data) > most:
        raise LimitExceededError(f"{what}: expected at most {most} bytes, got {len(data)}")


def _check_request(manifest: Manifest, request: protocol.OpenStream) -> None:
    """Raises UnsupportedVersionError if the codec cannot do what a stream asks of it."""
    if request.bitstream_version != manifest.bitstream_version:
        raise mismatch(
            UnsupportedVersionError,
            f"bitstream version of codec {manifest.name}",
            str(manifest.bitstream_version),
            str(request.bitstream_version),
            "install the same release of isthmus on both sides",
        )
    word = task_numbered(request.task)
    if word not in manifest.tasks:
        raise mismatch(UnsupportedVersionError, f"task of codec {manifest.name}", " or ".join(manifest.tasks), word)
