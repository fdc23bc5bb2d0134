"""One live inference stream on the cloud: a reader that takes frames in, a worker that answers all that is there.

Theory of operation. Reader and worker are two coroutines of one event loop. The reader takes messages as they come
and counts frames in flight (a client beyond the bound loses its stream, so the queue is bounded); while the stream, its
peer or all of them have ordered more than they may (`ledger`), it takes no further message, and HTTP/2 holds the client
back. The worker takes what is queued, up to what the signal's allowance lets it answer together and a step's worth of
work, and has the codec's `Answerer` answer it in one message, when it is this peer's turn (`schedule`): a client that
sends faster than the cloud answers is batched without waiting for anyone. What the signal is, neither of them knows.

Of a named stream, what outlives the connection is in a `HeldStream`: results go there before they go out, those that
were not taken are given again first, and a third coroutine says that the cloud is there where nothing else was said for
a while.

The log has, at INFO, one line where a stream opens (peer, codec, task), one for each frame that is refused and one
where the stream ends (frames, bits, seconds, why); a stream that never opened has a single line, which says why.

More than 300 lines: coroutines around one conversation, which must be read together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from isthmus.cloud.counted import CountedAnswerer
from isthmus.cloud.half import CloudCodec, Outcomes
from isthmus.cloud.held_stream import HeldStream
from isthmus.cloud.identity import Identity
from isthmus.cloud.inbox import Inbox
from isthmus.cloud.opening import check_request, check_size, read_opening
from isthmus.cloud.pace import Pace
from isthmus.cloud.quota import Quota
from isthmus.cloud.shared import Shared
from isthmus.cloud.told import Context
from isthmus.cloud.turns import Turns
from isthmus.common import protocol, wire
from isthmus.common.conversation import Conversation, Event, Role, State
from isthmus.common.errors import (
    DeadlineError,
    FrameOrderError,
    IsthmusError,
)
from isthmus.common.field_count import check_field_count
from isthmus.common.sealing import sealed, unsealed
from isthmus.common.shown import shown
from isthmus.common.status import mismatch
from isthmus.common.tasks import task_numbered

# What a first message takes on the slowest link, and a client that means to send one.
OPEN_TIMEOUT_S = 10.0

# Proxies cut streams that say nothing for 15 to 300 s, and do not count the pings of HTTP/2.
HEARTBEAT_S = 12.0

_log = logging.getLogger("isthmus.cloud")


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
        self._last_progress_s = time.monotonic()
        self._is_computing = False
        self._is_paced = False
        self._task: asyncio.Task[None] | None = None
        self._held: HeldStream | None = None
        self._opening: protocol.OpenStream | None = None
        self._writing = asyncio.Lock()
        self._last_write_s = 0.0

    @property
    def peer(self) -> str:
        """Whose it is."""
        return self._identity.name

    @property
    def identity(self) -> Identity:
        """The same, with what it may have."""
        return self._identity

    @property
    def idle_s(self) -> float:
        """For how long nothing has moved on it; 0.0 while something of it is being done."""
        return 0.0 if self._is_computing else time.monotonic() - self._last_progress_s

    def end(self, error: IsthmusError) -> None:
        """End with this error: another connection has the stream, another peer needs the place, or this is none."""
        self._failure = error
        if self._task is not None:
            self._task.cancel()

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
        heart: asyncio.Task[None] | None = None
        inbox: Inbox | None = None
        unnamed: CountedAnswerer | None = None  # goes with the connection
        try:
            codec, opening = await self._open()
            if opening.named is None:
                answerer = unnamed = self._answerer(codec)
                await self._say_opened(opening, None)
            else:
                answerer = await self._open_named(codec, opening, opening.named)
                heart = asyncio.create_task(self._beat())
            inbox = Inbox(self.peer, self._shared.ledger, answerer.cost, self._shared.budget)
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
            for task in (watch, reader, heart):
                if task is not None:
                    task.cancel()
            if self._opening is not None and self._opening.named is not None:
                is_over = self._conversation.state is State.CLOSED
                self._shared.held.leave(self.peer, self._opening.named, self, is_over=is_over)
            if inbox is not None:
                inbox.close()
            if unnamed is not None:
                unnamed.close()
            if self._quota is not None:
                self._quota.places.leave(self)
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
        await self._keep_pace(self._pace.spend(0, 0, 0))
        with self._shared.calls.entered(self.peer):
            data = await self._context.read()
        self._pace.spend(0, 0, len(data) if isinstance(data, bytes) else 1)
        request = read_opening(data, self._identity)
        self._conversation.received(Event.OPEN)
        self._is_computing = True  # loading a network may take a while; it is not the client's idleness
        codec = await self._shared.zoo.load(request.codec_id)
        self._is_computing = False
        check_request(codec.manifest, request)
        top_k = min(request.top_k, len(codec.manifest.classes) or 1)
        quota = self._shared.quotas[codec.manifest.signal]
        quota.places.enter(self)
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
        self._opening = replace(request, top_k=top_k)
        return codec, self._opening

    async def _say_opened(self, opening: protocol.OpenStream, held: protocol.HeldStream | None) -> None:
        opened = protocol.StreamOpened(self._id, self._limits, opening.top_k, held)
        await self._write(wire.opened_response(opened), opening)
        self._last_progress_s = time.monotonic()

    def _answerer(self, codec: CloudCodec) -> CountedAnswerer:
        return CountedAnswerer(codec.open_stream(self._id), self._shared.memory)

    async def _open_named(
        self, codec: CloudCodec, opening: protocol.OpenStream, named: protocol.NamedStream
    ) -> CountedAnswerer:
        """Go on with a named stream: say where it stands, and give again what may not have come."""
        held, is_resumed = await self._shared.held.open(
            self.peer, replace(opening, named=None), named, self, lambda: self._answerer(codec)
        )
        self._held = held
        first = named.first_unanswered_index
        self._conversation.begin_at(first, held.next_index)
        if is_resumed:
            _log.info("stream %s goes on at frame %d, from %d on again", self._id, held.next_index, first)
        await self._say_opened(opening, self._shared.held.told(held, is_resumed=is_resumed))
        for some in held.results_from(first):
            await self._give(some, None, opening)
        return held.answerer

    async def _give(self, outcomes: Outcomes, timing: protocol.Timing | None, opening: protocol.OpenStream) -> None:
        """Results of the next frames."""
        first = self._conversation.answered_count if opening.named is not None else -1
        self._conversation.sent(Event.RESULTS, len(outcomes))
        await self._write(wire.results_response(outcomes, timing, first), opening)
        self._last_progress_s = time.monotonic()

    async def _write(self, data: bytes, opening: protocol.OpenStream) -> None:
        if opening.wants_crc32:
            data = sealed(data)
        async with self._writing:
            await self._context.write(data)
        self._last_write_s = time.monotonic()

    async def _beat(self) -> None:
        """Say now and then that the cloud is there."""
        opening = self._opening
        assert opening is not None  # for the type checker: the stream is open
        while True:
            silent_s = time.monotonic() - self._last_write_s
            if silent_s >= HEARTBEAT_S:
                self._conversation.sent(Event.HEARTBEAT)
                await self._write(wire.heartbeat_response(), opening)
            else:
                await asyncio.sleep(HEARTBEAT_S - silent_s)

    async def _read(self, inbox: Inbox) -> None:
        try:
            while True:
                await inbox.room()
                data = await self._context.read()
                if not isinstance(data, bytes):
                    self._conversation.received(Event.HALF_CLOSE)
                    return
                check_size(data, self._limits.max_message_size_bytes, "message")
                check_field_count(data, self._limits.max_in_flight_frame_count)
                if self._opening is not None and self._opening.wants_crc32:
                    data = unsealed(data)
                request = wire.read_request(data)
                if isinstance(request, protocol.OpenStream):
                    self._conversation.received(Event.OPEN)  # raises: once is enough
                    return
                self._last_progress_s = time.monotonic()
                if isinstance(request, protocol.Taken):
                    self._take_heartbeat(request)
                    continue
                packets = self._new_packets(request)
                if not packets:
                    continue
                self._conversation.received(Event.FRAMES, len(packets))
                work = inbox.add(packets)
                self._wake.set()
                await self._keep_pace(self._pace.spend(len(packets), work, len(data)))
        except Exception as error:
            self._failure = error
        finally:
            self._wake.set()

    async def _keep_pace(self, wait_s: float) -> None:
        """Read no more for so long, which is not the client's idleness."""
        if wait_s > 0:
            self._is_paced = True
            await asyncio.sleep(wait_s)
            self._is_paced = False
            self._last_progress_s = time.monotonic()

    def _take_heartbeat(self, request: protocol.Taken) -> None:
        self._conversation.received(Event.HEARTBEAT)
        if self._held is None:
            raise FrameOrderError("expected packets in a stream without a name, got taken_count alone")
        self._held.take(request.count)

    def _new_packets(self, request: protocol.Frames) -> Sequence[bytes]:
        """The packets of a request that did not come before. FrameOrderError: one that should have is missing."""
        index, expected = request.first_frame_index, self._conversation.sent_count
        if self._held is None:
            if index >= 0 and index != expected:
                raise mismatch(FrameOrderError, "first_frame_index", str(expected), str(index))
            return request.packets
        if not 0 <= index <= expected:
            raise mismatch(FrameOrderError, "first_frame_index", f"0 to {expected}", str(index))
        if request.taken_count >= 0:
            self._held.take(request.taken_count)
        return request.packets[expected - index :]

    async def _answer(self, answerer: CountedAnswerer, inbox: Inbox, opening: protocol.OpenStream) -> None:
        assert self._quota is not None  # for the type checker: the stream is open
        goodbye_said = False
        while True:
            if self._failure is not None:
                raise self._failure
            if self._says_goodbye and not goodbye_said:
                goodbye_said = True
                if self._conversation.state is State.OPEN:
                    self._conversation.sent(Event.GOODBYE)
                    await self._write(wire.goodbye_response(), opening)
            if not inbox:
                if self._conversation.state is State.DRAINING:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            packets, cost = inbox.take(self._quota.allowance.max_batch_frame_count)
            self._is_computing = True
            work = self._turns.answer(answerer.answer(packets, opening), cost)
            outcomes, timing = await (work if self._held is None else self._held.answer(work))
            self._is_computing = False
            inbox.answered()
            self._count(packets, outcomes)
            await self._give(outcomes, timing if opening.wants_timing else None, opening)

    def _count(self, packets: Sequence[bytes], outcomes: Sequence[object]) -> None:
        """For the log: what was answered, and what was refused of it."""
        self._packet_bytes += sum(map(len, packets))
        for index, outcome in enumerate(outcomes, self._conversation.answered_count):
            if isinstance(outcome, IsthmusError):
                self._refused_count += 1
                _log.info("stream %s frame %d refused: %s", self._id, index, reason(outcome))

    async def _watch_idleness(self) -> None:
        """End the stream when nothing has moved for the idle timeout: no message in, none taken out."""
        while True:
            timeout_s = (
                self._limits.idle_timeout_s if self._is_open else min(OPEN_TIMEOUT_S, self._limits.idle_timeout_s)
            )
            idle_s = 0.0 if self._is_paced else self.idle_s
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
