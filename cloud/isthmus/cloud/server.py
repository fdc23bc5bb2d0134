"""The cloud as a process: one asyncio server, its health, and an orderly end.

Theory of operation. grpc.aio, not the threaded server: measured over loopback with 40 us of work a message on a busy
machine, both answer in about 0.3 ms, but the threaded one's slowest twentieth takes 0.5 to 4 ms (hops between threads
that fight for the interpreter lock), the event loop's 0.4 ms.

The end, on SIGTERM or SIGINT: health says NOT_SERVING, new streams are refused, live ones are told and may have the
frames they sent answered for `grace_s`; then the server stops, and what is still live is cancelled. A second signal
exits at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from isthmus.cloud.binding import Tls, bind
from isthmus.cloud.calls import Calls
from isthmus.cloud.credentials import Gate
from isthmus.cloud.half import Bench
from isthmus.cloud.held import HeldStreams
from isthmus.cloud.held_stream import Holding
from isthmus.cloud.ledger import Budgets, Ledger
from isthmus.cloud.memory import Memory, resident_bytes, usual_limit_bytes
from isthmus.cloud.own_process import own_process
from isthmus.cloud.quota import Places, Quota
from isthmus.cloud.saves import DEFAULT_MAX_BYTES, Saves
from isthmus.cloud.schedule import Scheduler
from isthmus.cloud.served import Zoo
from isthmus.cloud.service import SERVICE_NAME, STUCK_AFTER_S, InferenceService
from isthmus.cloud.shared import Shared
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Allowance, Signal
from isthmus.common.cost import MAX_FRAME_WORK, FrameBudget
from isthmus.common.errors import MissingDependencyError
from isthmus.common.loopback import is_loopback
from isthmus.runtime.engine import AUTO

if TYPE_CHECKING:
    from isthmus.cloud.health import Health

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 50051

# How long cancelled streams may take to notice before the process ends without them.
STOP_TIMEOUT_S = 3.0

# A live stream outlives its token by so long at most.
REVOKED_S = 1.0

# Bit 0 of gRPC's set of compressions: none at all.
IDENTITY_ONLY = 1

_log = logging.getLogger("isthmus.cloud")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a cloud serves, where, and within which limits.

    Attributes:
        zoo: folder of codecs, or several in their order.
        host, port: where it listens; port 0 takes a free one.
        max_stream_count: streams at a time, of all signals; one more is told to come back.
        max_stream_count_of_peer: of one peer; 0 for as many as there are places until others want some.
        max_connection_count: connections at a time; more are closed as they come.
        stuck_after_s: health says NOT_SERVING while one step of work takes longer than that.
        allowances: what is taken of each signal, by its name; those of the catalog where one is not named.
        save: folder (which must exist) for a PNG of every reconstruction; None keeps none.
        max_saved_bytes: of that folder.
        tls: its files; None for none.
        peers: file of those that are let in (`isthmus.cloud.peers`); None for everybody.
        is_insecure: whether other machines may come without TLS.
        grace_s: what live streams get at the end.
        threads: of each network.
        engine: what runs the networks (`isthmus.runtime.engine`).
        has_reflection: whether tools such as grpcurl may ask for the service's description; on loopback only.
        memory_limit_bytes: that the process may take.
        budgets: how much may be ordered and not yet answered.
        max_frame_work: most work that one packet may order, in pixels' worth.
    """

    zoo: Path | tuple[Path, ...]
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    max_stream_count: int = 64
    max_stream_count_of_peer: int = 0
    max_connection_count: int = 512
    stuck_after_s: float = STUCK_AFTER_S
    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    save: Path | None = None
    max_saved_bytes: int = DEFAULT_MAX_BYTES
    tls: Tls | None = None
    peers: Path | None = None
    is_insecure: bool = False
    grace_s: float = 10.0
    threads: int = 1
    engine: str = AUTO
    has_reflection: bool = True
    memory_limit_bytes: int = field(default_factory=usual_limit_bytes)
    budgets: Budgets = field(default_factory=Budgets)
    max_frame_work: int = MAX_FRAME_WORK

    def allowance(self, signal: Signal) -> Allowance:
        """What is taken of a signal."""
        return self.allowances.get(signal.name, signal.allowance)


@dataclass(frozen=True, slots=True)
class Ready:
    """What a server that takes connections says of itself."""

    host: str
    port: int
    codecs: tuple[str, ...]

    @property
    def address(self) -> str:
        """ "host:port", an IPv6 host in brackets."""
        return _address(self.host, self.port)


