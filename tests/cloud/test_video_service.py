"""Videos over real sockets: labels of intra and predicted frames, lost references, and peers that misbehave."""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx.reference import ReferenceEvaluator
from support import tiny_codec
from support.benches import bench, benches
from support.coded_frames import NAME, Frames
from support.false_cloud import false_cloud
from support.talk import Talk
from support.tiny_zoo import open_video_coder

from isthmus.cloud.memory import Memory
from isthmus.cloud.served import Zoo
from isthmus.cloud.video.codec import VideoCodec
from isthmus.common import protocol, tasks, wire
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import (
    InputError,
    IsthmusError,
    LimitExceededError,
    MessageError,
    OverloadedError,
    PacketError,
    ReferenceMissingError,
    SymbolMismatchError,
)
from isthmus.common.limits import Limits
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.signal import VIDEO, VIDEO_LIMITS
from isthmus.edge.client import CloudClient, open_channel
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.edge.result import FrameResult
from isthmus.runtime.engine import open_half

Int32 = npt.NDArray[np.int32]


pytestmark = pytest.mark.zoo(NAME, "tiny-q1")


@pytest.fixture(scope="module")
def manifest(zoo: Path) -> VideoManifest:
    return load_codec_folder(zoo / NAME, kind=VideoManifest).manifest


@pytest.fixture(scope="module")
def coder(zoo: Path) -> VideoCoder:
    return open_video_coder(zoo / NAME)


def crc(state: Int32) -> int:
    return zlib.crc32(state.astype("<i4").tobytes())


def check(zoo: Path, frame: CodedFrame, result: FrameResult) -> None:
    """The labels are those that another runtime makes of the encoder's own state."""
    outputs: Any = ReferenceEvaluator(str(zoo / NAME / "cloud.onnx")).run(
        None, {"y_hat": frame.state.values[None].astype(np.float32) / 16}
    )
    logits = outputs[0][0]
    powers = np.exp(logits - logits.max())
    probabilities = powers / powers.sum()
    labels = result.value.signals[0]
    assert labels[0].class_index == int(logits.argmax())
    for label in labels:
        assert label.probability == pytest.approx(float(probabilities[label.class_index]), abs=0.002)
    assert result.value.state_crc32 == crc(frame.state.values)


def test_intra_and_predicted_frames(address: str, zoo: Path, coder: VideoCoder) -> None:
    frames = Frames(coder).chain(40)
    with CloudClient(address, coder.manifest, top_k=2, wants_timing=True, wants_state_crc32=True) as client:
        opened = client.open()
        assert opened.top_k == 2
        assert opened.limits.max_in_flight_frame_count == 32
        assert opened.limits.packet.max_packet_size_bytes == 4 << 20
        results = list(client.results(frame.packet for frame in frames))
    assert [result.frame_index for result in results] == list(range(40))
    for frame, result in zip(frames, results, strict=True):
        check(zoo, frame, result)
        assert result.timing.task_us > 0


def test_frames_of_one_message_are_decoded_in_order(address: str, zoo: Path, coder: VideoCoder) -> None:
    frames = Frames(coder, 3).chain(30)
    with CloudClient(address, coder.manifest, wants_state_crc32=True) as client:
        client.send(*(frame.packet for frame in frames))
        assert client.traffic.sent_message_count == 1
        for frame in frames:
            check(zoo, frame, client.receive())


def test_a_missing_reference_is_answered_and_recovered_from(address: str, zoo: Path, coder: VideoCoder) -> None:
    stream = Frames(coder, 5)
    first, second, third = stream.chain(3)
    with CloudClient(address, coder.manifest, wants_state_crc32=True) as client:
        client.send(second.packet)  # no stream begins with it
        with pytest.raises(ReferenceMissingError):
            client.receive().value.top()
        client.send(first.packet, third.packet)  # the second is lost
        check(zoo, first, client.receive())
        assert isinstance(client.receive().outcome, ReferenceMissingError)
        client.send(second.packet)  # the references are as they were
        check(zoo, second, client.receive())
        again = stream.intra()
        follower = stream.predicted(again.state)
        client.send(again.packet, follower.packet)
        check(zoo, again, client.receive())
        check(zoo, follower, client.receive())


