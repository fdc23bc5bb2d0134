"""One live inference stream on the cloud: a reader that takes frames in, a worker that answers all that is there.

Theory of operation. Reader and worker are two coroutines of one event loop. The reader takes messages as they come
and counts frames in flight (a client beyond the bound loses its stream, so the queue is bounded). The worker takes
everything queued, up to a batch, decodes it, runs the network once, and answers in one message: a client that sends
faster than the cloud answers is batched without waiting for anyone. Small batches run in the event loop itself,
because a hop to a thread costs more than they do; what is expected to take longer than `INLINE_BUDGET_S` goes to
the service's one worker thread, so that health checks are answered meanwhile.

Images take another way through the worker: one at a time, always in a thread, and the service's own for images, since
a large one may take seconds that no classification should wait for. Their packets are large, so the reader takes no
further message while more than `MAX_QUEUED_BYTES` are queued, and HTTP/2 holds the client back.

Frames of a video go one at a time as well, in a thread that all videos share: each is answered as soon as it can be,
and streams take turns. The stream's own decoder holds what predicted packets refer to, and ends with the stream.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

import grpc
import grpc.aio

from isthmus.cloud.image.codec import CloudImageCodec, ImageDesk
from isthmus.cloud.quota import Desk
from isthmus.cloud.served import CloudCodec, LoadedCodec, Zoo
from isthmus.cloud.video.codec import VideoDesk, VideoInference
from isthmus.common import wire
from isthmus.common.conversation import Conversation, Event, Role, State
from isthmus.common.errors import (
    DeadlineError,
    FrameOrderError,
    LimitExceededError,
    StreamNotOpenError,
    UnsupportedVersionError,
)
from isthmus.common.status import mismatch
from isthmus.common.tasks import class_names_of, task_of
from isthmus.common.video.coder import VideoDecoder

INLINE_BUDGET_S = 0.002
MAX_BATCH_FRAME_COUNT = 128
MAX_QUEUED_BYTES = 16 << 20

# Weight of the newest batch in the running estimate of what a frame costs.
COST_GAIN = 0.2

_log = logging.getLogger("isthmus.cloud")

Context = grpc.aio.ServicerContext[bytes, bytes]
_Answer = tuple[Sequence[list[int] | wire.Outcome], wire.Timing]


class Stream:
    """One stream from its first message to its status. `run` once; `drain` any time."""

    def __init__(
        self,
        stream_id: str,
        context: Context,
        zoo: Zoo,
        limits: wire.StreamLimits,
        executor: Executor,
        images: ImageDesk,
        videos: VideoDesk,
    ) -> None:
        self._id = stream_id
        self._context = context
        self._zoo = zoo
        self._limits = limits
        self._executor = executor
        self._images = images
        self._videos = videos
        self._desk: Desk | None = None  # where this stream is counted
        self._decoder: VideoDecoder | None = None
        self._conversation = Conversation(Role.SERVER, limits.max_in_flight_frame_count)
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._has_room = asyncio.Event()
        self._wake = asyncio.Event()
        self._failure: BaseException | None = None
        self._says_goodbye = False
        self._frame_cost_s = float("inf")  # unknown: the first batch goes to the thread
        self._last_progress_s = 0.0
        self._is_computing = False
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
        self._last_progress_s = time.monotonic()
        watch = asyncio.create_task(self._watch_idleness())
        reader: asyncio.Task[None] | None = None
        try:
            codec, opening = await self._open()
            reader = asyncio.create_task(self._read())
            await self._answer(codec, opening)
            self._conversation.sent(Event.END)
        except asyncio.CancelledError:
            if self._failure is None:
                raise
            raise self._failure from None
        finally:
            for task in (watch, reader):
                if task is not None:
                    task.cancel()
            if self._desk is not None:
                self._desk.leave()
            _log.debug("stream %s: %d frames answered", self._id, self._conversation.answered_count)

    async def _open(self) -> tuple[LoadedCodec, wire.OpenStream]:
        data = await self._context.read()
        if not isinstance(data, bytes):
            raise StreamNotOpenError("expected open as the first message of the stream, got its end")
        request = wire.read_request(data)
        if not isinstance(request, wire.OpenStream):
            raise StreamNotOpenError("expected open as the first message of the stream, got packets")
        self._conversation.received(Event.OPEN)
        self._is_computing = True  # loading a network may take a while; it is not the client's idleness
        codec = await self._zoo.load(request.codec_id)
        self._is_computing = False
        manifest = codec.manifest
        if request.bitstream_version != manifest.bitstream_version:
            raise mismatch(
                UnsupportedVersionError,
                f"bitstream version of codec {manifest.name}",
                str(manifest.bitstream_version),
                str(request.bitstream_version),
                "install the same release of isthmus on both sides",
            )
        words = {task.value: task.word for task in wire.Task}
        word = words.get(request.task, f"task {request.task}")
        if request.task != task_of(manifest) or word not in manifest.tasks:
            raise mismatch(UnsupportedVersionError, f"task of codec {manifest.name}", " or ".join(manifest.tasks), word)
        top_k = min(request.top_k, len(class_names_of(manifest)) or 1)
        self._enter_desk(codec)
        self._conversation.sent(Event.OPENED)
        await self._context.write(wire.opened_response(wire.StreamOpened(self._id, self._limits, top_k)))
        self._last_progress_s = time.monotonic()
        return codec, replace(request, top_k=top_k)

    def _enter_desk(self, codec: LoadedCodec) -> None:
        """Count the stream in where its signal is counted, and take its limits."""
        if isinstance(codec, CloudCodec):
            return
        desk: Desk = self._videos if isinstance(codec, VideoInference) else self._images
        desk.enter()
        self._desk, self._limits = desk, desk.limits
        if isinstance(codec, VideoInference):
            self._decoder = codec.decoder()
            self._limits = replace(self._limits, packet=codec.limits)
        self._conversation.bound_in_flight(self._limits.max_in_flight_frame_count)

    async def _read(self) -> None:
        try:
            while True:
                while self._queued_bytes > MAX_QUEUED_BYTES:
                    self._has_room.clear()
                    await self._has_room.wait()
                data = await self._context.read()
                if not isinstance(data, bytes):
                    self._conversation.received(Event.HALF_CLOSE)
                    return
                if len(data) > self._limits.max_message_size_bytes:  # gRPC's own bound is that of the largest stream
                    raise LimitExceededError(
                        f"message: expected at most {self._limits.max_message_size_bytes} bytes, got {len(data)}"
                    )
                request = wire.read_request(data)
                if isinstance(request, wire.OpenStream):
                    self._conversation.received(Event.OPEN)  # raises: once is enough
                    return
                index = request.first_frame_index
                if index >= 0 and index != self._conversation.sent_count:
                    raise mismatch(FrameOrderError, "first_frame_index", str(self._conversation.sent_count), str(index))
                self._conversation.received(Event.FRAMES, len(request.packets))
                self._queue.extend(request.packets)
                self._queued_bytes += sum(map(len, request.packets))
                self._last_progress_s = time.monotonic()
                self._wake.set()
        except Exception as error:
            self._failure = error
        finally:
            self._wake.set()

    async def _answer(self, codec: LoadedCodec, opening: wire.OpenStream) -> None:
        goodbye_said = False
        while True:
            if self._failure is not None:
                raise self._failure
            if self._says_goodbye and not goodbye_said:
                goodbye_said = True
                if self._conversation.state is State.OPEN:
                    self._conversation.sent(Event.GOODBYE)
                    await self._context.write(wire.goodbye_response())
            if not self._queue:
                if self._conversation.state is State.DRAINING:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            count = min(len(self._queue), MAX_BATCH_FRAME_COUNT) if isinstance(codec, CloudCodec) else 1
            packets = [self._queue.popleft() for _ in range(count)]
            self._queued_bytes -= sum(map(len, packets))
            self._has_room.set()
            if isinstance(codec, CloudCodec):
                outcomes, timing = await self._infer(codec, packets, opening.top_k)
            elif isinstance(codec, VideoInference):
                outcomes, timing = await self._infer_frame(codec, packets[0], opening)
            else:
                outcomes, timing = await self._reconstruct(codec, packets[0], opening.wants_pixels)
            self._conversation.sent(Event.RESULTS, count)
            await self._context.write(wire.results_response(outcomes, timing if opening.wants_timing else None))
            self._last_progress_s = time.monotonic()

    async def _reconstruct(self, codec: CloudImageCodec, data: bytes, wants_pixels: bool) -> _Answer:
        self._is_computing = True
        outcome, timing = await asyncio.get_running_loop().run_in_executor(
            self._images.executor,
            codec.reconstruct,
            data,
            wants_pixels,
            self._images.file_of(self._id, self._conversation.answered_count),
        )
        self._is_computing = False
        return [outcome], timing

    async def _infer_frame(self, codec: VideoInference, data: bytes, opening: wire.OpenStream) -> _Answer:
        assert self._decoder is not None  # for the type checker: `_enter_desk` came first
        self._is_computing = True
        outcome, timing = await asyncio.get_running_loop().run_in_executor(
            self._videos.executor, codec.infer, self._decoder, data, opening.top_k, opening.wants_state_crc32
        )
        self._is_computing = False
        return [outcome], timing

    async def _infer(self, codec: CloudCodec, packets: list[bytes], top_k: int) -> _Answer:
        if self._frame_cost_s * len(packets) <= INLINE_BUDGET_S:
            answer = codec.infer(packets, top_k)
        else:
            self._is_computing = True
            answer = await asyncio.get_running_loop().run_in_executor(self._executor, codec.infer, packets, top_k)
            self._is_computing = False
        # By the codec's own clock: waiting for the thread, or for a core, is no reason to use the thread again.
        timing = answer[1]
        cost_s = (timing.entropy_decode_us + timing.task_us) * 1e-6 / len(packets)
        known = self._frame_cost_s != float("inf")
        self._frame_cost_s = self._frame_cost_s + COST_GAIN * (cost_s - self._frame_cost_s) if known else cost_s
        return answer

    async def _watch_idleness(self) -> None:
        """End the stream when nothing has moved for the idle timeout: no message in, none taken out."""
        timeout_s = self._limits.idle_timeout_s
        while True:
            idle_s = time.monotonic() - self._last_progress_s
            if self._is_computing:
                idle_s = 0.0
            if idle_s >= timeout_s:
                self._failure = DeadlineError(
                    f"stream: expected a message within {timeout_s:g} s, got none; open a new stream when there is more"
                )
                if self._task is not None:
                    self._task.cancel()
                return
            await asyncio.sleep(timeout_s - idle_s)
