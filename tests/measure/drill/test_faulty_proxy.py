"""A way that breaks: what each fault does to bytes that pass."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from isthmus.measure.drill.faulty_proxy import BREAKING, SLOWING, FaultyProxy, faulty_proxy

DATA = bytes(range(200))


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of what sends back whatever comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def connected(proxy: FaultyProxy) -> socket.socket:
    """A connection whose target has answered."""
    host, _, port = proxy.address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=5)
    assert exchanged(connection) == DATA
    while not proxy.is_answering:
        time.sleep(0.001)
    return connection


def exchanged(connection: socket.socket) -> bytes:
    """What comes back of DATA, as far as it does."""
    found = b""
    try:
        connection.sendall(DATA)
        while len(found) < len(DATA) and (data := connection.recv(4096)):
            found += data
    except OSError:
        pass
    return found


@pytest.mark.parametrize("fault", [*BREAKING, *SLOWING])
def test_a_strike(echo: str, fault: str) -> None:
    with faulty_proxy(echo) as proxy, connected(proxy) as connection:
        assert proxy.strike(fault)
        assert fault == "flip" or not proxy.strike("cut")  # one at a time
        found = exchanged(connection)
        assert proxy.broken == {fault: 1}
    match fault:
        case "cut" | "stall":
            assert not found
        case "truncate":
            assert len(found) < len(DATA)
        case "flip":
            assert sum(bin(a ^ b).count("1") for a, b in zip(found, DATA, strict=True)) == 1
        case _:
            assert found == DATA


def test_connections_that_break_by_plan(echo: str) -> None:
    with faulty_proxy(echo, ("cut",), 1) as proxy:
        with connected(proxy) as connection:
            time.sleep(proxy.after_s[1])
            assert not exchanged(connection)
        with connected(proxy) as connection:
            time.sleep(proxy.after_s[1])
            assert exchanged(connection) == DATA


def test_another_target(echo: str) -> None:
    with faulty_proxy("127.0.0.1:1") as proxy:
        host, _, port = proxy.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as refused:
            assert refused.recv(1) == b""
        assert not proxy.is_answering
        assert not proxy.strike("cut")
        proxy.aim(echo)
        with connected(proxy):
            pass