def test_key_and_latest_frame_are_held(address: str, zoo: Path, coder: VideoCoder) -> None:
    stream = Frames(coder, 7)
    key = stream.intra()
    latest = stream.predicted(key.state)
    from_key = stream.predicted(key.state)
    from_lost = stream.predicted(latest.state)
    with CloudClient(address, coder.manifest, wants_state_crc32=True) as client:
        results = list(client.results([key.packet, latest.packet, from_key.packet, from_lost.packet]))
    for frame, result in zip((key, latest, from_key), results[:3], strict=True):
        check(zoo, frame, result)
    assert isinstance(results[3].outcome, ReferenceMissingError)


def test_streams_share_no_state(address: str, zoo: Path, coder: VideoCoder) -> None:
    """Two streams of the same serials, step by step; each finds its own references, and a new stream none."""
    ones, others = Frames(coder, 256).chain(6), Frames(coder, 512).chain(6)
    assert [frame.state.serial for frame in ones] == [frame.state.serial for frame in others]
    with (
        CloudClient(address, coder.manifest, wants_state_crc32=True) as one,
        CloudClient(address, coder.manifest, wants_state_crc32=True) as other,
    ):
        for mine, theirs in zip(ones, others, strict=True):
            one.send(mine.packet)
            other.send(theirs.packet)
            check(zoo, mine, one.receive())
            check(zoo, theirs, other.receive())
        one.send(Frames(coder, 900).predicted(others[-1].state).packet)
        assert isinstance(one.receive().outcome, SymbolMismatchError | PacketError)
        one.end_stream()
        one.send(ones[-1].packet)
        assert isinstance(one.receive().outcome, ReferenceMissingError)


def test_frame_errors_keep_the_stream(address: str, zoo: Path, coder: VideoCoder) -> None:
    key, follower, last = Frames(coder, 9).chain(3)
    damaged = replace(key.packet, checksum=bytes([key.packet.checksum[0] ^ 1, key.packet.checksum[1]]))
    huge = Packet(PacketType.INTRA, (b"\x00" + encode_varint(65_535) * 2, b""))
    none = Packet(PacketType.INTRA, (b"\x00\x00\x04", b""))
    short = Packet(PacketType.PREDICTED, (b"\x01",))
    many = Packet(PacketType.INTRA, (b"a", b"b", b"c"))
    bad = {damaged: SymbolMismatchError, huge: LimitExceededError, none: PacketError, short: PacketError}
    bad[many] = PacketError
    with CloudClient(address, coder.manifest, wants_state_crc32=True) as client:
        client.send(key.packet, *bad, follower.packet, *bad, last.packet)
        results = [client.receive() for _ in range(3 + 2 * len(bad))]
        step = len(bad) + 1
        for frame, result in zip((key, follower, last), results[::step], strict=True):
            check(zoo, frame, result)
        for start in (1, step + 1):
            for kind, result in zip(bad.values(), results[start:], strict=False):
                assert type(result.outcome) is kind, result.outcome
        with pytest.raises(LimitExceededError, match="1 signals, as the cloud"):
            client.send(replace(key.packet, signal_count=2))


def test_any_bytes_over_the_wire(address: str, coder: VideoCoder) -> None:
    """Flipped and cut packets: each has a result, none of them wrong labels, and the stream goes on."""
    key, follower = Frames(coder, 11).chain(2)
    random = np.random.default_rng(0)
    channel = open_channel(address)
    errors = cases = 0
    for packet in (key.packet, follower.packet):
        data = packet.to_bytes()
        spoiled = []
        for _ in range(60):
            at = int(random.integers(len(data)))
            spoiled += [data[:at] + bytes([data[at] ^ 1 << int(random.integers(8))]) + data[at + 1 :], data[:at]]
        for start in range(0, len(spoiled), 10):
            part = spoiled[start : start + 10]
            datas = [d for case in part for d in (key.packet.to_bytes(), case)] + [follower.packet.to_bytes()]
            messages = [opening(coder), *(wire.frames_request([d]) for d in datas)]
            talk = Talk(channel, messages)
            assert talk.code.name == "OK", talk.message
            assert len(talk.outcomes) == len(datas)
            assert all(isinstance(outcome, protocol.FrameLabels) for outcome in talk.outcomes[:-1:2])
            for outcome in talk.outcomes[1:-1:2]:
                cases += 1
                errors += isinstance(outcome, IsthmusError)
                if isinstance(outcome, protocol.FrameLabels):  # a serial alone was changed: nothing says which it is
                    assert outcome.state_crc32 in (crc(key.state.values), crc(follower.state.values))
    channel.close()
    assert cases == 240
    assert errors > 0.9 * cases


