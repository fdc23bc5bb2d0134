"""A way between edge and cloud that breaks: a TCP proxy here that cuts, truncates, flips bits, stalls and delays.

Theory of operation. Each connection is carried by two threads, one a direction. A fault is put on a connection, by plan
as it begins (`left`) or from outside while it is live (`strike`); whichever direction moves next meets it. A connection
that breaks is reset, so that both ends see it at once. The target may change (`aim`): what comes then goes elsewhere.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

CHUNK_BYTES = 4096
LINGER_NOT = struct.pack("ii", 1, 0)
"""A socket that is closed so resets its connection."""

BREAKING = ("cut", "truncate", "flip", "stall")
"""Faults after which a connection is of no use, a flipped bit at least where messages are sealed."""
SLOWING = ("delay", "throttle")
"""Faults that only hold a connection up, for `SLOW_S`."""

STALL_S, SLOW_S, DELAY_S = 0.4, 0.3, 0.05
THROTTLED_BYTES, THROTTLED_S = 512, 0.005
"""Of a throttled connection: so many bytes at a time, and the wait after them."""


@dataclass(eq=False)
class _Carried:
    """One connection.

    Attributes:
        fault: that is put on it, "" for none.
        at_s: from when on.
        has_answer: whether the target has sent anything.
        is_met: whether the fault was met.
    """

    fault: str = ""
    at_s: float = 0.0
    has_answer: bool = False
    is_met: bool = False


@dataclass
class FaultyProxy:
    """To one address at a time.

    Attributes:
        target: host and port.
        faults: of which one is drawn for each connection that is to break by plan.
        seed: of what is drawn.
        left: connections that break by plan; those after them do not.
        after_s: how long each of those lives at least, and at most.
        broken: how many faults were met, by their kind.
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
        self._live: list[_Carried] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that are live go on."""
        self._listener.close()

    def aim(self, address: str) -> None:
        """Connections go to this "host:port" from now on; those that are live stay."""
        host, _, port = address.rpartition(":")
        self.target = (host, int(port))

    @property
    def is_answering(self) -> bool:
        """Whether the newest connection is live, and its target has said something."""
        with self._lock:
            return bool(self._live) and self._live[-1].has_answer

    def strike(self, fault: str) -> bool:
        """Put a fault on the newest connection; whether there was one that its target had answered on."""
        with self._lock:
            if not self._live or not self._live[-1].has_answer or self._live[-1].fault:
                return False
            newest = self._live[-1]
            newest.fault, newest.at_s, newest.is_met = fault, time.monotonic(), False
            return True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            carried = self._planned()
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._live.append(carried)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for one, other, is_answer in ((client, server, False), (server, client, True)):
                carry = partial(self._carry, one, other, carried, is_answer=is_answer)
                threading.Thread(target=carry, daemon=True).start()

    def _planned(self) -> _Carried:
        """What is planned for the next connection."""
        with self._lock:
            fault = self._random.choice(self.faults) if self.left > 0 else ""
            self.left -= bool(fault)
            return _Carried(fault, time.monotonic() + self._random.uniform(*self.after_s))

    def _carry(self, source: socket.socket, sink: socket.socket, carried: _Carried, *, is_answer: bool) -> None:
        """Carry one direction until it ends or breaks, and end the other with it."""
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                fault = carried.fault if time.monotonic() >= carried.at_s else ""
                if not fault:
                    sink.sendall(data)
                elif not self._spoil(fault, data, sink, carried):
                    break
                if is_answer:
                    carried.has_answer = True
        with self._lock:
            if carried in self._live:
                self._live.remove(carried)
        for one in (source, sink):
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _spoil(self, fault: str, data: bytes, sink: socket.socket, carried: _Carried) -> bool:
        """Carry one piece as the fault has it; whether the connection goes on."""
        self._note(fault, carried)
        match fault:
            case "cut":
                return False
            case "truncate":
                sink.sendall(data[: len(data) // 2])
                return False
            case "stall":
                time.sleep(STALL_S)
                return False
            case "flip":
                place = self._random.randrange(len(data))
                sink.sendall(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
                carried.fault = ""
                return True
            case "throttle":
                for start in range(0, len(data), THROTTLED_BYTES):
                    sink.sendall(data[start : start + THROTTLED_BYTES])
                    time.sleep(THROTTLED_S)
            case _:  # delay
                time.sleep(DELAY_S)
                sink.sendall(data)
        if time.monotonic() >= carried.at_s + SLOW_S:
            carried.fault = ""
        return True

    def _note(self, fault: str, carried: _Carried) -> None:
        with self._lock:
            if not carried.is_met:
                carried.is_met = True
                self.broken[fault] = self.broken.get(fault, 0) + 1


@contextmanager
def faulty_proxy(address: str, faults: tuple[str, ...] = (), count: int = 0, seed: int = 0) -> Iterator[FaultyProxy]:
    """A proxy to "host:port" whose first so many connections break, each by one of the faults."""
    host, _, port = address.rpartition(":")
    proxy = FaultyProxy((host, int(port)), faults, seed, count)
    try:
        yield proxy
    finally:
        proxy.close()
