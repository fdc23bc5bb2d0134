"""One inference stream seen from the edge: three threads around a conversation.

Theory of operation. The caller's thread makes messages and takes results; gRPC's own writer thread takes messages from
a queue; a reader thread takes responses off the wire as they come, so that results free room for further frames while
the caller is busy encoding. All three meet in one lock around a `Conversation`, which knows what may be sent. Every
wait has a limit; the first thing that goes wrong ends the stream and is what every later call raises, once all results
that had come were taken.

A named stream may go on with another connection (`isthmus.edge.numbering`); here each is one `InferenceStream`. Where
nothing is sent for `HEARTBEAT_S`, the writer says that the client is there.

More than 300 lines: three threads around one lock, which must be read together.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic

import grpc

from isthmus.common import protocol, wire
from isthmus.common.bits.packet import Packet
from isthmus.common.conversation import Conversation, Event, Role, State
from isthmus.common.errors import (
    DeadlineError,
    IsthmusError,
    MessageError,
    OverloadedError,
    StreamMisuseError,
)
from isthmus.common.sealing import sealed, unsealed
from isthmus.common.task import Asked, Task
from isthmus.edge.messages import checked, message_end
from isthmus.edge.numbering import ALONE, ON_FRAMES, Numbering
from isthmus.edge.result import FrameResult, T, Traffic
from isthmus.edge.rpc_error import rpc_error

METHODS = "/isthmus.v1.InferenceService/"

# How long a wait goes on at most before `while_waiting` is called.
LOOK_S = 0.1

# Frames in flight at most, whatever a cloud announces: those that it does not read lie in this process's memory.
MAX_IN_FLIGHT = 4096

# How long a closing stream waits for the cloud's status before it cancels.
CLOSE_TIMEOUT_S = 2.0

# Proxies cut streams that say nothing for 15 to 300 s, and do not count the pings of HTTP/2.
HEARTBEAT_S = 12.0


@dataclass(frozen=True, slots=True)
class _Pending:
    signal_count: int
    sent_s: float


class InferenceStream(Generic[T]):
    """One stream of a client; see the module's theory of operation for its threads."""

    def __init__(
        self,
        channel: grpc.Channel,
        address: str,
        opening: protocol.OpenStream,
        task: Task[T],
        class_names: tuple[str, ...],
        result_timeout_s: float,
        while_waiting: Callable[[], None] = lambda: None,
        owed: Sequence[int] = (),
    ) -> None:
        """`owed`: signals in each frame, from the first unanswered one on, that a named stream has sent before."""
        self._address = address
        self._owed = owed
        self._numbering = Numbering(opening.named, len(owed))
        self._opening = opening
        self._task = task
        self._class_names = class_names
        self._result_timeout_s = result_timeout_s
        self._while_waiting = while_waiting
        self._changed = threading.Condition()
        self._conversation = Conversation(Role.CLIENT, 1)
        self._pending: deque[_Pending] = deque()
        self._results: deque[FrameResult[T]] = deque()
        self._opened: protocol.StreamOpened | None = None
        self._failure: IsthmusError | None = None
        self._said_goodbye = False
        self._sizes = [0, 0, 0, 0, 0, 0]
        self._outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        self._call = channel.stream_stream(METHODS + "StreamInference", None, None)(self._write())
        self._reader = threading.Thread(target=self._read, name="isthmus-reader", daemon=True)
        self._reader.start()

    @property
    def opening(self) -> protocol.OpenStream:
        """What was asked for."""
        return self._opening

    @property
    def opened(self) -> protocol.StreamOpened:
        """What the cloud granted."""
        if self._opened is None:
            raise StreamMisuseError("expected an open stream, got one that never opened")
        return self._opened

    @property
    def is_over(self) -> bool:
        """Whether the stream has ended, well or not, and all its results were taken."""
        with self._changed:
            return not self._conversation.is_live and not self._results

    @property
    def pending_count(self) -> int:
        with self._changed:
            return len(self._results) + self._conversation.in_flight_count

    def traffic(self) -> Traffic:
        with self._changed:
            return Traffic(*self._sizes)

    def open(self, timeout_s: float) -> None:
        data = self._sealed(wire.open_request(self._opening))
        with self._changed:
            self._raise_failure()  # the connection may have failed already
            self._conversation.sent(Event.OPEN)
            self._sizes[0] = len(data)
            self._outgoing.put(data)
            self._wait(lambda: self._opened is not None, timeout_s, "an answer to open")

    def send(self, packets: tuple[Packet, ...]) -> None:
        limits = self.opened.limits
        datas = checked(packets, limits.packet, self._address)
        counts = [packet.signal_count for packet in packets]
        start = 0
        while start < len(datas):
            with self._changed:
                self._wait(lambda: self._conversation.room_count > 0, self._result_timeout_s, "room for a frame")
                self._raise_failure()
                if self._said_goodbye:
                    raise OverloadedError(
                        f"the cloud at {self._address} is shutting down and takes no more frames; "
                        "take the results still due, then open a stream elsewhere or later"
                    )
                stop = message_end(datas, start, self._conversation.room_count, limits.max_message_size_bytes)
                index = self._numbering.index_of(self._conversation.sent_count)
                data = self._sealed(wire.frames_request(datas[start:stop], index, self._numbering.due(ON_FRAMES)))
                now_s = time.perf_counter()
                self._conversation.sent(Event.FRAMES, stop - start)
                self._pending.extend(_Pending(count, now_s) for count in counts[start:stop])
                self._sizes[2] += len(data)
                self._sizes[4] += 1
                self._outgoing.put(data)
            start = stop

    def receive(self) -> FrameResult[T]:
        with self._changed:
            if not self._results and not self._conversation.in_flight_count and self._failure is None:
                raise StreamMisuseError("expected a frame in flight, got none; send() before receive()")
            self._wait(lambda: bool(self._results), self._result_timeout_s, "a result")
            return self._results.popleft()

    def take_ready(self) -> list[FrameResult[T]]:
        """Results that are here already."""
        with self._changed:
            ready = list(self._results)
            self._results.clear()
            return ready

    def taken(self, count: int) -> None:
        """Of a named stream: the results of all frames below this index are taken for good."""
        with self._changed:
            self._numbering.take(count)
            if self._conversation.state is State.OPEN and (due := self._numbering.due(ALONE)) >= 0:
                self._conversation.sent(Event.HEARTBEAT)
                self._outgoing.put(self._sealed(wire.taken_request(due)))

    def close(self) -> None:
        """Half-close and wait shortly for the cloud's status; cancel if frames are in flight or it does not come."""
        with self._changed:
            idle = self._conversation.in_flight_count == 0
            if self._conversation.state is State.OPEN and idle:
                self._half_close()
            self._changed.wait_for(lambda: not self._conversation.is_live, CLOSE_TIMEOUT_S if idle else 0.0)
            is_live = self._conversation.is_live
            self._outgoing.put(None)
        if is_live:
            self._call.cancel()  # type: ignore[no-untyped-call]
        self._reader.join(CLOSE_TIMEOUT_S)

    def _half_close(self) -> None:
        self._conversation.sent(Event.HALF_CLOSE)
        self._outgoing.put(None)

    def _wait(self, is_there: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait, the lock held, until `is_there`; raise what ended the stream, or DeadlineError and end it."""
        if is_there():
            return
        end_s = time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0:
            if self._changed.wait_for(lambda: is_there() or self._failure is not None, min(LOOK_S, left_s)):
                break
            self._while_waiting()
        if is_there():
            return
        if self._failure is None:
            self._fail(
                DeadlineError(
                    f"expected {what} from the cloud at {self._address} within {timeout_s:g} s, got none; "
                    "is it overloaded? raise the timeout, or start another with: isthmus cloud"
                )
            )
        self._raise_failure()

    def _raise_failure(self) -> None:
        """Raise, the lock held, what ended the stream, if anything did."""
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: IsthmusError) -> None:
        """Note, the lock held, what ended the stream, and end it."""
        if self._failure is None:
            self._failure = error
        if self._conversation.is_live:
            self._conversation.sent(Event.FAILED)
        self._outgoing.put(None)
        self._call.cancel()  # type: ignore[no-untyped-call]
        self._changed.notify_all()

    def _sealed(self, data: bytes) -> bytes:
        return sealed(data) if self._opening.wants_crc32 else data

    def _write(self) -> Iterator[bytes]:
        """What gRPC's writer thread sends."""
        wait_s = HEARTBEAT_S if self._opening.named is not None else None
        while True:
            try:
                data = self._outgoing.get(timeout=wait_s)
            except Empty:
                with self._changed:
                    if self._conversation.state is not State.OPEN or not self._numbering.is_held:
                        continue
                    self._conversation.sent(Event.HEARTBEAT)
                    data = self._sealed(wire.taken_request(self._numbering.tell()))
            if data is None:
                return
            yield data

    def _read(self) -> None:
        """The reader thread."""
        try:
            for data in self._call:
                body = unsealed(data) if self._opening.wants_crc32 else data
                response = wire.read_response(body, len(self._class_names))
                now_s = time.perf_counter()
                with self._changed:
                    if self._conversation.is_live:
                        self._take(response, len(data), now_s)
                    self._changed.notify_all()
            with self._changed:
                if self._conversation.is_live:
                    self._conversation.received(Event.END)
                if self._failure is None:
                    self._failure = OverloadedError(f"the cloud at {self._address} has ended the stream; open another")
                self._changed.notify_all()
        except grpc.RpcError as error:
            told = rpc_error(error, self._address)
            with self._changed:
                self._fail(told)
        except IsthmusError as error:
            with self._changed:
                self._fail(error)

    def _take(
        self,
        response: protocol.StreamOpened | protocol.Results | protocol.Goodbye | protocol.Heartbeat,
        size: int,
        now_s: float,
    ) -> None:
        if isinstance(response, protocol.Results):
            first = self._conversation.answered_count
            outcomes = self._numbering.fresh(response, first)
            self._sizes[3] += size
            self._sizes[5] += 1
            if not outcomes:  # all of them came before
                return
            self._conversation.received(Event.RESULTS, len(outcomes))
            self._numbering.came(size)
            for index, outcome in enumerate(outcomes, first):
                self._results.append(self._result(index, outcome, now_s, response.timing))
        elif isinstance(response, protocol.StreamOpened):
            self._conversation.received(Event.OPENED)
            self._conversation.bound_in_flight(min(response.limits.max_in_flight_frame_count, MAX_IN_FLIGHT))
            self._sizes[1] = size
            first, following = self._numbering.opened(response.held)
            self._conversation.begin_at(first, following)
            self._pending.extend(_Pending(count, now_s) for count in self._owed[: following - first])
            self._opened = response
        elif isinstance(response, protocol.Heartbeat):
            self._conversation.received(Event.HEARTBEAT)
        else:
            self._conversation.received(Event.GOODBYE)
            self._said_goodbye = True
            if self._conversation.state is State.OPEN:
                self._half_close()

    def _result(self, index: int, outcome: protocol.Outcome, now_s: float, timing: protocol.Timing) -> FrameResult[T]:
        pending = self._pending.popleft()
        round_trip_s = now_s - pending.sent_s
        if isinstance(outcome, IsthmusError):
            return FrameResult(index, outcome, round_trip_s, timing)
        asked = Asked(self._opening, self.opened.top_k, pending.signal_count, self._class_names)
        try:
            return FrameResult(index, self._task.read(outcome, asked), round_trip_s, timing)
        except MessageError as error:
            raise MessageError(f"frame {index}: {error}") from error
