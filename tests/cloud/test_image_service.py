"""Images over real sockets: reconstructions, the bounds of their streams, and peers that misbehave."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny_codec
from support.false_cloud import false_cloud
from support.talk import Talk
from support.tiny_image_codec import photo

from isthmus.cloud.half import Answer, Steps
from isthmus.cloud.image.codec import ImageCodec
from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.cloud.inbox import Inbox
from isthmus.cloud.ledger import Amount, Budgets
from isthmus.common import protocol, tasks, wire
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.cost import Cost
from isthmus.common.errors import (
    InputError,
    IsthmusError,
    LimitExceededError,
    MessageError,
    OverloadedError,
    PacketError,
    SymbolMismatchError,
)
from isthmus.common.image.signal import IMAGE, IMAGE_LIMITS
from isthmus.common.limits import Limits
from isthmus.data.image.files import read_image
from isthmus.edge.client import CloudClient, open_channel
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

pytestmark = pytest.mark.zoo("image-test-q3", "tiny-q1")


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> ImageEncoder:
    return ImageEncoder(zoo / "image-test-q3")


@pytest.mark.parametrize("wants_pixels", [False, True])
def test_reconstructs_in_order(address: str, zoo: Path, encoder: ImageEncoder, wants_pixels: bool) -> None:
    """More images than may be in flight, each of its own size."""
    reconstructor = Reconstructor(zoo / "image-test-q3", IMAGE_LIMITS)
    packets = [encoder.encode(photo(20 + 7 * n, 30, seed=n)).packet for n in range(12)]
    with CloudClient(address, encoder.manifest, wants_pixels=wants_pixels, wants_timing=True) as client:
        assert client.open().limits.max_in_flight_frame_count == 8
        results = list(client.results(packets))
    assert [result.frame_index for result in results] == list(range(12))
    for packet, result in zip(packets, results, strict=True):
        expected, _ = reconstructor.reconstruct(packet.to_bytes())
        found = result.value
        assert (found.height, found.width) == expected.pixels.shape[:2]
        assert found.pixels_crc32 == zlib.crc32(expected.pixels.tobytes())
        assert result.timing.task_us > 0
        if wants_pixels:
            assert np.array_equal(read_image(found.png).pixels, expected.pixels)
        else:
            assert found.png == b""


def test_both_signals_on_one_server(address: str, zoo: Path, encoder: ImageEncoder) -> None:
    clouds = PointCloudEncoder(zoo / "tiny-q1")
    packet = clouds.encode(tiny_codec.clouds(1)[0]).packet
    with CloudClient(address, clouds.manifest) as one, CloudClient(address, encoder.manifest) as other:
        (labels,) = one.results([packet])
        (image,) = other.results([encoder.encode(photo()).packet])
        assert labels.value.top().class_index < 5
        assert image.value.width == 130
        offers = {offer.codec_id.name: offer for offer in one.capabilities().codecs}
    assert (offers["image-test-q3"].tasks, offers["image-test-q3"].class_count) == ((tasks.RECONSTRUCTION.number,), 0)
    assert (offers["tiny-q1"].tasks, offers["tiny-q1"].class_count) == ((tasks.CLASSIFICATION.number,), 5)
    with pytest.raises(InputError, match="wants_pixels: expected a codec whose task gives that, got tiny-q1, for"):
        CloudClient(address, clouds.manifest, wants_pixels=True)


def test_frame_errors_keep_the_stream(address: str, encoder: ImageEncoder) -> None:
    good = encoder.encode(photo()).packet
    damaged = replace(good, checksum=bytes([good.checksum[0] ^ 1, good.checksum[1]]))
    short = Packet(PacketType.INTRA, (b"\x10\x10", b""))
    huge = Packet(PacketType.INTRA, (b"\xff\xff\x03\xff\xff\x03", b""))
    cut = replace(good, sections=(good.sections[0][:1], good.sections[1]))
    batch = replace(good, signal_count=2)
    kinds: list[type] = [SymbolMismatchError, type(None), LimitExceededError, PacketError, LimitExceededError]
    with CloudClient(address, encoder.manifest) as client:
        client.send(good, damaged, short, huge, cut, good)
        results = [client.receive() for _ in range(6)]
        assert isinstance(results[0].outcome, protocol.FrameReconstruction)
        assert results[5].outcome == results[0].outcome
        for result, kind in zip(results[1:5], kinds, strict=False):
            if kind is not type(None):  # a packet without symbols is an image of the likeliest ones
                assert isinstance(result.outcome, kind), result.outcome
        with pytest.raises(LimitExceededError, match="1 signals, as the cloud"):
            client.send(batch)


def test_any_bytes_over_the_wire(address: str, encoder: ImageEncoder) -> None:
    """Flipped and cut packets: each has a result, and the stream goes on."""
    data = encoder.encode(photo(40, 50)).packet.to_bytes()
    rng = np.random.default_rng(0)
    messages = [opening(encoder)]
    cases = 0
    for _ in range(60):
        at = int(rng.integers(len(data)))
        broken = data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
        messages += [wire.frames_request([case]) for case in (broken, data[:at])]
        cases += 2
    channel = open_channel(address)
    outcomes: list[protocol.Outcome] = []
    for start in range(1, len(messages), 8):  # eight may be in flight
        talk = Talk(channel, [messages[0], *messages[start : start + 8]])
        assert talk.code.name == "OK", talk.message
        outcomes += talk.outcomes
    channel.close()
    assert len(outcomes) == cases
    assert sum(isinstance(outcome, IsthmusError) for outcome in outcomes) > 0.9 * cases


def opening(encoder: ImageEncoder, **changes: Any) -> bytes:
    fields = {"task": tasks.RECONSTRUCTION.number, **changes}
    codec_id = protocol.CodecId(encoder.manifest.name, encoder.manifest.identity)
    return wire.open_request(protocol.OpenStream(codec_id, 1, **fields))


def test_stream_errors(address: str, encoder: ImageEncoder) -> None:
    channel = open_channel(address)
    talk = Talk(channel, [opening(encoder, task=tasks.CLASSIFICATION.number)])
    assert talk.reason == "UNSUPPORTED_VERSION"
    assert "expected reconstruction, got classification" in talk.message
    talk = Talk(channel, [opening(encoder), wire.frames_request([b"a"] * 9)])
    assert talk.reason == "LIMIT_EXCEEDED"
    assert "at most 8 frames in flight, got 9" in talk.message
    channel.close()


def test_each_signal_has_its_own_bound_of_messages(address: str, zoo: Path, encoder: ImageEncoder) -> None:
    """A stream of clouds keeps its 4,096 bytes though gRPC lets through what an image may take."""
    manifest = PointCloudEncoder(zoo / "tiny-q1").manifest
    clouds = wire.open_request(protocol.OpenStream(protocol.CodecId("tiny-q1", manifest.identity), 1))
    channel = open_channel(address)
    talk = Talk(channel, [clouds, wire.frames_request([bytes(5000)])])
    assert (talk.code.name, talk.reason) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert "at most 4096 bytes, got 5003" in talk.message
    talk = Talk(channel, [opening(encoder), wire.frames_request([bytes(5000)])])
    assert talk.code.name == "OK"
    channel.close()


def test_a_packet_larger_than_the_cloud_takes(zoo: Path, encoder: ImageEncoder) -> None:
    packet = encoder.encode(photo()).packet
    limits = replace(IMAGE.allowance.limits, packet=Limits(packet.size_bytes - 1, 1 << 20, 1))
    with (
        tiny_codec.live_cloud(zoo, allowances={"image": replace(IMAGE.allowance, limits=limits)}) as live,
        CloudClient(live.address, encoder.manifest) as client,
    ):
        with pytest.raises(LimitExceededError, match=f"at most {packet.size_bytes - 1} bytes"):
            client.send(packet)
        (result,) = client.results([encoder.encode(photo(16, 16)).packet])
        assert result.value.height == 16


def test_streams_of_images_are_few(zoo: Path, encoder: ImageEncoder) -> None:
    with tiny_codec.live_cloud(zoo, allowances={"image": replace(IMAGE.allowance, max_stream_count=1)}) as live:
        first = CloudClient(live.address, encoder.manifest)
        first.open()
        with (
            CloudClient(live.address, encoder.manifest) as second,
            pytest.raises(OverloadedError, match="1 image streams"),
        ):
            second.open()
        first.close()
        end_s = time.monotonic() + 60
        while True:
            with CloudClient(live.address, encoder.manifest) as third:
                try:
                    third.open()
                    break
                except OverloadedError:
                    assert time.monotonic() < end_s
                    time.sleep(0.02)


def test_saves_what_it_reconstructs(zoo: Path, encoder: ImageEncoder, tmp_path: Path) -> None:
    with (
        tiny_codec.live_cloud(zoo, save=tmp_path) as live,
        CloudClient(live.address, encoder.manifest) as client,
    ):
        stream_id = client.open().stream_id
        bad = Packet(PacketType.INTRA, (b"", b""))
        results = list(client.results([encoder.encode(photo()).packet, bad, encoder.encode(photo(9, 9)).packet]))
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{stream_id}-000000.png", f"{stream_id}-000002.png"]
    pixels = read_image(tmp_path / f"{stream_id}-000002.png").pixels
    assert zlib.crc32(pixels.tobytes()) == results[2].value.pixels_crc32
    with (
        pytest.raises(InputError, match="folder to save"),
        tiny_codec.live_cloud(zoo, save=tmp_path / "none"),
    ):
        pass


def test_a_full_queue_holds_the_client_back(zoo: Path, encoder: ImageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for no more than one packet the reader waits, and everything is answered all the same."""
    packets = [encoder.encode(photo(30, 30, seed=n)).packet for n in range(20)]
    most = 0
    take = Inbox.take

    def watched(self: Inbox, count: int) -> tuple[list[bytes], Cost]:
        nonlocal most
        most = max(most, len(self))
        return take(self, count)

    monkeypatch.setattr(Inbox, "take", watched)
    narrow = Budgets(stream=Amount(1 << 27, 10))
    with tiny_codec.live_cloud(zoo, budgets=narrow) as live, CloudClient(live.address, encoder.manifest) as client:
        assert len([result.value for result in client.results(packets)]) == 20
    assert most <= 1


