"""gRPC's health service as others' clients see it, and what it does not let be done with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support import tiny_codec
from support.talk import TIMEOUT_S

from isthmus.cloud import health as served
from isthmus.cloud.calls import MAX_CALLS_OF_PEER
from isthmus.cloud.service import SERVICE_NAME

SERVING = health_pb2.HealthCheckResponse.SERVING
WATCH = "/grpc.health.v1.Health/Watch"


@pytest.fixture
def channel(zoo: Path) -> Iterator[grpc.Channel]:
    with tiny_codec.live_cloud(zoo) as live, grpc.insecure_channel(live.address) as found:
        yield found


def asked(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


def test_the_standard_client_is_answered(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", SERVICE_NAME):
        assert stub.Check(asked(service), timeout=TIMEOUT_S).status == SERVING
        assert next(iter(stub.Watch(asked(service), timeout=TIMEOUT_S))).status == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(asked("another"), timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    unknown = next(iter(stub.Watch(asked("another"), timeout=TIMEOUT_S)))
    assert unknown.status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def test_watchers_are_told_of_the_end(zoo: Path) -> None:
    with tiny_codec.live_cloud(zoo) as live, grpc.insecure_channel(live.address) as channel:
        watching = iter(health_pb2_grpc.HealthStub(channel).Watch(asked(""), timeout=TIMEOUT_S))
        assert next(watching).status == SERVING
        live.stop.set()
        assert next(watching).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_watchers_of_one_peer_are_bounded(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    calls = [stub.Watch(asked(""), timeout=TIMEOUT_S) for _ in range(MAX_CALLS_OF_PEER)]
    assert [next(iter(call)).status for call in calls] == [SERVING] * MAX_CALLS_OF_PEER
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(asked(""), timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    for call in calls:
        call.cancel()


@pytest.mark.parametrize(
    ("message", "code"),
    [(b"\xff" * 20, grpc.StatusCode.INVALID_ARGUMENT), (bytes(300), grpc.StatusCode.RESOURCE_EXHAUSTED)],
)
def test_what_is_no_request(channel: grpc.Channel, message: bytes, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(iter(channel.unary_stream(WATCH, None, None)(message, timeout=TIMEOUT_S)))
    assert caught.value.code() is code


def test_a_request_that_does_not_come_is_not_waited_for(channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "REQUEST_TIMEOUT_S", 0.2)

    def silent() -> Iterator[bytes]:
        time.sleep(3)
        yield b""

    with pytest.raises(grpc.RpcError) as caught:
        next(iter(channel.stream_stream(WATCH, None, None)(silent(), timeout=TIMEOUT_S)))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "within 0.2 s" in str(caught.value)
