"""Counts what really crosses the wire: a TCP relay in this process, between the edge and the cloud.

Theory of operation. The client connects to the relay, the relay to the cloud, and two threads a connection carry the
bytes over. A byte is counted before it is passed on, so that everything a client has received has been counted. What
is counted is TCP payload: HTTP/2 and gRPC framing and the messages, without the 40 bytes of TCP/IP header that each
segment adds on a real link.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from types import TracebackType

from isthmus.common.errors import InputError

CHUNK_BYTES = 1 << 16
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class WireBytes:
    """TCP payload that has crossed: `up` from edge to cloud, `down` back."""

    up: int
    down: int

    @property
    def both(self) -> int:
        return self.up + self.down

    def __sub__(self, earlier: WireBytes) -> WireBytes:
        return WireBytes(self.up - earlier.up, self.down - earlier.down)


class WireMeter:
    """A relay to `target` (``host:port``) on a free loopback port; a context manager.

    `address` is where to connect instead of to the target, `counted` what has crossed since the start.
    """

    def __init__(self, target: str) -> None:
        host, separator, port = target.rpartition(":")
        if not separator or not port.isdecimal():
            raise InputError(f"expected the cloud's address as host:port, got {target!r}")
        self._target = (host.strip("[]"), int(port))
        self._lock = threading.Lock()
        self._counts = {"up": 0, "down": 0}
        self._closed = False
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> WireMeter:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            sockets = [self._listener, *self._sockets]
        for s in sockets:
            # shutdown, not only close: it wakes a thread that waits in accept or recv.
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
        for thread in list(self._threads):
            thread.join(CONNECT_TIMEOUT_S)

    def counted(self) -> WireBytes:
        """Bytes both ways up to now."""
        with self._lock:
            return WireBytes(self._counts["up"], self._counts["down"])

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                cloud = socket.create_connection(self._target, CONNECT_TIMEOUT_S)
            except OSError:
                client.close()  # the client sees the end that it would see without the relay
                continue
            cloud.settimeout(None)
            with self._lock:
                if self._closed:
                    client.close()
                    cloud.close()
                    return
                self._sockets |= {client, cloud}
            for s in (client, cloud):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._carry, client, cloud, "up")
            self._start(self._carry, cloud, client, "down")

    def _carry(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                with self._lock:
                    self._counts[way] += len(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
