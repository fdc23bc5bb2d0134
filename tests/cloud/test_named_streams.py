"""Streams that outlive their connections, over real sockets and in raw messages."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from support import tiny_codec
from support.talk import TIMEOUT_S, Talk

from isthmus.cloud import stream as cloud_stream
from isthmus.common import protocol, wire
from isthmus.common.errors import MessageError
from isthmus.common.sealing import sealed, unsealed
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

METHOD = "/isthmus.v1.InferenceService/StreamInference"
NAME = bytes(range(16))


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> PointCloudEncoder:
    return PointCloudEncoder(zoo / "tiny-q1", checksum_size_bytes=4)


def opening(encoder: PointCloudEncoder, named: protocol.NamedStream | None, *, seals: bool = False) -> bytes:
    codec_id = protocol.CodecId("tiny-q1", encoder.manifest.identity)
    return wire.open_request(protocol.OpenStream(codec_id, 1, named=named, wants_crc32=seals))


class Held:
    """One connection, which stays open until it is cut."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.call = channel.stream_stream(METHOD, None, None)(iter(self._messages.get, None), timeout=TIMEOUT_S)

    def send(self, data: bytes) -> None:
        self._messages.put(data)

    def read(self) -> protocol.StreamOpened | protocol.Results | protocol.Goodbye | protocol.Heartbeat:
        return wire.read_response(next(iter(self.call)))

    def held(self) -> protocol.HeldStream:
        """What `opened` says of the stream."""
        opened = self.read()
        assert isinstance(opened, protocol.StreamOpened)
        assert opened.held is not None
        return opened.held

    def results(self, count: int) -> tuple[int, list[protocol.Outcome]]:
        """The first index, and so many outcomes, which follow one another."""
        first = -1
        found: list[protocol.Outcome] = []
        while len(found) < count:
            results = self.read()
            assert isinstance(results, protocol.Results)
            first = results.first_frame_index if first < 0 else first
            assert results.first_frame_index == first + len(found)
            found += results.outcomes
        return first, found

    def cut(self) -> None:
        self.call.cancel()  # type: ignore[no-untyped-call]
        self._messages.put(None)


@contextmanager
def connected(channel: grpc.Channel) -> Iterator[Held]:
    held = Held(channel)
    yield held
    held.cut()


@contextmanager
def to(address: str) -> Iterator[Held]:
    with grpc.insecure_channel(address) as channel, connected(channel) as held:
        yield held


def packets(encoder: PointCloudEncoder, count: int) -> list[bytes]:
    return [encoder.encode(cloud).packet.to_bytes() for cloud in tiny_codec.clouds(count)]


def test_results_that_were_lost_come_again_and_are_not_run_again(
    channel: grpc.Channel, encoder: PointCloudEncoder
) -> None:
    named, frames = protocol.NamedStream(NAME, 1), packets(encoder, 8)
    with connected(channel) as first:
        first.send(opening(encoder, named))
        held = first.held()
        assert (held.is_resumed, held.next_frame_index) == (False, 0)
        first.send(wire.frames_request(frames[:6], 0))
        start, outcomes = first.results(6)
        assert start == 0
    with connected(channel) as second:
        second.send(opening(encoder, replace(named, epoch=2, began_epoch=1, first_unanswered_index=2)))
        again = second.held()
        assert (again.is_resumed, again.next_frame_index, again.instance) == (True, 6, held.instance)
        assert second.results(4) == (2, outcomes[2:])
        second.send(wire.frames_request(frames[4:], 4))  # two of them came before
        start, more = second.results(2)
        assert start == 6
        second.send(wire.taken_request(8))
    expected = Talk(channel, [opening(encoder, None), wire.frames_request(frames)]).outcomes
    assert [*outcomes, *more] == expected


def test_a_gap_is_refused_by_number(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    named = protocol.NamedStream(b"gap!" * 4, 1)
    (frame,) = packets(encoder, 1)
    for index, actual in ((3, "3"), (-1, "-1")):
        named = replace(named, epoch=named.epoch + 1)
        talk = Talk(channel, [opening(encoder, named), wire.frames_request([frame], index)])
        assert (talk.reason, talk.expected, talk.actual) == ("FRAME_OUT_OF_ORDER", "0 to 0", actual)


def test_an_older_epoch_is_fenced(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    name = b"epoch" * 3 + b"!"
    with connected(channel) as old, connected(channel) as new:
        old.send(opening(encoder, protocol.NamedStream(name, 1)))
        old.held()
        new.send(opening(encoder, protocol.NamedStream(name, 2, 1)))
        assert new.held().is_resumed
        with pytest.raises(grpc.RpcError) as caught:
            old.read()
        assert caught.value.code() is grpc.StatusCode.ABORTED
        assert Talk(channel, [opening(encoder, protocol.NamedStream(name, 2, 1))]).reason == "STREAM_FENCED"
        new.send(wire.frames_request(packets(encoder, 1), 0))
        assert new.results(1)[0] == 0


def test_a_cloud_that_was_started_anew_says_so(zoo: Path, encoder: PointCloudEncoder) -> None:
    instances = []
    for epoch in (1, 2):
        with tiny_codec.live_cloud(zoo) as live, to(live.address) as connection:
            connection.send(opening(encoder, protocol.NamedStream(NAME, epoch, epoch - 1, 3 * (epoch - 1))))
            held = connection.held()
            assert (held.is_resumed, held.next_frame_index) == (False, 3 * (epoch - 1))
            instances.append(held.instance)
            connection.send(wire.frames_request(packets(encoder, 3), held.next_frame_index))
            connection.results(3)
    assert instances[0] != instances[1]


def test_both_sides_say_that_they_are_there(
    zoo: Path, encoder: PointCloudEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_stream, "HEARTBEAT_S", 0.1)
    limits = replace(tiny_codec.LIMITS, idle_timeout_s=0.5)
    with tiny_codec.live_cloud(zoo, limits) as live, to(live.address) as connection:
        connection.send(opening(encoder, protocol.NamedStream(NAME, 1)))
        connection.held()
        for _ in range(8):  # longer than the stream may be silent
            assert connection.read() == protocol.Heartbeat()
            connection.send(wire.taken_request(0))
        connection.send(wire.frames_request(packets(encoder, 1), 0))
        assert connection.results(1)[0] == 0


def test_a_heartbeat_needs_a_name(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    talk = Talk(channel, [opening(encoder, None), wire.taken_request(0)])
    assert (talk.reason, "without a name" in talk.message) == ("FRAME_OUT_OF_ORDER", True)


def test_every_message_is_sealed_where_that_is_asked_for(channel: grpc.Channel, encoder: PointCloudEncoder) -> None:
    first, frames = opening(encoder, None, seals=True), wire.frames_request(packets(encoder, 2))
    talk = Talk(channel, [sealed(first), sealed(frames)])
    results = [wire.read_response(unsealed(data)) for data in talk.responses]
    assert [type(result) for result in results[:2]] == [protocol.StreamOpened, protocol.Results]
    plain = Talk(channel, [opening(encoder, None), frames])
    assert plain.outcomes == talk.outcomes
    with pytest.raises(MessageError):
        unsealed(plain.responses[0])
    for messages in ([first, sealed(frames)], [sealed(first), frames], [sealed(first), sealed(frames)[:-1] + b"!"]):
        assert "crc32" in Talk(channel, messages).message
