"""The service over real sockets, as any gRPC client sees it: the generated stub, raw bytes, every way to be wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support import tiny_codec
from support.talk import METHOD, TIMEOUT_S, Talk

from isthmus.cloud.half import Answer, Steps
from isthmus.cloud.pointcloud.codec import PointCloudCodec
from isthmus.common import protocol, tasks, wire
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.limits import StreamLimits
from isthmus.common.status import HIDDEN_MESSAGE
from isthmus.edge.client import open_channel
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.v1 import codec_pb2, inference_service_pb2, inference_service_pb2_grpc


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> PointCloudEncoder:
    return PointCloudEncoder(zoo / "tiny-q1", checksum_size_bytes=4)


def opening(encoder: PointCloudEncoder, **changes: object) -> bytes:
    fields = {
        "codec_id": protocol.CodecId("tiny-q1", encoder.manifest.identity),
        "bitstream_version": 1,
        **changes,
    }
    return wire.open_request(protocol.OpenStream(**fields))  # type: ignore[arg-type]


def test_the_generated_stub(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    """A client that knows only the .proto files."""
    stub = inference_service_pb2_grpc.InferenceServiceStub(channel)  # type: ignore[no-untyped-call]
    offered = stub.GetCapabilities(inference_service_pb2.GetCapabilitiesRequest(), timeout=TIMEOUT_S)
    assert [codec.id.name for codec in offered.codecs] == ["tiny-q1"]
    assert offered.codecs[0].id.manifest_sha256 == encoder.manifest.identity
    assert offered.limits.max_in_flight_frame_count == 16
    cloud = tiny_codec.clouds(1)[0]
    request = inference_service_pb2.StreamInferenceRequest
    first = request(
        open=inference_service_pb2.OpenStream(
            codec_id=offered.codecs[0].id, task=codec_pb2.TASK_CLASSIFICATION, bitstream_version=1, top_k=9
        )
    )
    encoded = encoder.encode(cloud)
    frames = request(packets=[encoded.packet.to_bytes()] * 2)
    opened, *answers = list(stub.StreamInference(iter([first, frames]), timeout=TIMEOUT_S))
    assert opened.opened.top_k == tiny_codec.CLASSES
    results = [result for answer in answers for result in answer.results]
    logits = encoded.detail.values[0] @ tiny_codec.WEIGHTS
    for result in results:
        assert [label >> 10 for label in result.labels] == (-logits).argsort(kind="stable").tolist()
        assert sum(label & 1023 for label in result.labels) == pytest.approx(1000, abs=3)
    assert len(results) == 2
    assert not any(answer.HasField("timing") for answer in answers)


def test_frame_errors_keep_the_stream(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    bad = {
        b"": "PacketError",
        b"\xc0\x00": "PacketError",  # a reserved type
        good[:1] + good[2:]: "RemoteError",  # cut: a malformed tail, or another checksum
        good[:-1] + bytes([good[-1] ^ 1]): "SymbolMismatchError",
        bytes(65): "LimitExceededError",
        b"\x01\x21abc": "LimitExceededError",  # 33 signals
        Packet(PacketType.PREDICTED, (b"a",)).to_bytes(): "PacketError",
    }
    # Streams of less than the 16 frames that may be in flight.
    frames = [frame for data in bad for frame in (good, data, good)]
    names: list[str] = []
    for part in (frames[:12], frames[12:], [*bad, good]):
        talk = Talk(channel, [opening(encoder), *(wire.frames_request([frame]) for frame in part)])
        assert talk.code is grpc.StatusCode.OK
        names += [type(outcome).__name__ for outcome in talk.outcomes]
    kinds = [names[3 * i + 1] for i in range(len(bad))]
    for kind, expected in zip(kinds, bad.values(), strict=True):
        assert kind == expected or (expected == "RemoteError" and kind in ("PacketError", "SymbolMismatchError"))
    for i in range(len(bad)):
        assert names[3 * i] == names[3 * i + 2] == "FrameLabels"
    assert names[3 * len(bad) :] == [*kinds, "FrameLabels"]


STREAM_ERRORS: dict[str, tuple[Callable[[PointCloudEncoder], list[bytes]], str, str, str]] = {
    "frames first": (lambda _: [wire.frames_request([b"a"])], "FAILED_PRECONDITION", "STREAM_NOT_OPEN", "got packets"),
    "nothing": (lambda _: [], "FAILED_PRECONDITION", "STREAM_NOT_OPEN", "got its end"),
    "open twice": (lambda e: [opening(e)] * 2, "FAILED_PRECONDITION", "FRAME_OUT_OF_ORDER", "got open"),
    "no message": (lambda _: [b"\xff\xff\xff"], "INVALID_ARGUMENT", "MESSAGE_MALFORMED", "bytes that are none"),
    "no message later": (lambda e: [opening(e), b"\xff"], "INVALID_ARGUMENT", "MESSAGE_MALFORMED", "that are none"),
    "an empty message": (lambda e: [opening(e), b""], "INVALID_ARGUMENT", "MESSAGE_MALFORMED", "got neither"),
    "a wrong index": (
        lambda e: [opening(e), wire.frames_request([b"a"], 0), wire.frames_request([b"a"], 2)],
        "FAILED_PRECONDITION",
        "FRAME_OUT_OF_ORDER",
        "expected 1, got 2",
    ),
    "an unknown codec": (
        lambda e: [opening(e, codec_id=protocol.CodecId("tiny-q7", e.manifest.identity))],
        "NOT_FOUND",
        "CODEC_UNKNOWN",
        "expected one of the 1, such as tiny-q1, got tiny-q7; serve it with: isthmus cloud --zoo FOLDER",
    ),
    "another manifest": (
        lambda e: [opening(e, codec_id=protocol.CodecId("tiny-q1", bytes(32)))],
        "FAILED_PRECONDITION",
        "MANIFEST_MISMATCH",
        "got " + "00" * 32,
    ),
    "another version": (
        lambda e: [opening(e, bitstream_version=2)],
        "FAILED_PRECONDITION",
        "UNSUPPORTED_VERSION",
        "expected 1, got 2",
    ),
    "another task": (
        lambda e: [opening(e, task=tasks.RECONSTRUCTION.number)],
        "FAILED_PRECONDITION",
        "UNSUPPORTED_VERSION",
        "expected classification, got reconstruction",
    ),
    "no task": (lambda e: [opening(e, task=0)], "FAILED_PRECONDITION", "UNSUPPORTED_VERSION", "got task 0"),
    "too many frames at once": (
        lambda e: [opening(e), wire.frames_request([b"a"] * 17)],
        "RESOURCE_EXHAUSTED",
        "LIMIT_EXCEEDED",
        "at most 16 frames in flight, got 17",
    ),
    "too large a first message": (
        lambda e: [opening(e, codec_id=protocol.CodecId("x" * 4000, e.manifest.identity))],
        "RESOURCE_EXHAUSTED",
        "LIMIT_EXCEEDED",
        "first message: expected at most 2048 bytes, got 40",
    ),
    "a bomb as the first message": (
        lambda _: [b"\x12\x00" * 1024],
        "FAILED_PRECONDITION",
        "STREAM_NOT_OPEN",
        "expected open",
    ),
    "a bomb of empty packets": (
        lambda e: [opening(e), b"\x12\x00" * 2000],
        "RESOURCE_EXHAUSTED",
        "LIMIT_EXCEEDED",
        "message: expected at most 32 fields in 4000 bytes, got 33 or more",
    ),
    # Refused by gRPC itself, before it is ours to name.
    "too large a message": (
        lambda e: [opening(e), wire.frames_request([bytes(5000)])],
        "RESOURCE_EXHAUSTED",
        "",
        "4096",
    ),
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_stream_errors(channel: grpc.Channel, encoder: PointCloudEncoder, name: str) -> None:
    messages, code, reason, says = STREAM_ERRORS[name]
    talk = Talk(channel, messages(encoder))
    assert (talk.code.name, talk.reason) == (code, reason), talk.message
    assert says in talk.message
    if reason in ("CODEC_UNKNOWN", "MANIFEST_MISMATCH", "UNSUPPORTED_VERSION"):
        assert talk.expected
        assert talk.actual


def test_compressed_messages_are_refused(zoo: Path, encoder: PointCloudEncoder) -> None:
    """Streams and single calls: what is small on the wire may be large once it is unpacked."""
    with tiny_codec.live_cloud(zoo) as live:
        channel = grpc.insecure_channel(live.address, compression=grpc.Compression.Gzip)
        talk = Talk(channel, [opening(encoder, codec_id=protocol.CodecId("x" * 2000, encoder.manifest.identity))])
        assert talk.code is grpc.StatusCode.UNIMPLEMENTED
        assert "'gzip' is disabled" in talk.message
        call = channel.unary_unary("/isthmus.v1.InferenceService/GetCapabilities", None, None)
        with pytest.raises(grpc.RpcError) as caught:
            call(bytes(2000), timeout=TIMEOUT_S)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        channel.close()


def test_frames_counted_by_the_client(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    talk = Talk(channel, [opening(encoder), wire.frames_request([good] * 3, 0), wire.frames_request([good], 3)])
    assert talk.code is grpc.StatusCode.OK
    assert len(talk.outcomes) == 4


def test_timing_where_asked_for(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    talk = Talk(channel, [opening(encoder, wants_timing=True), wire.frames_request([good] * 16)])
    results = wire.read_response(talk.responses[1])
    assert isinstance(results, protocol.Results)
    assert results.timing.task_us > 0


def test_a_flood_of_small_frames_is_bounded(
    zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that ignores the bound, while the cloud is busy: its stream ends, whatever HTTP/2 would let pass."""
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    infer = PointCloudCodec.infer

    def slow(self: PointCloudCodec, packets: list[bytes], top_k: int) -> Steps[Answer]:
        yield 1
        time.sleep(0.3)
        return (yield from infer(self, packets, top_k))

    monkeypatch.setattr(PointCloudCodec, "infer", slow)
    with tiny_codec.live_cloud(zoo) as live:
        channel = open_channel(live.address)
        talk = Talk(channel, [opening(encoder), *[wire.frames_request([good])] * 500])
        channel.close()
    assert (talk.code.name, talk.reason) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")


