"""The cloud as a process: its start, its health, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support import tiny_codec

from isthmus.cloud.server import Ready, ServerConfig, serve
from isthmus.common.errors import CloudUnreachableError, InputError, OverloadedError
from isthmus.common.zoo import codec_folders, find_zoos
from isthmus.edge.client import CloudClient, open_channel
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@contextmanager
def cloud_process(zoo: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`isthmus cloud --port 0`, and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "isthmus.command", "cloud", "--port", "0", "--zoo", str(zoo), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=tiny_codec.child_environment(),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("isthmus cloud: listening on "), line + process.communicate(timeout=10)[1]
        yield process, line.split()[4].rstrip(",")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def health(channel: grpc.Channel, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return int(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status)


def test_sigterm_drains_a_live_stream(zoo: Path) -> None:
    """Frames in flight are answered, new streams refused, health says so, and the process ends with 0."""
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    packets = [encoder.encode(cloud).packet for cloud in tiny_codec.clouds(200)]
    with cloud_process(zoo, "--grace-s", "8") as (process, address):
        with CloudClient(address, encoder.manifest) as client, CloudClient(address, encoder.manifest) as late:
            late.capabilities()  # connected, but with no stream
            channel = open_channel(address)
            assert health(channel) == health(channel, "isthmus.v1.InferenceService") == SERVING
            client.send(*packets)
            process.send_signal(signal.SIGTERM)
            assert sum(len(client.receive().value.signals) for _ in packets) == 200
            with pytest.raises((OverloadedError, CloudUnreachableError)):
                late.open()
            channel.close()
        assert process.wait(60) == 0


@pytest.mark.slow
def test_health_says_not_serving_while_draining(zoo: Path) -> None:
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    with cloud_process(zoo, "--grace-s", "2.5") as (process, address):
        channel = open_channel(address)
        # A client that ignores the goodbye keeps the cloud draining until its grace is over.
        with endless_stream(channel, encoder) as held:
            process.send_signal(signal.SIGTERM)
            wait_until_draining(channel)
            with pytest.raises(grpc.RpcError):
                list(held)
        assert process.wait(60) == 0
        channel.close()


@contextmanager
def endless_stream(channel: grpc.Channel, encoder: PointCloudEncoder) -> Iterator[Iterable[bytes]]:
    """The responses of a stream that is open, and on which nothing comes."""
    from isthmus.common import protocol, wire

    done = threading.Event()

    def requests() -> Iterator[bytes]:
        codec_id = protocol.CodecId("tiny-q1", encoder.manifest.identity)
        yield wire.open_request(protocol.OpenStream(codec_id, 1))
        done.wait(60)

    method = "/isthmus.v1.InferenceService/StreamInference"
    held = channel.stream_stream(method, None, None)(requests(), timeout=60)
    next(iter(held))
    yield held
    done.set()


def wait_until_draining(channel: grpc.Channel) -> None:
    end_s = time.monotonic() + 60
    while health(channel) != NOT_SERVING:
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.slow
def test_a_second_signal_ends_at_once(zoo: Path) -> None:
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    with cloud_process(zoo, "--grace-s", "60") as (process, address):
        channel = open_channel(address)
        with endless_stream(channel, encoder):
            process.send_signal(signal.SIGINT)
            wait_until_draining(channel)  # or the two would be one
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 128 + signal.SIGINT  # of 60 seconds of grace
        channel.close()


def test_ready_file_and_idle_end(zoo: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with cloud_process(zoo, "--ready-file", str(ready)) as (process, address):
        assert ready.read_text() == address + "\n"
        assert list(tmp_path.iterdir()) == [ready]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def run_cloud(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "isthmus.command", "cloud", *options],
        capture_output=True,
        text=True,
        timeout=30,
        env={**tiny_codec.child_environment(), "NO_COLOR": "1"},
        check=False,
    )


def test_a_taken_port(zoo: Path) -> None:
    with tiny_codec.live_cloud(zoo) as live:
        done = run_cloud("--port", live.address.rpartition(":")[2], "--zoo", str(zoo))
    assert done.returncode == 2
    assert "is another cloud running?" in done.stderr
    assert "--port 0" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_nothing_to_serve(tmp_path: Path) -> None:
    for folder, says in ((tmp_path, "at least one codec"), (tmp_path / "none", "expected a folder of codecs")):
        done = run_cloud("--port", "0", "--zoo", str(folder))
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert says in done.stderr


def test_reflection(zoo: Path) -> None:
    with tiny_codec.live_cloud(zoo) as live:
        channel = open_channel(live.address)
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "isthmus.v1.InferenceService" in database.get_services()
        channel.close()


def test_a_server_inside_another_program_leaves_signals_alone(zoo: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    found: list[Ready] = []

    async def run() -> None:
        stop = asyncio.Event()

        def ready(at: Ready) -> None:
            found.append(at)
            stop.set()

        await serve(ServerConfig(zoo, port=0, has_reflection=False), ready, stop)

    asyncio.run(run())
    assert signal.getsignal(signal.SIGTERM) is before
    assert found[0].codecs == ("tiny-q1",)
    assert found[0].address.startswith("127.0.0.1:")
    assert Ready("::1", 5, ()).address == "[::1]:5"


def test_an_address_that_is_not_ours(zoo: Path) -> None:
    config = ServerConfig(zoo, host="203.0.113.1", port=50051, is_insecure=True)
    with pytest.raises(InputError, match="cannot listen there"):
        asyncio.run(serve(config, lambda _: None, asyncio.Event()))


def test_the_zoo_variable(zoo: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "isthmus.command", "cloud", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**tiny_codec.child_environment(), "ISTHMUS_ZOO": str(zoo)},
    )
    try:
        assert process.stdout is not None
        served = len(codec_folders(find_zoos(zoo)))
        assert process.stdout.readline().rstrip().endswith(f"codecs: {served} (`isthmus inspect` lists them)")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=10)