def test_clouds_are_answered_while_an_image_is_made(
    zoo: Path, encoder: ImageEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconstruct = ImageCodec.reconstruct
    has_begun, may_end = threading.Event(), threading.Event()

    def held(*arguments: Any, **named: Any) -> Steps[Answer]:
        yield 1 << 19
        has_begun.set()
        assert may_end.wait(60)
        return (yield from reconstruct(*arguments, **named))

    monkeypatch.setattr(ImageCodec, "reconstruct", held)
    clouds = PointCloudEncoder(zoo / "tiny-q1")
    with tiny_codec.live_cloud(zoo) as live, CloudClient(live.address, encoder.manifest) as client:
        client.send(encoder.encode(photo()).packet)
        assert has_begun.wait(60)
        with CloudClient(live.address, clouds.manifest) as other:
            list(other.results([clouds.encode(tiny_codec.clouds(1)[0]).packet]))
        assert not client.take_ready()
        may_end.set()
        assert client.receive().value.height == 96


def test_an_image_under_way_does_not_hold_up_the_end(
    zoo: Path, encoder: ImageEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large image is left at its next tile when the cloud is told to end and its grace is over."""
    started = threading.Event()
    tiles = 0

    def endless(*_: object) -> Iterator[object]:
        nonlocal tiles
        from isthmus.runtime.tiles import tiles as real

        while True:
            tiles += 1
            started.set()
            time.sleep(0.05)
            yield from real(6, 9, 1)

    monkeypatch.setattr("isthmus.cloud.image.reconstruct.tiles", endless)
    with tiny_codec.live_cloud(zoo, grace_s=0.2) as live, CloudClient(live.address, encoder.manifest) as client:
        client.send(encoder.encode(photo()).packet)
        assert started.wait(10)
        live.stop.set()
        with pytest.raises(IsthmusError):
            client.receive()
    assert tiles < 200


FALSE: dict[str, tuple[list[Any], bool, type[IsthmusError], str]] = {
    "labels": ([[5]], False, MessageError, "class below 0"),
    "pixels not asked for": (
        [protocol.FrameReconstruction(2, 2, 1, b"png")],
        False,
        MessageError,
        "expected no pixels",
    ),
    "no pixels": ([protocol.FrameReconstruction(2, 2, 1)], True, MessageError, "expected pixels"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_clouds(encoder: ImageEncoder, name: str) -> None:
    outcomes, wants_pixels, kind, says = FALSE[name]
    behaviour: Callable[..., Any] = lambda r: iter([next(r) and wire.results_response(outcomes)])  # noqa: E731
    with (
        false_cloud(behaviour) as address,
        CloudClient(address, encoder.manifest, wants_pixels=wants_pixels, result_timeout_s=5) as client,
    ):
        client.send(Packet(PacketType.INTRA, (b"a", b"")))
        with pytest.raises(kind, match=says):
            client.receive()


def test_a_reconstruction_of_a_cloud_of_points(zoo: Path) -> None:
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    behaviour: Callable[..., Any] = lambda r: iter(  # noqa: E731
        [next(r) and wire.results_response([protocol.FrameReconstruction(2, 2, 1)])]
    )
    with (
        false_cloud(behaviour) as address,
        CloudClient(address, encoder.manifest, result_timeout_s=5) as client,
    ):
        client.send(encoder.encode(tiny_codec.clouds(1)[0]).packet)
        with pytest.raises(MessageError, match="expected labels, got a reconstruction"):
            client.receive()
