"""What the wire costs: a cloud in memory on the edge, to its class back on the edge, over loopback gRPC.

    python benchmarks/wire.py [--codec pc-lite-any-q10] [--zoo DIR] [--points 1024] [--seconds 5]

Starts a cloud as a process of its own and measures, edge encoding included:
- ping-pong: one cloud at a time, p50 and p95 of the time from `encode` to the class;
- clouds a second, one frame a message, pipelined;
- clouds a second, 32 frames a message, and 32 clouds a packet.

Machines differ and are shared, so two references are measured in the same run, in turn with ours: a bare gRPC echo of
the same bytes (what the transport alone takes) and the encoder alone (what the edge alone takes). Ratios to these
travel; the absolute figures do not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from benchmark import run_benchmark
from echo import child, echo_call, echo_process, wait_for
from record import with_record

from isthmus.common.bits.packet import Packet
from isthmus.common.results import Provenance, Results
from isthmus.common.signals import PointCloud
from isthmus.common.zoo import find_codec, find_zoo
from isthmus.edge.client import CloudClient
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

GROUP = 32
SEED = 0
IN_FLIGHT = 1024
RATIOS = (
    "wire.ping_pong_ratio_to_grpc_echo",
    "wire.clouds_per_s_ratio_to_grpc_echo",
    "wire.clouds_per_s_coalesced_ratio_to_grpc_echo",
)


def main() -> int:
    """Measure, print, write."""
    return run_benchmark("benchmarks/wire.py", __doc__, add_options, measured)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of this benchmark."""
    parser.add_argument("--codec", default="pc-lite-any-q10")
    parser.add_argument("--zoo", type=Path, default=None)
    parser.add_argument("--points", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")


def measured(given: argparse.Namespace, command: str) -> Results:
    """As the options say."""
    zoo = find_zoo(given.zoo)
    results = measure(find_codec(given.codec, zoo), zoo, given.points, given.seconds, command)
    return with_record(results, given.out, RATIOS)


def measure(codec: Path, zoo: Path, points: int, seconds: float, command: str) -> Results:
    """All measurements of one codec folder; `command` is told as what made them."""
    encoder = PointCloudEncoder(codec)
    rng = np.random.default_rng(SEED)
    clouds = [PointCloud(rng.standard_normal((points, 3)).astype(np.float32)) for _ in range(256)]
    packet = encoder.encode(clouds[0]).packet
    with cloud_process(zoo) as address, echo_process() as echo_address:
        ours_ms, echo_ms = ping_pongs(address, echo_address, encoder, clouds, seconds)
        single = pipelined(address, encoder, clouds, seconds, frames_per_message=1)
        framed = pipelined(address, encoder, clouds, seconds, frames_per_message=GROUP)
        batched = pipelined_batches(address, encoder, clouds, seconds)
        echo_rate = echo_pipelined(echo_address, packet.to_bytes(), seconds)
        encode_rate = rate(lambda i: encoder.encode(clouds[i % len(clouds)]), seconds / 2)
        message_bytes = traffic(address, encoder, clouds)
    ours, echo = np.percentile(ours_ms, [50, 95]), np.percentile(echo_ms, [50, 95])
    coalesced = max(framed, batched)
    return Results(
        name="wire",
        provenance=Provenance.of(command, "random clouds", SEED, ("grpcio", "numpy", "onnxruntime", "protobuf")),
        summary={
            "wire.ping_pong_ms_p50": round(float(ours[0]), 4),
            "wire.clouds_per_s": round(single, 1),
            "wire.clouds_per_s_coalesced": round(coalesced, 1),
            "wire.ping_pong_ratio_to_grpc_echo": round(float(ours[0] / echo[0]), 3),
            "wire.clouds_per_s_ratio_to_grpc_echo": round(single / echo_rate, 3),
            "wire.clouds_per_s_coalesced_ratio_to_grpc_echo": round(coalesced / echo_rate, 3),
        },
        detail={
            "codec": encoder.manifest.name,
            "engine": encoder.engine,
            "points": points,
            "packet_bytes": packet.size_bytes,
            "ping_pong_ms_p95": round(float(ours[1]), 4),
            "ping_pong_count": len(ours_ms),
            "clouds_per_s_32_frames_a_message": round(framed, 1),
            "clouds_per_s_32_clouds_a_packet": round(batched, 1),
            "message_bytes_per_cloud": message_bytes,
            "reference": {
                "grpc_echo_ping_pong_ms_p50": round(float(echo[0]), 4),
                "grpc_echo_ping_pong_ms_p95": round(float(echo[1]), 4),
                "grpc_echo_messages_per_s": round(echo_rate, 1),
                "encoder_alone_clouds_per_s": round(encode_rate, 1),
            },
            "conditions": {"edge_and_cloud": "two processes of one machine, loopback"},
        },
    )


def ping_pongs(
    address: str, echo_address: str, encoder: PointCloudEncoder, clouds: list[PointCloud], seconds: float
) -> tuple[list[float], list[float]]:
    """Milliseconds of each ping-pong, ours and the echo's, in turns of 50 so that both meet the same neighbours."""
    ours: list[float] = []
    echoes: list[float] = []
    data = encoder.encode(clouds[0]).packet.to_bytes()
    with CloudClient(address, encoder.manifest) as client, echo_call(echo_address) as (send, answers):
        client.open()
        end_s = time.perf_counter() + 2 * seconds
        turn = 0
        while time.perf_counter() < end_s:
            for i in range(50):
                start_s = time.perf_counter()
                client.send(encoder.encode(clouds[(turn * 50 + i) % len(clouds)]).packet)
                client.receive().value.top()
                ours.append((time.perf_counter() - start_s) * 1e3)
            for _ in range(50):
                start_s = time.perf_counter()
                send(data)
                next(answers)
                echoes.append((time.perf_counter() - start_s) * 1e3)
            turn += 1
    warm_up = min(100, len(ours) // 2)
    return ours[warm_up:], echoes[warm_up:]


def pipelined(
    address: str, encoder: PointCloudEncoder, clouds: list[PointCloud], seconds: float, frames_per_message: int
) -> float:
    """Clouds a second, one cloud a packet."""
    with CloudClient(address, encoder.manifest) as client:
        client.open()
        packets = (encoder.encode(cloud).packet for cloud in until(clouds, seconds))
        start_s = time.perf_counter()
        count = sum(
            len(result.value.signals) for result in client.results(packets, frames_per_message=frames_per_message)
        )
        return count / (time.perf_counter() - start_s)


def pipelined_batches(address: str, encoder: PointCloudEncoder, clouds: list[PointCloud], seconds: float) -> float:
    """Clouds a second, GROUP clouds a packet."""

    def packets() -> Iterator[Packet]:
        group: list[PointCloud] = []
        for cloud in until(clouds, seconds):
            group.append(cloud)
            if len(group) == GROUP:
                yield encoder.encode_batch(group).packet
                group.clear()

    with CloudClient(address, encoder.manifest) as client:
        client.open()
        start_s = time.perf_counter()
        count = sum(len(result.value.signals) for result in client.results(packets()))
        return count / (time.perf_counter() - start_s)


def traffic(address: str, encoder: PointCloudEncoder, clouds: list[PointCloud]) -> dict[str, float]:
    """Bytes of serialized messages a cloud, both ways, one frame a message and GROUP clouds a packet."""
    found = {}
    for name, size in (("one_a_message", 1), ("32_a_packet", GROUP)):
        with CloudClient(address, encoder.manifest) as client:
            groups = [clouds[i : i + size] for i in range(0, len(clouds), size)]
            for group in groups:  # one after another, so that no results share a message
                client.send(encoder.encode_batch(group).packet)
                client.receive()
            found[f"{name}_up"] = round(client.traffic.sent_bytes / len(clouds), 3)
            found[f"{name}_down"] = round(client.traffic.received_bytes / len(clouds), 3)
    return found


def echo_pipelined(address: str, data: bytes, seconds: float) -> float:
    """Messages a second of the bare echo, 64 in flight."""
    with echo_call(address) as (send, answers):
        start_s = time.perf_counter()
        for _ in range(64):
            send(data)
        count = 0
        while time.perf_counter() - start_s < seconds:
            next(answers)
            send(data)
            count += 1
        return count / (time.perf_counter() - start_s)


def rate(step: Callable[[int], object], seconds: float) -> float:
    """Steps a second."""
    start_s = time.perf_counter()
    count = 0
    while time.perf_counter() - start_s < seconds:
        step(count)
        count += 1
    return count / (time.perf_counter() - start_s)


def until(clouds: list[PointCloud], seconds: float) -> Iterator[PointCloud]:
    """The clouds, round and round, for a time."""
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        yield from clouds[:GROUP]


@contextmanager
def cloud_process(zoo: Path) -> Iterator[str]:
    """`isthmus cloud` on a free port; ended as a user would end it."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = [
            sys.executable,
            "-m",
            "isthmus.command",
            "cloud",
            "--port",
            "0",
            "--zoo",
            str(zoo),
            "--ready-file",
            str(ready),
        ]
        command += ["--max-in-flight", str(IN_FLIGHT)]
        with child(command) as process:
            wait_for(ready.exists, process)
            yield ready.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    raise SystemExit(main())