def opening(coder: VideoCoder, **changes: Any) -> bytes:
    fields = {"task": tasks.MOTION_COMPENSATED_INFERENCE.number, "wants_state_crc32": True, **changes}
    codec_id = protocol.CodecId(coder.manifest.name, coder.manifest.identity)
    return wire.open_request(protocol.OpenStream(codec_id, 1, **fields))


def test_capabilities_and_stream_errors(address: str, zoo: Path, coder: VideoCoder) -> None:
    clouds = PointCloudEncoder(zoo / "tiny-q1").manifest
    with CloudClient(address, coder.manifest) as client:
        offers = {offer.codec_id.name: offer for offer in client.capabilities().codecs}
    assert offers[NAME].tasks == (tasks.MOTION_COMPENSATED_INFERENCE.number,)
    assert offers[NAME].class_count == len(coder.manifest.class_names)
    with pytest.raises(InputError, match="wants_state_crc32: expected a codec whose task gives that, got tiny-q1"):
        CloudClient(address, clouds, wants_state_crc32=True)
    with pytest.raises(InputError, match=f"wants_pixels: expected a codec whose task gives that, got {NAME}"):
        CloudClient(address, coder.manifest, wants_pixels=True)
    channel = open_channel(address)
    for task, word in (
        (tasks.CLASSIFICATION.number, "classification"),
        (tasks.RECONSTRUCTION.number, "reconstruction"),
    ):
        talk = Talk(channel, [opening(coder, task=task)])
        assert talk.reason == "UNSUPPORTED_VERSION"
        assert f"expected motion-compensated-inference, got {word}" in talk.message
    talk = Talk(channel, [opening(coder), wire.frames_request([b"a"] * 33)])
    assert talk.reason == "LIMIT_EXCEEDED"
    assert "at most 32 frames in flight, got 33" in talk.message
    channel.close()


def test_a_zoo_tells_what_is_in_it(zoo: Path, tmp_path: Path) -> None:
    found = Zoo(zoo, benches(), Memory(1 << 30))
    assert found.names == ("tiny-q1", NAME)
    assert found.signals == {"point-cloud", "video"}
    tiny_codec.write_codec(tmp_path)
    assert Zoo(tmp_path, benches(), Memory(1 << 30)).signals == {"point-cloud"}


def test_packets_and_messages_are_bounded(zoo: Path, coder: VideoCoder) -> None:
    key = Frames(coder, 13).intra()
    size = key.packet.size_bytes
    limits = replace(VIDEO.allowance.limits, packet=Limits(size - 1, 1 << 20, 1), max_message_size_bytes=8000)
    with tiny_codec.live_cloud(zoo, allowances={"video": replace(VIDEO.allowance, limits=limits)}) as live:
        with (
            CloudClient(live.address, coder.manifest) as client,
            pytest.raises(LimitExceededError, match=f"at most {size - 1} bytes"),
        ):
            client.send(key.packet)
        channel = open_channel(live.address)
        talk = Talk(channel, [opening(coder), wire.frames_request([key.packet.to_bytes()])])
        assert [type(outcome) for outcome in talk.outcomes] == [LimitExceededError]
        assert talk.code.name == "OK"
        talk = Talk(channel, [opening(coder), wire.frames_request([bytes(9000)])])
        assert talk.code.name == "RESOURCE_EXHAUSTED"
        channel.close()


