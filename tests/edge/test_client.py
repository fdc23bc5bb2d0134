"""The edge's client against real clouds, sick clouds, and none."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import tiny_codec
from support.false_cloud import Behaviour, false_cloud

from isthmus.cloud.half import Answer, Steps
from isthmus.cloud.pointcloud.classifier import Classifier
from isthmus.cloud.pointcloud.codec import PointCloudCodec
from isthmus.common import protocol, wire
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.errors import (
    CloudFailureError,
    CloudUnreachableError,
    DeadlineError,
    FrameOrderError,
    InputError,
    IsthmusError,
    LimitExceededError,
    ManifestMismatchError,
    MessageError,
    OverloadedError,
    PacketError,
    StreamMisuseError,
    UnknownCodecError,
)
from isthmus.edge.call import MAX_IN_FLIGHT
from isthmus.edge.client import CloudClient, check_address
from isthmus.edge.pointcloud.encoder import PointCloudEncoder


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> PointCloudEncoder:
    return PointCloudEncoder(zoo / "tiny-q1")


@pytest.mark.parametrize("frames_per_message", [1, 7, 50])
def test_classifies_in_order(address: str, encoder: PointCloudEncoder, zoo: Path, frames_per_message: int) -> None:
    """More frames than may be in flight, and messages larger than that."""
    clouds = tiny_codec.clouds(100)
    expected = Classifier(zoo / "tiny-q1").top_labels(encoder.symbols(clouds).values, 2)
    with CloudClient(address, encoder.manifest, top_k=2, wants_timing=True) as client:
        packets = (encoder.encode(cloud).packet for cloud in clouds)
        results = list(client.results(packets, frames_per_message=frames_per_message))
        assert [r.frame_index for r in results] == list(range(100))
        for result, row in zip(results, expected.tolist(), strict=True):
            assert [(label.class_index << 10) + label.per_mille for label in result.value.signals[0]] == row
            assert result.round_trip_s > 0
        assert max(r.timing.task_us for r in results) > 0
        assert client.pending_count == 0
        assert client.open().top_k == 2


def test_batches_hold_a_classification_for_each_signal(address: str, encoder: PointCloudEncoder, zoo: Path) -> None:
    clouds = tiny_codec.clouds(32)
    expected = Classifier(zoo / "tiny-q1").top_labels(encoder.symbols(clouds).values, 1)
    with CloudClient(address, encoder.manifest) as client:
        client.send(encoder.encode_batch(clouds).packet, encoder.encode(clouds[0]).packet)
        batch, single = client.receive(), client.receive()
    assert [signal[0].class_index for signal in batch.value.signals] == (expected[:, 0] >> 10).tolist()
    assert batch.value.top(31).class_index == expected[31, 0] >> 10
    assert len(single.value.signals) == 1


def test_counts_message_bytes(address: str, encoder: PointCloudEncoder) -> None:
    clouds = tiny_codec.clouds(8)
    packets = [encoder.encode(cloud).packet for cloud in clouds]
    with CloudClient(address, encoder.manifest) as client:
        opened = client.open()
        for packet in packets:
            client.send(packet)
            client.receive()
        traffic = client.traffic
    codec_id = protocol.CodecId("tiny-q1", encoder.manifest.identity)
    assert traffic.opening_sent_bytes == len(wire.open_request(protocol.OpenStream(codec_id, 1)))
    assert traffic.opening_received_bytes == len(wire.opened_response(opened))
    assert traffic.sent_bytes == sum(len(wire.frames_request([p.to_bytes()])) for p in packets)
    assert traffic.received_bytes == 8 * 6  # classes under 16: see inference_service.proto
    assert (traffic.sent_message_count, traffic.received_message_count) == (8, 8)


def test_frame_errors_come_in_their_place(address: str, encoder: PointCloudEncoder) -> None:
    good = encoder.encode(tiny_codec.clouds(1)[0]).packet
    with CloudClient(address, encoder.manifest) as client:
        results = list(client.results([good, Packet(PacketType.PREDICTED, (b"a",)), good]))
        assert isinstance(results[1].outcome, PacketError)
        with pytest.raises(PacketError, match="intra packet"):
            results[1].value.top()
        assert results[0].value == results[2].value


def test_capabilities(address: str, encoder: PointCloudEncoder) -> None:
    with CloudClient(address, encoder.manifest) as client:
        (offer,) = client.capabilities().codecs
        assert (offer.codec_id.name, offer.class_count) == ("tiny-q1", 5)
        assert offer.codec_id.manifest_sha256 == encoder.manifest.identity


def test_limits_are_checked_before_sending(address: str, encoder: PointCloudEncoder) -> None:
    with CloudClient(address, encoder.manifest) as client:
        with pytest.raises(LimitExceededError, match="at most 64 bytes and 32 signals"):
            client.send(encoder.encode_batch(tiny_codec.clouds(33)).packet)
        assert client.traffic.sent_bytes == 0
        client.send(encoder.encode(tiny_codec.clouds(1)[0]).packet)
        client.receive().value.top()


def test_misuse(address: str, encoder: PointCloudEncoder) -> None:
    client = CloudClient(address, encoder.manifest)
    with pytest.raises(StreamMisuseError, match="call open"):
        client.receive()
    client.open()
    with pytest.raises(StreamMisuseError, match=r"send\(\) before receive"):
        client.receive()
    with pytest.raises(InputError, match="at least 1"):
        list(client.results([], frames_per_message=0))
    client.close()
    client.close()
    with pytest.raises(StreamMisuseError, match="make a new CloudClient"):
        client.open()
    with pytest.raises(InputError, match="top_k"):
        CloudClient(address, encoder.manifest, top_k=0)


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":50051", "localhost:http", "h:0", "h:65536", "h:²"]
)
def test_addresses(address: str) -> None:
    with pytest.raises(InputError, match="expected host:port"):
        check_address(address)
    assert check_address("[::1]:50051") == "[::1]:50051"


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("http://localhost:5000", "localhost:5000"),
        ("grpc://10.0.0.1:50051/", "10.0.0.1:50051"),
        ("https://cloud.example/v1", "cloud.example:50051"),
        ("http://", "127.0.0.1:50051"),
    ],
)
def test_an_address_with_a_scheme_is_answered_with_the_form_without(address: str, form: str) -> None:
    with pytest.raises(InputError, match=f"expected host:port without .*://, got .*; say {re.escape(form)}$"):
        check_address(address)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_cloud(encoder: PointCloudEncoder) -> None:
    with CloudClient(f"127.0.0.1:{free_port()}", encoder.manifest) as client:
        start_s = time.monotonic()
        for call in (client.open, client.capabilities, lambda: client.send(Packet(PacketType.INTRA, (b"",)))):
            with pytest.raises(CloudUnreachableError, match="start one with: isthmus cloud"):
                call()
        assert time.monotonic() - start_s < 5


def test_a_port_that_takes_connections_and_says_nothing(encoder: PointCloudEncoder) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with CloudClient(address, encoder.manifest, connect_timeout_s=0.3) as client:
            with pytest.raises(DeadlineError, match=r"0.3 s"):
                client.open()
            with pytest.raises((DeadlineError, CloudUnreachableError)):
                client.capabilities()


def test_another_codec_on_the_other_side(address: str, tmp_path: Path) -> None:
    unknown = PointCloudEncoder(tiny_codec.write_codec(tmp_path, "tiny-q2")).manifest
    other = PointCloudEncoder(tiny_codec.write_codec(tmp_path / "other", "tiny-q1", checksum_size_bytes=4)).manifest
    with CloudClient(address, unknown) as client, pytest.raises(UnknownCodecError, match="got tiny-q2"):
        client.open()
    with CloudClient(address, other) as client, pytest.raises(ManifestMismatchError) as caught:
        client.open()
    assert caught.value.actual == other.identity.hex()
    assert caught.value.expected != caught.value.actual


def test_a_result_that_does_not_come(zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    infer = PointCloudCodec.infer

    def slow(codec: PointCloudCodec, packets: list[bytes], top_k: int) -> Steps[Answer]:
        yield 1
        time.sleep(1.0)
        return (yield from infer(codec, packets, top_k))

    monkeypatch.setattr(PointCloudCodec, "infer", slow)
    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet
    with (
        tiny_codec.live_cloud(zoo) as live,
        CloudClient(live.address, encoder.manifest, result_timeout_s=0.2) as client,
    ):
        client.send(packet)
        with pytest.raises(DeadlineError, match=r"a result .* within 0.2 s"):
            client.receive()
        with pytest.raises(DeadlineError):
            client.receive()
        client.open()  # another stream
        with pytest.raises(DeadlineError, match="room for a frame"):
            client.send(*[packet] * 17)


def test_the_cloud_says_goodbye(zoo: Path, encoder: PointCloudEncoder) -> None:
    """What is in flight is answered; what comes after is refused with a reason."""
    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet
    with tiny_codec.live_cloud(zoo) as live, CloudClient(live.address, encoder.manifest) as client:
        client.send(*[packet] * 10)
        live.stop.set()
        results = [client.receive() for _ in range(10)]
        assert all(result.value.signals for result in results)
        endless = (packet for _ in range(100_000))
        with pytest.raises(OverloadedError, match=r"shutting down|ended the stream"):
            list(client.results(endless))


def test_a_cloud_that_dies(zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> object:
        raise RuntimeError("inside")

    monkeypatch.setattr(PointCloudCodec, "infer", fails)
    with tiny_codec.live_cloud(zoo) as live, CloudClient(live.address, encoder.manifest) as client:
        client.send(encoder.encode(tiny_codec.clouds(1)[0]).packet)
        with pytest.raises(CloudFailureError, match="its log says why"):
            client.receive()


LABEL = 1 << 10 | 500
FALSE: dict[str, tuple[Behaviour, type[IsthmusError], str]] = {
    "garbage": (lambda r: iter([next(r) and b"\xff\xff"]), MessageError, "bytes that are none"),
    "too many results": (lambda r: iter([next(r) and wire.results_response([[LABEL]] * 2)]), FrameOrderError, "got 2"),
    "a second opened": (
        lambda r: iter([next(r) and wire.opened_response(protocol.StreamOpened("x", tiny_codec.LIMITS, 1))]),
        FrameOrderError,
        "got opened",
    ),
    "too few labels": (
        lambda r: iter([next(r) and wire.results_response([[LABEL] * 2])]),
        MessageError,
        "got 2 labels",
    ),
    "an unknown class": (lambda r: iter([next(r) and wire.results_response([[9 << 10]])]), MessageError, "below 5"),
    "an early end": (lambda r: iter([b""][: next(r) == b""]), FrameOrderError, "got end"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_clouds(encoder: PointCloudEncoder, name: str) -> None:
    behaviour, kind, says = FALSE[name]
    with false_cloud(behaviour) as address, CloudClient(address, encoder.manifest, result_timeout_s=5) as client:
        client.send(encoder.encode(tiny_codec.clouds(1)[0]).packet)
        with pytest.raises(kind, match=says):
            client.receive()


def test_a_cloud_that_announces_much_and_reads_nothing_does_not_fill_the_memory(encoder: PointCloudEncoder) -> None:
    """It says that two milliards of frames may be in flight: an edge holds as many as it finds right."""

    def deaf(_requests: Iterator[bytes]) -> Iterator[bytes]:
        time.sleep(3)
        yield wire.goodbye_response()

    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet
    limits = replace(tiny_codec.LIMITS, max_in_flight_frame_count=2**31 - 1)
    with (
        false_cloud(deaf, limits) as address,
        CloudClient(address, encoder.manifest, result_timeout_s=0.5) as client,
    ):
        client.open()
        with pytest.raises(DeadlineError, match="expected room for a frame"):
            client.send(*[packet] * (MAX_IN_FLIGHT + 1))


def test_leaves_no_threads(address: str, encoder: PointCloudEncoder) -> None:
    for _ in range(5):
        with CloudClient(address, encoder.manifest) as client:
            client.send(encoder.encode(tiny_codec.clouds(1)[0]).packet)
    end_s = time.monotonic() + 60
    while any(thread.name == "isthmus-reader" for thread in threading.enumerate()):
        assert time.monotonic() < end_s
        time.sleep(0.02)
