"""A codec whose graph loops: the process still ends, on one signal in its time and on a second one at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support import tiny_codec
from support.talk import METHOD, TIMEOUT_S

from isthmus.common import protocol, wire
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

LOOPING = """
import asyncio, sys, time
from pathlib import Path
from isthmus.cloud.pointcloud.codec import PointCloudCodec
from isthmus.cloud.server import ServerConfig, serve

def infer(self, packets, top_k):
    yield 1
    while True:
        time.sleep(1)

PointCloudCodec.infer = infer
config = ServerConfig(Path(sys.argv[1]), port=0, grace_s=1.0, stuck_after_s=0.3)
asyncio.run(serve(config, lambda ready: print(ready.address, flush=True)))
"""


@contextmanager
def stuck_cloud(zoo: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has one frame to answer, and never will."""
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    process = subprocess.Popen(
        [sys.executable, "-c", LOOPING, str(zoo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=tiny_codec.child_environment(),
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with grpc.insecure_channel(address) as channel:
            codec_id = protocol.CodecId("tiny-q1", encoder.manifest.identity)
            packet = encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes()
            messages = [wire.open_request(protocol.OpenStream(codec_id, 1)), wire.frames_request([packet])]
            call = channel.stream_stream(METHOD, None, None)(iter(messages), timeout=60)
            next(iter(call))
            wait_until_stuck(channel)
            yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def wait_until_stuck(channel: grpc.Channel) -> None:
    stub, end_s = health_pb2_grpc.HealthStub(channel), time.monotonic() + 30
    while (
        stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S).status
        != health_pb2.HealthCheckResponse.NOT_SERVING
    ):
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.mark.slow
def test_one_signal_ends_it_in_its_time(zoo: Path) -> None:
    with stuck_cloud(zoo) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(zoo: Path) -> None:
    with stuck_cloud(zoo) as process:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, 128 + signal.SIGTERM)
