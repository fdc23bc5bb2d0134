"""One inference stream seen from the edge: three threads around a conversation.

Theory of operation. The caller's thread makes messages and takes results; gRPC's own writer thread takes messages from
a queue; a reader thread takes responses off the wire as they come, so that results free room for further frames while
the caller is busy encoding. All three meet in one lock around a `Conversation`, which knows what may be sent. Every
wait has a limit; the first thing that goes wrong ends the stream and is what every later call raises.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic

import grpc

from isthmus.common import protocol, status, wire
from isthmus.common.bits.packet import Packet
from isthmus.common.conversation import Conversation, Event, Role, State
from isthmus.common.errors import (
    CloudUnreachableError,
    DeadlineError,
    IsthmusError,
    LimitExceededError,
    MessageError,
    OverloadedError,
    StreamMisuseError,
)
from isthmus.common.limits import StreamLimits
from isthmus.common.task import Asked, Task
from isthmus.edge.result import FrameResult, T, Traffic

METHODS = "/isthmus.v1.InferenceService/"

# How long a wait goes on at most before `while_waiting` is called.
LOOK_S = 0.1

# How long a closing stream waits for the cloud's status before it cancels.
CLOSE_TIMEOUT_S = 2.0

# Most bytes that tag and length in front of each packet of a message take.
PACKET_FIELD_BYTES = 6


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
    ) -> None:
        self._address = address
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
        self._call = channel.stream_stream(METHODS + "StreamInference", None, None)(iter(self._outgoing.get, None))
        self._reader = threading.Thread(target=self._read, name="isthmus-reader", daemon=True)
        self._reader.start()

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
        data = wire.open_request(self._opening)
        with self._changed:
            self._raise_failure()  # the connection may have failed already
            self._conversation.sent(Event.OPEN)
            self._sizes[0] = len(data)
            self._outgoing.put(data)
            self._wait(lambda: self._opened is not None, timeout_s, "an answer to open")

    def send(self, packets: tuple[Packet, ...]) -> None:
        datas = [packet.to_bytes() for packet in packets]
        limits = self.opened.limits
        for packet, data in zip(packets, datas, strict=True):
            if len(data) > limits.packet.max_packet_size_bytes or packet.signal_count > limits.packet.max_signal_count:
                raise LimitExceededError(
                    f"packet: expected at most {limits.packet.max_packet_size_bytes} bytes and "
                    f"{limits.packet.max_signal_count} signals, as the cloud at {self._address} takes, got {len(data)} "
                    f"bytes and {packet.signal_count} signals; send smaller batches"
                )
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
                stop = self._message_end(datas, start, limits)
                data = wire.frames_request(datas[start:stop])
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

    def _message_end(self, datas: list[bytes], start: int, limits: StreamLimits) -> int:
        """Index past the last packet that fits in a message which starts with packet `start`."""
        stop = start
        size = 0
        most = min(len(datas), start + self._conversation.room_count)
        while stop < most:
            size += len(datas[stop]) + PACKET_FIELD_BYTES
            if size > limits.max_message_size_bytes and stop > start:
                break
            stop += 1
        return stop

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

    def _read(self) -> None:
        """The reader thread."""
        try:
            for data in self._call:
                response = wire.read_response(data, len(self._class_names))
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
        self, response: protocol.StreamOpened | protocol.Results | protocol.Goodbye, size: int, now_s: float
    ) -> None:
        if isinstance(response, protocol.Results):
            first = self._conversation.answered_count
            self._conversation.received(Event.RESULTS, len(response.outcomes))
            self._sizes[3] += size
            self._sizes[5] += 1
            for index, outcome in enumerate(response.outcomes, first):
                self._results.append(self._result(index, outcome, now_s, response.timing))
        elif isinstance(response, protocol.StreamOpened):
            self._conversation.received(Event.OPENED)
            self._conversation.bound_in_flight(response.limits.max_in_flight_frame_count)
            self._sizes[1] = size
            self._opened = response
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


def rpc_error(error: grpc.RpcError, address: str) -> IsthmusError:
    """What gRPC's error means: the cloud's own where it sent one, else by code."""
    assert isinstance(error, grpc.Call)  # true of every error that a call raises
    code, message = error.code(), error.details() or ""
    trailers = dict(error.trailing_metadata() or ())
    details = trailers.get(status.DETAILS_KEY, b"")
    told = status.from_trailers(code.value[0], message, details if isinstance(details, bytes) else b"")
    if isinstance(told, CloudUnreachableError):
        return CloudUnreachableError(
            f"expected a cloud at {address}, got no answer ({message}); start one with: isthmus cloud"
        )
    if isinstance(told, DeadlineError) and not details:
        return DeadlineError(f"expected an answer from the cloud at {address} in time, got none ({message})")
    return told
