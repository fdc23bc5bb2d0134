"""A way between edge and cloud that breaks: a TCP proxy here that cuts, truncates, flips bits, stalls and delays."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 4096
LINGER_NOT = struct.pack("ii", 1, 0)
"""A socket that is closed so resets its connection."""


@dataclass
class FaultyProxy:
    """To one address.

    Attributes:
        target: host and port.
        faults: of which one is drawn for each connection, as its first bytes have passed.
        seed: of what is drawn.
        left: connections that break; those after them do not.
        broken: how many did.
    """

    target: tuple[str, int]
    faults: tuple[str, ...] = ("cut",)
    seed: int = 0
    left: int = 0
    after_s: tuple[float, float] = (0.02, 0.15)
    broken: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                fault = self._random.choice(self.faults) if self.left > 0 else ""
                self.left -= bool(fault)
                at_s = time.monotonic() + self._random.uniform(*self.after_s)
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            for one, other in ((client, server), (server, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._carry, args=(one, other, fault, at_s), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, fault: str, at_s: float) -> None:
        has_flipped = False
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if fault and time.monotonic() >= at_s and not has_flipped:
                    self._note(fault)
                    match fault:
                        case "cut":
                            break
                        case "truncate":
                            sink.sendall(data[: len(data) // 2])
                            break
                        case "stall":
                            time.sleep(0.4)
                            break
                        case "flip":
                            place = self._random.randrange(len(data))
                            data = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
                            has_flipped = True
                        case _:  # delay
                            time.sleep(0.05)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _note(self, fault: str) -> None:
        with self._lock:
            self.broken[fault] = self.broken.get(fault, 0) + 1


@contextmanager
def faulty_proxy(address: str, faults: tuple[str, ...], count: int, seed: int = 0) -> Iterator[FaultyProxy]:
    """A proxy to "host:port" whose first so many connections break."""
    host, _, port = address.rpartition(":")
    proxy = FaultyProxy((host, int(port)), faults, seed, count)
    try:
        yield proxy
    finally:
        proxy.close()
