"""Where a cloud may listen without TLS, and what it tells whom."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support import tiny_codec

from isthmus.cloud import server
from isthmus.cloud.binding import Certificates, Tls
from isthmus.common.errors import InputError
from isthmus.common.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_nobody_else_reaches_these(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "fe80::1%eth0", "localhost.example", "", "127.1"])
def test_others_may_reach_these(host: str) -> None:
    assert not is_loopback(host)


def services_told(address: str) -> int:
    """How many services a cloud describes."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with grpc.insecure_channel(address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=10)
        return len(next(iter(call)).list_services_response.service)


def test_reflection_answers_on_loopback_alone(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiny_codec.live_cloud(zoo) as live:
        assert services_told(live.address) == 3
    monkeypatch.setattr(server, "is_loopback", lambda _host: False)
    with tiny_codec.live_cloud(zoo) as live, pytest.raises(grpc.RpcError) as caught:
        services_told(live.address)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_files_that_are_none_say_which(tmp_path: Path) -> None:
    missing = Tls(tmp_path / "a.pem", tmp_path / "a.key")
    with pytest.raises(InputError, match=r"a\.pem: expected a PEM file"):
        Certificates(missing)
    for name in ("a.pem", "a.key"):
        (tmp_path / name).write_text("no certificate")
    with pytest.raises(InputError, match="expected a certificate and its key in PEM"):
        Certificates(missing)