async def serve(config: ServerConfig, ready: Callable[[Ready], None], stop: asyncio.Event | None = None) -> None:
    """Serve until SIGTERM or SIGINT (or, where the caller gives one, until `stop` is set).

    Args:
        config: see there.
        ready: called once connections are taken.
        stop: for a server inside another program; signals are left alone then.

    Raises:
        InputError: nothing to serve, no folder to save in, or the port is taken.
        MissingDependencyError: the packages of extra `cloud` are not installed.
    """
    try:
        from isthmus.cloud.health import Health
    except ImportError as error:
        raise MissingDependencyError(
            f'the cloud needs {error.name}; install it with: pip install "isthmus[cloud]"'
        ) from error
    quotas = {signal.name: Quota(signal.name, config.allowance(signal)) for signal in SIGNALS.values()}
    memory = Memory(config.memory_limit_bytes, resident_bytes())
    budget = FrameBudget(config.max_frame_work, memory.most_bytes // 2)
    saves = None if config.save is None else Saves(config.save, config.max_saved_bytes)
    benches = {
        name: Bench(quota.allowance, config.threads, config.engine, saves, budget) for name, quota in quotas.items()
    }
    zoo = Zoo(config.zoo, benches, memory)
    # What is said where the signal is not known yet: the first one's, which are those of point clouds.
    limits = next(iter(quotas.values())).allowance.limits
    held, calls = HeldStreams(Holding(), memory), Calls()
    shared = Shared(zoo, quotas, limits, Scheduler(memory), Ledger(config.budgets, memory), budget, memory, held, calls)
    places = Places(config.max_stream_count, "streams", config.max_stream_count_of_peer)
    gate = Gate(config.peers)
    service = InferenceService(shared, places, gate.identify, stuck_after_s=config.stuck_after_s)
    served = [quotas[name].allowance for name in quotas if name in zoo.signals]
    server = grpc.aio.server(options=_options(served, config.max_connection_count))
    server.add_generic_rpc_handlers((service.handler(),))
    health = Health(("", SERVICE_NAME), calls)
    server.add_generic_rpc_handlers((health.handler(),))
    if config.has_reflection and is_loopback(config.host):
        _add_reflection(server)
    try:
        port = bind(server, config.host, config.port, config.tls, is_insecure=config.is_insecure)
        if stop is None:
            own_process()
            stop = asyncio.Event()
            _stop_on_signals(stop)
        await server.start()
        await health.set(serves=True)
        ready(Ready(config.host, port, zoo.names))
        watches = [asyncio.create_task(_watch_work(service, health))]
        if not gate.is_open:
            watches.append(asyncio.create_task(_watch_peers(service, gate)))
        await stop.wait()
        for watch in watches:
            watch.cancel()
        _log.info("shutting down: %d live streams have %g s", service.stream_count, config.grace_s)
        await health.end()
        if not await service.drain(config.grace_s):
            _log.warning("%d streams were still live after %g s", service.stream_count, config.grace_s)
    finally:
        try:
            await asyncio.wait_for(server.stop(0.2), STOP_TIMEOUT_S)
        except TimeoutError:
            _log.warning("the server did not stop within %g s", STOP_TIMEOUT_S)
        service.close()


async def _watch_peers(service: InferenceService, gate: Gate) -> None:
    """End the streams of those whose token or certificate was revoked."""
    while True:
        await asyncio.sleep(REVOKED_S)
        service.end_unknown(gate.knows)


async def _watch_work(service: InferenceService, health: Health) -> None:
    """Say by health whether work gets done. A step that does not end cannot be ended, only told of."""
    was_stuck = False
    while True:
        await asyncio.sleep(min(1.0, service.stuck_after_s / 4))
        if service.is_stuck == was_stuck:
            continue
        was_stuck = service.is_stuck
        if was_stuck:
            _log.error("a step of work has not ended for %g s; health says NOT_SERVING", service.stuck_after_s)
        await health.set(serves=not was_stuck)


def _options(allowances: Iterable[Allowance], max_connection_count: int) -> list[tuple[str, int]]:
    return [
        # Two servers on one port would share its connections without a word.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max(a.limits.max_message_size_bytes for a in allowances)),
        # Frees the streams of a client that is gone without a word within 30 s.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Clients ping as often (isthmus.edge.client); less than this between pings gets a GOAWAY.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        # A compressed message is small until it is read: gRPC would unpack 16 MiB of it before anybody sees its size.
        ("grpc.compression_enabled_algorithms_bitset", IDENTITY_ONLY),
        # Otherwise gRPC widens the window of every stream as it likes, and holds what nobody has asked for yet. A
        # message that is being read opens its own window, as wide as the message, whatever this says.
        ("grpc.http2.bdp_probe", 0),
        # A connection on which nothing is said, or no HTTP/2, is closed after this time; of others a number is taken.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.max_allowed_incoming_connections", max_connection_count),
        # One that had no stream for this long is closed; an edge opens another when it wants one.
        ("grpc.max_connection_idle_ms", 300_000),
    ]


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _add_reflection(server: grpc.aio.Server) -> None:
    try:
        from grpc_reflection.v1alpha import reflection
    except ImportError as error:
        raise MissingDependencyError(
            f'reflection needs {error.name}; install it with: pip install "isthmus[cloud]"'
        ) from error
    from isthmus.cloud.health import HEALTH_SERVICE

    names = (SERVICE_NAME, HEALTH_SERVICE, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            _log.warning("second signal: exiting at once")
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