def test_frames_are_bounded_whatever_their_channels(zoo: Path, coder: VideoCoder) -> None:
    """A frame of 3840 x 2160 pixels is taken, key or predicted; far larger ones are refused before they are made."""
    inference, manifest = VideoCodec(zoo / NAME, bench("video")), coder.manifest
    height, width = 2160 // manifest.stride, 3840 // manifest.stride
    key = coder.encode_intra(np.zeros((manifest.latent_channels, height, width), np.int32), 1)
    follower = coder.encode_predicted(key.state, MotionField.still(*coder.block_grid(height, width)), (), 2)
    decoder = inference.decoder()
    for frame in (key, follower):
        assert isinstance(inference.infer(decoder, frame.packet.to_bytes(), 1)[0], protocol.FrameLabels)
    packet = Packet(PacketType.INTRA, (b"\x00" + encode_varint(2 * height) + encode_varint(width), b""))
    assert manifest.latent_channels * 2 * height * width < VIDEO_LIMITS.max_symbol_count
    start_s = time.perf_counter()
    outcome, _ = inference.infer(decoder, packet.to_bytes(), 1)
    assert isinstance(outcome, LimitExceededError)
    assert time.perf_counter() - start_s < 0.5


def test_streams_of_videos_are_few(zoo: Path, coder: VideoCoder) -> None:
    with tiny_codec.live_cloud(zoo, allowances={"video": replace(VIDEO.allowance, max_stream_count=1)}) as live:
        first = CloudClient(live.address, coder.manifest)
        first.open()
        with (
            CloudClient(live.address, coder.manifest) as second,
            pytest.raises(OverloadedError, match="1 video streams"),
        ):
            second.open()
        first.end_stream()
        end_s = time.monotonic() + 60
        while True:
            try:
                first.open()
                break
            except OverloadedError:
                assert time.monotonic() < end_s
                time.sleep(0.02)
        first.close()


def test_a_size_that_the_network_cannot_take(zoo: Path, coder: VideoCoder, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_half

    def fussy(*arguments: Any, **named: Any) -> Any:
        network = opened(*arguments, **named)

        class Fussy:
            ends = network.ends

            def run(self, feeds: dict[str, Any]) -> Any:
                if feeds["y_hat"].shape[2] == 1:
                    raise RuntimeError("non-positive dimension in /secret/path")
                return network.run(feeds)

        return Fussy()

    monkeypatch.setattr("isthmus.cloud.video.codec.open_half", fussy)
    low, usual = Frames(coder, 15, 1, 4).intra(), Frames(coder, 15).intra()
    with tiny_codec.live_cloud(zoo) as live, CloudClient(live.address, coder.manifest) as client:
        first, second = client.results([low.packet, usual.packet])
        with pytest.raises(PacketError, match="latents of 1 x 4") as caught:
            first.value.top()
        assert "secret" not in str(caught.value)
        assert second.value.top().class_index < len(coder.manifest.class_names)


@pytest.mark.parametrize("asked", [True, False])
def test_a_cloud_that_tells_what_was_not_asked_for(coder: VideoCoder, asked: bool) -> None:
    outcome = protocol.FrameLabels((5,), -1 if asked else 7)
    with (
        false_cloud(lambda r: iter([next(r) and wire.results_response([outcome])])) as address,
        CloudClient(address, coder.manifest, wants_state_crc32=asked, result_timeout_s=5) as client,
    ):
        client.send(Packet(PacketType.INTRA, (b"a", b"")))
        with pytest.raises(MessageError, match="a state_crc32" if asked else "no state_crc32"):
            client.receive()


def test_the_messages_of_a_video() -> None:
    opening = protocol.OpenStream(protocol.CodecId("video-test-q1", bytes(32)), 1, 3, wants_state_crc32=True)
    assert wire.read_request(wire.open_request(opening)) == opening
    outcomes = (protocol.FrameLabels((5, 9), 0), protocol.FrameLabels((5,), 2**32 - 1), protocol.FrameLabels((7,)))
    read = wire.read_response(wire.results_response(outcomes))
    assert isinstance(read, protocol.Results)
    assert read.outcomes == outcomes
