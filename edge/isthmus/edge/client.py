"""The edge's end of an inference stream: a plain synchronous client, pipelined, that never waits without a limit.

`send` waits for room (the cloud announces how many frames may be in flight), `receive` for the next result; both give
up after `result_timeout_s`. The threads behind them are those of `isthmus.edge.call`.

    with CloudClient("127.0.0.1:50051", manifest) as client:
        for result in client.results(encoder.encode(cloud).packet for cloud in clouds):
            print(result.value.top().class_index)

What a result's value is goes by the task (`isthmus.common.tasks`), which is the codec's first unless another is asked
for: labels of point clouds and of the frames of videos, the reconstruction of images.

A frame of a video may be answered with a ReferenceMissingError (`FrameResult.outcome`): the encoder's next frame should
then be intra. A caller who wants that sends and receives by itself.

More than 300 lines: half of them say what its calls take and raise.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Generic

import grpc

from isthmus.common import protocol, wire
from isthmus.common.bits.packet import Packet
from isthmus.common.errors import InputError, StreamMisuseError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.signals import MAX_PIXELS
from isthmus.common.task import Task
from isthmus.edge.access import NO_ACCESS, Access
from isthmus.edge.call import METHODS, InferenceStream
from isthmus.edge.result import FrameResult, T, Traffic
from isthmus.edge.rpc_error import rpc_error

DEFAULT_ADDRESS = "127.0.0.1:50051"

# Of a response with pixels: 3 bytes each, and what a PNG of incompressible ones adds.
MAX_PIXELS_RESPONSE_BYTES = 3 * MAX_PIXELS + (4 << 20)


class CloudClient(Generic[T]):
    """One cloud, and at most one stream to it at a time, which `open` (or the first `send`) begins.

    Args:
        address: "host:port", or several of them with commas between (`turn`).
        manifest: the codec of the stream; the cloud must hold the same.
        task: what is asked for; None for the codec's first.
        top_k: labels wanted for each signal; nothing to a codec of images.
        wants_timing: whether the cloud shall say how long it took (a few bytes a response).
        wants_pixels: whether reconstructions shall come back as a PNG, or only their size and checksum.
        wants_state_crc32: whether results of a video shall tell the CRC-32 of the latents that the cloud holds.
        wants_crc32: whether every message shall end with its CRC-32 (5 bytes each, `isthmus.common.sealing`).
        connect_timeout_s: limit for `capabilities` and `open`.
        result_timeout_s: limit for each wait in `send` and `receive`.
        access: TLS and token.

    Attributes:
        while_waiting: called again and again in these waits; what it raises ends one, and nothing was done then.
    """

    def __init__(  # noqa: PLR0913  what a stream asks for, each by its name
        self,
        address: str,
        manifest: Manifest,
        task: Task[T] | None = None,
        *,
        top_k: int = 1,
        wants_timing: bool = False,
        wants_pixels: bool = False,
        wants_state_crc32: bool = False,
        wants_crc32: bool = False,
        connect_timeout_s: float = 5.0,
        result_timeout_s: float = 30.0,
        while_waiting: Callable[[], None] = lambda: None,
        access: Access = NO_ACCESS,
    ) -> None:
        if top_k < 1:
            raise InputError(f"top_k: expected at least 1, got {top_k}")
        self._addresses = tuple(check_address(one.strip()) for one in address.split(","))
        self._address = self._addresses[0]
        self._manifest = manifest
        self._top_k = top_k
        self._wants_timing = wants_timing
        self._task: Task[T] = manifest.task if task is None else task
        self._wants_pixels = self._wanted("pixels", wants=wants_pixels)
        self._wants_state_crc32 = self._wanted("state_crc32", wants=wants_state_crc32)
        self._wants_crc32 = wants_crc32
        self._connect_timeout_s = connect_timeout_s
        self._result_timeout_s = result_timeout_s
        self.while_waiting = while_waiting
        self._access = access
        for one in self._addresses:
            access.check(one)
        self._channel = self._open_channel()
        self._stream: InferenceStream[T] | None = None
        self._is_closed = False

    def __enter__(self) -> CloudClient[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def capabilities(self) -> protocol.Capabilities:
        """What the cloud offers. CloudUnreachableError or DeadlineError if it does not answer in time."""
        return fetch_capabilities(self._channel, self._address, self._connect_timeout_s)

    def open(self, named: protocol.NamedStream | None = None, sent_before: Sequence[int] = ()) -> protocol.StreamOpened:
        """Begin the stream; an open one is kept, unless it is named.

        Args:
            named: a stream that outlives its connection; another one of this client is ended.
            sent_before: of the frames of a named stream, from the first unanswered one on, that were sent on earlier
                connections, how many signals each has.

        Raises:
            FencedError: the named stream was opened again since.
            CloudUnreachableError, DeadlineError: no answer.
            UnknownCodecError, ManifestMismatchError, UnsupportedVersionError: not the same codec on both sides.
            OverloadedError: the cloud takes no more streams now.
        """
        if self._is_closed:
            raise StreamMisuseError("expected an open client, got one after close(); make a new CloudClient")
        if named is not None:
            self.end_stream()
        if self._stream is None or self._stream.is_over:
            opening = protocol.OpenStream(
                protocol.CodecId(self._manifest.name, self._manifest.identity),
                self._manifest.bitstream_version,
                task=self._task.number,
                top_k=self._top_k,
                wants_timing=self._wants_timing,
                wants_pixels=self._wants_pixels,
                wants_state_crc32=self._wants_state_crc32,
                wants_crc32=self._wants_crc32,
                named=named,
            )
            stream = InferenceStream(
                self._channel,
                self._address,
                opening,
                self._task,
                self._manifest.classes,
                self._result_timeout_s,
                self._wait_on,
                sent_before,
            )
            self._stream = None
            try:
                stream.open(self._connect_timeout_s)
            except BaseException:
                stream.close()
                raise
            self._stream = stream
        return self._stream.opened

    def send(self, *packets: Packet) -> None:
        """Send packets that are ready together in one message (or as few as the cloud's limits allow).

        Waits while the cloud's bound of frames in flight is reached; results are read meanwhile.

        Raises:
            LimitExceededError: a packet is larger than the cloud accepts; nothing of this call was sent.
            DeadlineError: no room within `result_timeout_s`; the stream is over.
            IsthmusError: what ended the stream.
        """
        if self._stream is None:
            self.open()
        self._live().send(packets)

    def receive(self) -> FrameResult[T]:
        """The next result, in the order of the frames.

        Raises:
            StreamMisuseError: nothing is in flight.
            DeadlineError: no result within `result_timeout_s`; the stream is over.
            IsthmusError: what ended the stream.
        """
        return self._live().receive()

    def take_ready(self) -> list[FrameResult[T]]:
        """The results that are here already, in the order of the frames; does not wait."""
        return self._stream.take_ready() if self._stream is not None else []

    @property
    def named(self) -> protocol.NamedStream:
        """The named stream that is open, as it stands. StreamMisuseError: none is, or it has no name."""
        opening, held = self._live().opening, self._live().opened.held
        if opening.named is None:
            raise StreamMisuseError("expected a stream with a name, got one without; give open() a NamedStream")
        goes_on = held is not None and held.is_resumed
        return opening.named if goes_on else replace(opening.named, began_epoch=opening.named.epoch)

    @property
    def opened(self) -> protocol.StreamOpened | None:
        """What the cloud granted the stream that is open; None where none is."""
        return None if self._stream is None else self._stream.opened

    def taken(self, count: int) -> None:
        """Of a named stream: the results of all frames below this index are taken for good."""
        if self._stream is not None:
            self._stream.taken(count)

    @property
    def address(self) -> str:
        """Where the stream goes, or would."""
        return self._address

    def turn(self) -> None:
        """To the next address, by a connection of its own; the stream is ended, and frames in flight are abandoned.

        Behind one address may be several clouds: the connection that there is leads to the one that is to be left.
        """
        self.end_stream()
        self._channel.close()
        self._address = self._addresses[(self._addresses.index(self._address) + 1) % len(self._addresses)]
        self._channel = self._open_channel()

    @property
    def pending_count(self) -> int:
        """Results that `receive` will still give: frames in flight, and results not yet taken."""
        return self._stream.pending_count if self._stream is not None else 0

    def results(self, packets: Iterable[Packet], *, frames_per_message: int = 1) -> Iterator[FrameResult[T]]:
        """Results of all packets in order, pipelined: packets are drawn and sent while results are on their way.

        `frames_per_message` packets travel together; where packets are slow to come by, 1 answers soonest.

        Raises:
            IsthmusError: as `send` and `receive`.
        """
        if frames_per_message < 1:
            raise InputError(f"frames_per_message: expected at least 1, got {frames_per_message}")
        return self._pipelined(iter(packets), frames_per_message)

    def _pipelined(self, packets: Iterator[Packet], frames_per_message: int) -> Iterator[FrameResult[T]]:
        while group := tuple(islice(packets, frames_per_message)):
            self.send(*group)
            yield from self.take_ready()
        while self.pending_count:
            yield self.receive()

    def _wanted(self, what: str, *, wants: bool) -> bool:
        if wants and what not in self._task.wants:
            raise InputError(
                f"wants_{what}: expected a codec whose task gives that, got {self._manifest.name}, for "
                f"{self._task.word}"
            )
        return wants

    @property
    def traffic(self) -> Traffic:
        """Message bytes of the current stream so far."""
        return self._stream.traffic() if self._stream is not None else Traffic()

    def end_stream(self) -> None:
        """End the stream (frames in flight are abandoned) and keep the connection; `open` or `send` begins another."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        """End the stream (frames in flight are abandoned) and the connection. May be called again."""
        if not self._is_closed:
            self._is_closed = True
            if self._stream is not None:
                self._stream.close()
            self._channel.close()

    def _open_channel(self) -> grpc.Channel:
        return open_channel(self._address, MAX_PIXELS_RESPONSE_BYTES if self._wants_pixels else 0, self._access)

    def _wait_on(self) -> None:
        self.while_waiting()

    def _live(self) -> InferenceStream[T]:
        if self._stream is None:
            raise StreamMisuseError("expected an open stream, got none; call open() or send() first")
        return self._stream


def new_stream() -> protocol.NamedStream:
    """A stream that outlives its connections, at its beginning."""
    return protocol.NamedStream(secrets.token_bytes(wire.STREAM_NAME_BYTES), 1)


def fetch_capabilities(channel: grpc.Channel, address: str, timeout_s: float) -> protocol.Capabilities:
    """What the cloud at the end of `channel` offers. CloudUnreachableError, DeadlineError, MessageError."""
    try:
        call = channel.unary_unary(METHODS + "GetCapabilities", None, None)
        data: bytes = call(b"", timeout=timeout_s)
    except grpc.RpcError as error:
        raise rpc_error(error, address) from None
    return wire.read_capabilities(data)


def check_address(address: str) -> str:
    """The address, if it reads "host:port" (an IPv6 host in brackets). InputError otherwise."""
    scheme, mark, rest = address.partition("://")
    if mark:
        where = rest.partition("/")[0] or DEFAULT_ADDRESS
        where += "" if ":" in where else DEFAULT_ADDRESS[DEFAULT_ADDRESS.rindex(":") :]
        raise InputError(f"address: expected host:port without {scheme}://, got {address!r}; say {where}")
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"address: expected host:port, for example {DEFAULT_ADDRESS}, got {address!r}")
    return address


def open_channel(address: str, max_response_bytes: int = 0, access: Access = NO_ACCESS) -> grpc.Channel:
    """A connection that is made when first used, and not shared with other clients of this process.

    Responses over `max_response_bytes` are refused; 0 stands for gRPC's own 4 MiB. InputError as of `Access.channel`.
    """
    host = address.rpartition(":")[0].strip("[]")
    options = [
        # Channels that share a connection share its back-off: a new client would wait for an old one's failures.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        # A cloud that is gone without a word is noticed in 30 s; servers allow a ping every 20 s.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_http_proxy", 0 if host in ("localhost", "::1") or host.startswith("127.") else 1),
    ]
    if max_response_bytes:
        options.append(("grpc.max_receive_message_length", max_response_bytes))
    return access.channel(address, options)
