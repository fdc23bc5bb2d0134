"""The counting relay: carries every byte both ways, counts each once, and ends cleanly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from isthmus.common.errors import InputError
from isthmus.measure.wire_meter import WireBytes, WireMeter


@pytest.fixture
def doubling_server() -> Iterator[str]:
    """Answers each byte with two, and closes when the client half-closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client:
            while data := client.recv(1000):
                client.sendall(data * 2)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def _connect(address: str) -> socket.socket:
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), 5)


def _send_all(s: socket.socket, payload: bytes) -> None:
    s.sendall(payload)
    s.shutdown(socket.SHUT_WR)


def _read_all(s: socket.socket) -> bytes:
    parts = []
    while data := s.recv(65536):
        parts.append(data)
    return b"".join(parts)


def test_counts_each_byte_once_each_way(doubling_server: str) -> None:
    with WireMeter(doubling_server) as meter:
        assert meter.counted() == WireBytes(0, 0)
        with _connect(meter.address) as s:
            s.sendall(b"hello")
            s.shutdown(socket.SHUT_WR)
            assert len(_read_all(s)) == 10
        before = meter.counted()
        assert before == WireBytes(5, 10)
        payload = bytes(range(256)) * 1000
        with _connect(meter.address) as s:
            sender = threading.Thread(target=_send_all, args=(s, payload))
            sender.start()
            answer = _read_all(s)
            sender.join()
        assert len(answer) == 2 * len(payload)
        crossed = meter.counted() - before
        assert crossed == WireBytes(len(payload), 2 * len(payload))
        assert crossed.both == 3 * len(payload)


def test_two_connections_at_once(doubling_server: str) -> None:
    with WireMeter(doubling_server) as meter, _connect(meter.address) as a, _connect(meter.address) as b:
        a.sendall(b"a")
        b.sendall(b"bb")
        assert a.recv(2) == b"aa"
        assert b.recv(4, socket.MSG_WAITALL) == b"bbbb"
        assert meter.counted() == WireBytes(3, 6)


def test_a_dead_target_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with WireMeter(address) as meter, _connect(meter.address) as s:
        assert s.recv(1) == b""
        assert meter.counted() == WireBytes(0, 0)


def test_closing_ends_open_connections_and_threads(doubling_server: str) -> None:
    before = threading.active_count()
    with WireMeter(doubling_server) as meter:
        s = _connect(meter.address)
        s.sendall(b"x")
        assert s.recv(2, socket.MSG_WAITALL) == b"xx"
    assert s.recv(1) == b""
    s.close()
    assert threading.active_count() <= before + 1  # the server's own thread may still be ending
    with pytest.raises(ConnectionRefusedError):
        _connect(meter.address)


@pytest.mark.parametrize("address", ["localhost", "localhost:", "1.2.3.4:x", ""])
def test_bad_addresses(address: str) -> None:
    with pytest.raises(InputError, match="host:port"):
        WireMeter(address)