def test_other_calls_are_answered_while_a_network_runs(
    zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    infer = PointCloudCodec.infer
    has_begun, may_end = threading.Event(), threading.Event()

    def held(self: PointCloudCodec, packets: list[bytes], top_k: int) -> Steps[Answer]:
        yield 1
        has_begun.set()
        may_end.wait(TIMEOUT_S)
        return (yield from infer(self, packets, top_k))

    monkeypatch.setattr(PointCloudCodec, "infer", held)
    with tiny_codec.live_cloud(zoo) as live:
        channel = open_channel(live.address)
        other = threading.Thread(target=Talk, args=(channel, [opening(encoder), wire.frames_request([good])]))
        other.start()
        assert has_begun.wait(TIMEOUT_S)
        stub = inference_service_pb2_grpc.InferenceServiceStub(channel)  # type: ignore[no-untyped-call]
        stub.GetCapabilities(inference_service_pb2.GetCapabilitiesRequest(), timeout=TIMEOUT_S)
        assert other.is_alive()
        may_end.set()
        other.join(TIMEOUT_S)
        channel.close()


def test_failures_of_the_cloud_are_hidden(
    zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> object:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(PointCloudCodec, "infer", fails)
    with tiny_codec.live_cloud(zoo) as live:
        channel = open_channel(live.address)
        talk = Talk(channel, [opening(encoder), wire.frames_request([b"a"])])
        channel.close()
    assert (talk.code.name, talk.reason, talk.message) == ("INTERNAL", "INTERNAL", HIDDEN_MESSAGE)
    assert "/secret/path" in caplog.text


def held_stream(
    channel: grpc.Channel, encoder: PointCloudEncoder
) -> tuple[grpc.CallIterator[bytes], SimpleQueue[bytes | None]]:
    """A stream that is open and stays so until None is put."""
    outgoing: SimpleQueue[bytes | None] = SimpleQueue()
    call = channel.stream_stream(METHOD, None, None)(iter(outgoing.get, None), timeout=TIMEOUT_S)
    outgoing.put(opening(encoder))
    next(iter(call))
    return call, outgoing


def test_too_many_streams(zoo: Path, encoder: PointCloudEncoder) -> None:
    with tiny_codec.live_cloud(zoo, max_stream_count=2) as live:
        channel = open_channel(live.address)
        held = [held_stream(channel, encoder) for _ in range(2)]
        talk = Talk(channel, [opening(encoder)])
        assert (talk.code.name, talk.reason) == ("UNAVAILABLE", "OVERLOADED")
        assert talk.retry_s > 0
        for call, outgoing in held:
            outgoing.put(None)
            assert list(call) == []
        assert Talk(channel, [opening(encoder)]).code is grpc.StatusCode.OK
        channel.close()


@pytest.mark.parametrize("opens", [True, False])
def test_a_silent_stream_is_ended(zoo: Path, encoder: PointCloudEncoder, opens: bool) -> None:
    limits = StreamLimits(tiny_codec.LIMITS.packet, 16, 4096, 0.4)
    with tiny_codec.live_cloud(zoo, limits) as live:
        channel = open_channel(live.address)
        outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        call = channel.stream_stream(METHOD, None, None)(iter(outgoing.get, None), timeout=TIMEOUT_S)
        if opens:
            outgoing.put(opening(encoder))
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "within 0.4 s" in (caught.value.details() or "")  # by the cloud, not after TIMEOUT_S by this client
        outgoing.put(None)
        channel.close()


def test_a_client_that_goes_away_frees_its_stream(zoo: Path, encoder: PointCloudEncoder) -> None:
    with tiny_codec.live_cloud(zoo, max_stream_count=1) as live:
        channel = open_channel(live.address)
        call, outgoing = held_stream(channel, encoder)
        call.cancel()  # type: ignore[no-untyped-call]
        outgoing.put(None)
        end_s = time.monotonic() + 60
        while (talk := Talk(channel, [opening(encoder)])).code is not grpc.StatusCode.OK:
            assert time.monotonic() < end_s, talk.message
            time.sleep(0.02)
        channel.close()


@pytest.mark.slow
def test_a_client_that_never_reads_is_ended(zoo: Path, encoder: PointCloudEncoder) -> None:
    """Results pile up behind HTTP/2's window; the cloud does not wait for ever to write them."""
    limits = StreamLimits(tiny_codec.LIMITS.packet, 16, 4096, 0.5)
    bad = b"\xc0" + bytes(20)  # an error of a hundred bytes each
    with tiny_codec.live_cloud(zoo, limits, max_stream_count=1) as live:
        channel = open_channel(live.address)
        sent = threading.Event()

        def messages() -> Iterator[bytes]:
            yield opening(encoder)
            for _ in range(3000):
                yield wire.frames_request([bad])
                time.sleep(0.0005)
            sent.set()
            time.sleep(0.1)

        call = channel.stream_stream(METHOD, None, None)(messages(), timeout=TIMEOUT_S)
        other = open_channel(live.address)
        end_s = time.monotonic() + 60
        while (talk := Talk(other, [opening(encoder)])).code is not grpc.StatusCode.OK:
            assert time.monotonic() < end_s, talk.message
            time.sleep(0.1)
        call.cancel()  # type: ignore[no-untyped-call]
        other.close()
        channel.close()


def test_work_that_does_not_end_is_told_of(
    zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A network that loops: health says so, new streams go elsewhere, and all is well again once it has ended."""
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    infer, may_end = PointCloudCodec.infer, threading.Event()

    def loops(self: PointCloudCodec, packets: list[bytes], top_k: int) -> Steps[Answer]:
        yield 1
        may_end.wait(TIMEOUT_S)
        return (yield from infer(self, packets, top_k))

    def wait_for(status: int) -> None:
        end_s = time.monotonic() + 30
        while health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S).status != status:
            assert time.monotonic() < end_s
            time.sleep(0.02)

    monkeypatch.setattr(PointCloudCodec, "infer", loops)
    with tiny_codec.live_cloud(zoo, stuck_after_s=0.2) as live:
        channel = open_channel(live.address)
        health = health_pb2_grpc.HealthStub(channel)
        other = threading.Thread(target=Talk, args=(channel, [opening(encoder), wire.frames_request([good])]))
        other.start()
        wait_for(health_pb2.HealthCheckResponse.NOT_SERVING)
        assert "has not ended for 0.2 s" in caplog.text
        talk = Talk(channel, [opening(encoder)])
        assert (talk.code.name, talk.reason) == ("UNAVAILABLE", "OVERLOADED")
        may_end.set()
        wait_for(health_pb2.HealthCheckResponse.SERVING)
        other.join(TIMEOUT_S)
        channel.close()


def test_more_connections_than_may_be_are_closed_as_they_come(zoo: Path) -> None:
    """Silent ones: those that are there keep their places, one more is closed at once."""
    with tiny_codec.live_cloud(zoo, max_connection_count=4) as live:
        host, _, port = live.address.rpartition(":")
        held = [socket.create_connection((host, int(port)), timeout=TIMEOUT_S) for _ in range(4)]
        for one in held:
            assert one.recv(1)  # the server's settings: it has taken the connection
        with (
            contextlib.suppress(ConnectionResetError),  # it may be closed before it was looked at
            socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as late,
        ):
            assert late.recv(1) == b""
        for one in held:
            one.close()
