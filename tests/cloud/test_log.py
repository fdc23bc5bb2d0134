"""What a cloud logs: every stream at INFO, how it opened, what it refused, how it ended; nothing of it above."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support import tiny_codec
from support.talk import METHOD, TIMEOUT_S, Talk

from isthmus.common import protocol, wire
from isthmus.edge.client import open_channel
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

STREAMS = 24


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> PointCloudEncoder:
    return PointCloudEncoder(zoo / "tiny-q1")


def opening(encoder: PointCloudEncoder, name: str = "tiny-q1") -> bytes:
    return wire.open_request(protocol.OpenStream(protocol.CodecId(name, encoder.manifest.identity), 1))


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == "isthmus.cloud"]


def test_every_stream_is_logged(zoo: Path, encoder: PointCloudEncoder, caplog: pytest.LogCaptureFixture) -> None:
    """Two dozen at once: each has its opening, and its end with its own count of frames and bits."""
    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    with caplog.at_level(logging.INFO), tiny_codec.live_cloud(zoo, max_stream_count=STREAMS) as live:

        def talk(count: int) -> None:
            channel = open_channel(live.address)
            frames = [wire.frames_request([packet])] * (count % 16)
            assert Talk(channel, [opening(encoder), *frames]).code is grpc.StatusCode.OK
            channel.close()

        threads = [threading.Thread(target=talk, args=(count,)) for count in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told = lines(caplog)
    opened = [re.fullmatch(r"stream (\S+) opened by ipv4:\S+: tiny-q1, classification", line) for line in told]
    closed = [
        re.fullmatch(
            r"stream (\S+) closed: (\d+) frames answered, 0 of them refused, (\d+) bits of packets, \d+\.\d s: "
            "all is answered",
            line,
        )
        for line in told
    ]
    names = sorted(found[1] for found in opened if found)
    assert len(set(names)) == STREAMS
    assert names == sorted(found[1] for found in closed if found)
    counts = sorted((int(found[2]), int(found[3])) for found in closed if found)
    assert counts == sorted((count % 16, 8 * len(packet) * (count % 16)) for count in range(STREAMS))


def test_every_refusal_says_why(zoo: Path, encoder: PointCloudEncoder, caplog: pytest.LogCaptureFixture) -> None:
    packet = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
    with caplog.at_level(logging.INFO), tiny_codec.live_cloud(zoo) as live:
        channel = open_channel(live.address)
        Talk(channel, [opening(encoder, "tiny-q7\nWARNING all is well")])
        Talk(channel, [opening(encoder), wire.frames_request([packet, b"", packet])])
        Talk(channel, [opening(encoder), b"\xff"])
        channel.close()
    told = "\n".join(lines(caplog))
    assert len(re.findall(r"^stream \S+ of ipv4:\S+ refused: UnknownCodecError: .*tiny-q7\\nWARNING", told, re.M)) == 1
    assert len(re.findall(r"^stream \S+ frame 1 refused: PacketError: ", told, re.M)) == 1
    assert len(re.findall(r"closed: 3 frames answered, 1 of them refused", told)) == 1
    assert len(re.findall(r"closed: 0 frames answered, .*: MessageError: ", told)) == 1
    assert not re.search("^WARNING", told, re.M)


def test_one_stream_too_many_is_logged(zoo: Path, encoder: PointCloudEncoder, caplog: pytest.LogCaptureFixture) -> None:
    """One peer has the only place; its next stream has none to give up but that one, and is refused."""
    with caplog.at_level(logging.INFO), tiny_codec.live_cloud(zoo, max_stream_count=1) as live:
        channel = open_channel(live.address)
        may_end = threading.Event()

        def silent() -> Iterator[bytes]:
            yield opening(encoder)
            may_end.wait(TIMEOUT_S)

        call = channel.stream_stream(METHOD, None, None)(silent(), timeout=TIMEOUT_S)
        next(iter(call))
        Talk(channel, [opening(encoder)])
        may_end.set()
        channel.close()
    assert re.search(
        r"^stream \S+ of ipv4:\S+ refused: OverloadedError: expected at most 1 streams", "\n".join(lines(caplog)), re.M
    )


def test_nothing_of_it_without_being_asked(
    zoo: Path, encoder: PointCloudEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), tiny_codec.live_cloud(zoo) as live:
        channel = open_channel(live.address)
        Talk(channel, [opening(encoder), wire.frames_request([b""])])
        Talk(channel, [opening(encoder, "tiny-q7")])
        channel.close()
    assert lines(caplog) == []
