"""The edge's end of an inference stream: a plain synchronous client, pipelined, that never waits without a limit.

`send` waits for room (the cloud announces how many frames may be in flight), `receive` for the next result; both give
up after `result_timeout_s`. The threads behind them are those of `isthmus.edge.call`. What the cloud is asked for
goes by the codec's signal: labels of point clouds and of the frames of videos, the reconstruction of images.

    with CloudClient("127.0.0.1:50051", manifest) as client:
        for result in client.classify(encoder.encode(cloud).packet for cloud in clouds):
            print(result.top().class_index)

    with CloudClient("127.0.0.1:50051", image_manifest, wants_pixels=True) as client:
        for result in client.reconstruct(image_encoder.encode(image).packet for image in images):
            write(result.reconstruction.png)

    with CloudClient("127.0.0.1:50051", video_manifest) as client:
        for result in client.infer(video_encoder.encode(frame).packet for frame in frames):
            print(result.frame_index, result.top().class_index)

A frame of a video may be answered with a ReferenceMissingError (`FrameResult.outcome`): the encoder's next frame should
then be intra. A caller who wants that sends and receives by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType

import grpc

from isthmus.common import wire
from isthmus.common.bits.packet import Packet
from isthmus.common.errors import InputError, StreamMisuseError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.signals import MAX_PIXELS
from isthmus.common.tasks import class_names_of, task_of
from isthmus.edge.call import METHODS, FrameResult, InferenceStream, Traffic, rpc_error

DEFAULT_ADDRESS = "127.0.0.1:50051"

# Of a response with pixels: 3 bytes each, and what a PNG of incompressible ones adds.
MAX_PIXELS_RESPONSE_BYTES = 3 * MAX_PIXELS + (4 << 20)


class CloudClient:
    """One cloud, and at most one stream to it at a time, which `open` (or the first `send`) begins.

    Args:
        address: "host:port".
        manifest: the codec of the stream; the cloud must hold the same.
        top_k: labels wanted for each signal; nothing to a codec of images.
        wants_timing: whether the cloud shall say how long it took (a few bytes a response).
        wants_pixels: whether reconstructions shall come back as a PNG, or only their size and checksum.
        wants_state_crc32: whether results of a video shall tell the CRC-32 of the latents that the cloud holds.
        connect_timeout_s: limit for `capabilities` and `open`.
        result_timeout_s: limit for each wait in `send` and `receive`.
    """

    def __init__(
        self,
        address: str,
        manifest: Manifest,
        *,
        top_k: int = 1,
        wants_timing: bool = False,
        wants_pixels: bool = False,
        wants_state_crc32: bool = False,
        connect_timeout_s: float = 5.0,
        result_timeout_s: float = 30.0,
    ) -> None:
        if top_k < 1:
            raise InputError(f"top_k: expected at least 1, got {top_k}")
        self._address = check_address(address)
        self._manifest = manifest
        self._top_k = top_k
        self._wants_timing = wants_timing
        # Classes a label may name. A codec of images has none, and gives reconstructions.
        self._class_count = len(class_names_of(manifest))
        self._task = task_of(manifest)
        self._wants_pixels = wants_pixels
        self._wants_state_crc32 = wants_state_crc32
        if wants_pixels and self._task is not wire.Task.RECONSTRUCTION:
            raise InputError(f"wants_pixels: expected a codec of images, got {manifest.name}, of {manifest.signal}")
        if wants_state_crc32 and self._task is not wire.Task.MOTION_COMPENSATED_INFERENCE:
            raise InputError(
                f"wants_state_crc32: expected a codec of videos, got {manifest.name}, of {manifest.signal}"
            )
        self._connect_timeout_s = connect_timeout_s
        self._result_timeout_s = result_timeout_s
        self._channel = open_channel(self._address, MAX_PIXELS_RESPONSE_BYTES if wants_pixels else 0)
        self._stream: InferenceStream | None = None
        self._is_closed = False

    def __enter__(self) -> CloudClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def capabilities(self) -> wire.Capabilities:
        """What the cloud offers. CloudUnreachableError or DeadlineError if it does not answer in time."""
        return fetch_capabilities(self._channel, self._address, self._connect_timeout_s)

    def open(self) -> wire.StreamOpened:
        """Begin the stream; an open one is kept.

        Raises:
            CloudUnreachableError, DeadlineError: no answer.
            UnknownCodecError, ManifestMismatchError, UnsupportedVersionError: not the same codec on both sides.
            OverloadedError: the cloud takes no more streams now.
        """
        if self._is_closed:
            raise StreamMisuseError("expected an open client, got one after close(); make a new CloudClient")
        if self._stream is None or self._stream.is_over:
            opening = wire.OpenStream(
                wire.CodecId(self._manifest.name, self._manifest.identity),
                self._manifest.bitstream_version,
                task=self._task,
                top_k=self._top_k,
                wants_timing=self._wants_timing,
                wants_pixels=self._wants_pixels,
                wants_state_crc32=self._wants_state_crc32,
            )
            stream = InferenceStream(self._channel, self._address, opening, self._class_count, self._result_timeout_s)
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

    def receive(self) -> FrameResult:
        """The next result, in the order of the frames.

        Raises:
            StreamMisuseError: nothing is in flight.
            DeadlineError: no result within `result_timeout_s`; the stream is over.
            IsthmusError: what ended the stream.
        """
        return self._live().receive()

    def take_ready(self) -> list[FrameResult]:
        """The results that are here already, in the order of the frames; does not wait."""
        return self._stream.take_ready() if self._stream is not None else []

    @property
    def pending_count(self) -> int:
        """Results that `receive` will still give: frames in flight, and results not yet taken."""
        return self._stream.pending_count if self._stream is not None else 0

    def classify(self, packets: Iterable[Packet], *, frames_per_message: int = 1) -> Iterator[FrameResult]:
        """Results of all packets in order, pipelined: packets are drawn and sent while results are on their way.

        `frames_per_message` packets travel together; where packets are slow to come by, 1 answers soonest.

        Raises:
            StreamMisuseError: the codec is not of point clouds.
            IsthmusError: as `send` and `receive`.
        """
        self._expect_task(wire.Task.CLASSIFICATION)
        return self._pipeline(packets, frames_per_message)

    def reconstruct(self, packets: Iterable[Packet]) -> Iterator[FrameResult]:
        """Results of all packets in order, pipelined as those of `classify`; `FrameResult.reconstruction` has them.

        Raises:
            StreamMisuseError: the codec is not of images.
            IsthmusError: as `send` and `receive`.
        """
        self._expect_task(wire.Task.RECONSTRUCTION)
        return self._pipeline(packets, 1)

    def infer(self, packets: Iterable[Packet]) -> Iterator[FrameResult]:
        """Results of all frames of a video in order, pipelined as those of `classify`, each with its labels.

        Raises:
            StreamMisuseError: the codec is not of videos.
            IsthmusError: as `send` and `receive`.
        """
        self._expect_task(wire.Task.MOTION_COMPENSATED_INFERENCE)
        return self._pipeline(packets, 1)

    def _expect_task(self, task: wire.Task) -> None:
        if task is not self._task:
            raise StreamMisuseError(
                f"expected a call that asks for {self._task.word}, which codec {self._manifest.name} gives, "
                f"got one for {task.word}"
            )

    def _pipeline(self, packets: Iterable[Packet], frames_per_message: int) -> Iterator[FrameResult]:
        if frames_per_message < 1:
            raise InputError(f"frames_per_message: expected at least 1, got {frames_per_message}")
        source = iter(packets)
        while group := tuple(islice(source, frames_per_message)):
            self.send(*group)
            yield from self.take_ready()
        while self.pending_count:
            yield self.receive()

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

    def _live(self) -> InferenceStream:
        if self._stream is None:
            raise StreamMisuseError("expected an open stream, got none; call open() or send() first")
        return self._stream


def fetch_capabilities(channel: grpc.Channel, address: str, timeout_s: float) -> wire.Capabilities:
    """What the cloud at the end of `channel` offers. CloudUnreachableError, DeadlineError, MessageError."""
    try:
        call = channel.unary_unary(METHODS + "GetCapabilities", None, None)
        data: bytes = call(b"", timeout=timeout_s)
    except grpc.RpcError as error:
        raise rpc_error(error, address) from None
    return wire.read_capabilities(data)


def check_address(address: str) -> str:
    """The address, if it reads "host:port" (an IPv6 host in brackets). InputError otherwise."""
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"address: expected host:port, for example {DEFAULT_ADDRESS}, got {address!r}")
    return address


def open_channel(address: str, max_response_bytes: int = 0) -> grpc.Channel:
    """A connection that is made when first used, and not shared with other clients of this process.

    Responses over `max_response_bytes` are refused; 0 stands for gRPC's own 4 MiB.
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
    return grpc.insecure_channel(address, options)
