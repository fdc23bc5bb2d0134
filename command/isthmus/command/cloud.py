"""The command `isthmus cloud`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import zoo_option
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Allowance, opened
from isthmus.common.errors import InputError
from isthmus.common.options import option
from isthmus.common.whole_file import write_whole

if TYPE_CHECKING:
    from isthmus.cloud.binding import Tls
    from isthmus.cloud.server import Ready
    from isthmus.common.admission import Admission

# More names than these only get in the way.
MAX_NAMES = 8

MEGA = 1_000_000
# What whole latents add to an image of so many megapixels.
SPARE_WORK = 200_000


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a cloud listens, what it serves, and how it ends."""

    panel: ClassVar[str] = "The cloud"
    host: str = option("127.0.0.1", "Address to listen on; 0.0.0.0 takes connections from anywhere.", metavar="ADDRESS")
    port: int = option(50051, "Port to listen on; 0 takes a free one.", least=0, most=65535)
    zoo: tuple[Path, ...] = zoo_option()
    threads: int = option(1, "Threads of each network.", least=1)
    engine: str = option("auto", "What runs the networks: auto, compiled or onnxruntime.", metavar="NAME")
    grace_s: float = option(10.0, "Seconds that live streams get when the cloud is told to end.", least=0)
    reflection: bool = option(True, "Describe the service to tools such as grpcurl.")


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """Who gets in, and what others on the way can see."""

    panel: ClassVar[str] = "Trust"
    tls_cert: Path | None = option(None, "Certificate of the cloud, PEM; read again when it changes.", metavar="FILE")
    tls_key: Path | None = option(None, "Of that certificate.", metavar="FILE")
    client_ca: Path | None = option(None, "Let in only edges with a certificate of this authority.", metavar="FILE")
    peers: Path | None = option(None, "Let in only those that it names (`isthmus token new`).", metavar="FILE")
    insecure: bool = option(False, "Let other machines come without TLS.")
    init_tls: Path | None = option(None, "Make an authority and certificates to try TLS out.", metavar="DIR")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What one client may ask for."""

    panel: ClassVar[str] = "Streams"
    max_streams: int = option(64, "Streams at a time; one more is told to come back.", least=1)
    max_in_flight: int = option(256, "Frames a client may have sent and not yet had answered.", least=1)
    idle_timeout_s: float = option(60.0, "A stream that is silent for so many seconds is ended.", least=0.1)
    max_streams_per_peer: int = option(0, "Streams of one peer; 0: all, until other peers want some.", least=0)
    max_connections: int = option(512, "Connections at a time; more are closed as they come.", least=1)


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """What may be ordered. Work is counted in megapixels' worth: what an image of so many takes."""

    panel: ClassVar[str] = "Budgets"
    memory_limit_mb: int = option(0, "MiB that work may bring the process to; 0: half of what there is.", least=0)
    max_frame_work: int = option(67, "Most work of one packet, as its header says.", least=1)
    max_stream_work: int = option(134, "Work that one stream may have waiting.", least=1)
    max_peer_work: int = option(268, "Work that all streams of a peer may have waiting.", least=1)
    max_work: int = option(1074, "Work that may be waiting in all.", least=1)
    stuck_after_s: float = option(60.0, "Health says NOT_SERVING once a step of work takes longer.", least=0.1)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What a cloud leaves, and says of itself."""

    panel: ClassVar[str] = "Output"
    save: Path | None = option(None, "Folder (made if need be) for a PNG of every image that comes in.", metavar="DIR")
    save_limit_mb: int = option(1024, "MiB that the folder of --save may hold; then nothing more is kept.", least=1)
    ready_file: Path | None = option(None, "Write host:port here once connections are taken.", metavar="FILE")
    verbose: bool = option(False, "Log how each stream opens and ends, and what is refused.", flags=("--verbose", "-v"))


# By the signal's name in a manifest.
ADMISSIONS: dict[str, type[Admission]] = {
    name: cast("type[Admission]", opened(signal.admission)) for name, signal in SIGNALS.items() if signal.admission
}


@command_frame
@with_options(ServerOptions, TrustOptions, StreamOptions, BudgetOptions, *ADMISSIONS.values(), LogOptions)
def cloud(*, given: Given) -> None:
    """Serve the cloud halves of codecs: decode what edges send, classify clouds and frames, reconstruct images."""
    import asyncio
    import logging
    import os

    # gRPC's C core writes its own lines about a taken port; our error says it, with the next step.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from isthmus.cloud.ledger import Amount, Budgets
    from isthmus.cloud.memory import usual_limit_bytes
    from isthmus.cloud.server import ServerConfig, serve
    from isthmus.common.shown import ShownFormatter
    from isthmus.common.zoo import find_zoos

    budgets, usual = given.of(BudgetOptions), Budgets()
    server, streams, log = given.of(ServerOptions), given.of(StreamOptions), given.of(LogOptions)
    handler = logging.StreamHandler()
    handler.setFormatter(ShownFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if log.verbose else logging.WARNING, handlers=[handler])
    trust = given.of(TrustOptions)
    if trust.init_tls is not None:
        _init_tls(trust.init_tls, server.host)
        return
    if log.save is not None:
        _make_folder(log.save)
    config = ServerConfig(
        zoo=find_zoos(server.zoo),
        host=server.host,
        port=server.port,
        max_stream_count=streams.max_streams,
        allowances=_allowances(given),
        save=log.save,
        tls=_tls(trust),
        peers=trust.peers,
        is_insecure=trust.insecure,
        max_saved_bytes=log.save_limit_mb << 20,
        grace_s=server.grace_s,
        threads=server.threads,
        engine=server.engine,
        has_reflection=server.reflection,
        max_stream_count_of_peer=streams.max_streams_per_peer,
        max_connection_count=streams.max_connections,
        memory_limit_bytes=budgets.memory_limit_mb << 20 or usual_limit_bytes(),
        budgets=Budgets(
            stream=Amount(budgets.max_stream_work * MEGA, usual.stream.size_bytes),
            peer=Amount(budgets.max_peer_work * MEGA, usual.peer.size_bytes),
            total=Amount(budgets.max_work * MEGA, usual.total.size_bytes),
        ),
        max_frame_work=budgets.max_frame_work * MEGA + SPARE_WORK,
        stuck_after_s=budgets.stuck_after_s,
    )
    asyncio.run(serve(config, lambda ready: _announce(ready, log.ready_file)))


def _tls(trust: TrustOptions) -> Tls | None:
    from isthmus.cloud.binding import Tls

    if trust.tls_cert is None or trust.tls_key is None:
        if trust.tls_cert is not None or trust.tls_key is not None or trust.client_ca is not None:
            raise InputError("expected --tls-cert and --tls-key, both of them, got one or neither")
        return None
    return Tls(trust.tls_cert, trust.tls_key, trust.client_ca)


def _init_tls(folder: Path, host: str) -> None:
    """Make the files, and print the two commands that use them."""
    import shlex
    import socket

    from isthmus.cloud import development_authority as made

    names = [name for name in (socket.gethostname(), host) if name not in ("", "0.0.0.0", "::")]
    made.make_authority(folder, names)
    files = {name: str(folder / name) for name in (made.SERVER_FILE, made.SERVER_KEY_FILE, made.AUTHORITY_FILE)}
    server = ["--tls-cert", files[made.SERVER_FILE], "--tls-key", files[made.SERVER_KEY_FILE]]
    print(shlex.join(["isthmus", "cloud", *server]))
    print(shlex.join(["isthmus", "edge", "FILES", "--cloud", "localhost:50051", "--ca", files[made.AUTHORITY_FILE]]))


def _allowances(given: Given) -> dict[str, Allowance]:
    """What is taken of each signal."""
    streams = given.of(StreamOptions)
    found: dict[str, Allowance] = {}
    for name, signal in SIGNALS.items():
        limits = replace(signal.allowance.limits, idle_timeout_s=streams.idle_timeout_s)
        found[name] = replace(signal.allowance, limits=limits)
        if name in ADMISSIONS:
            found[name] = given.of(ADMISSIONS[name]).taken(found[name], streams.max_in_flight)
    return found


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected a folder, or a place to make it: {error.strerror or error}") from error


def _announce(ready: Ready, ready_file: Path | None) -> None:
    """Say on standard output where the cloud listens, in a line that programs can read; and in the file."""
    if ready_file is not None:
        # Whole or not at all, for whoever waits for the file.
        write_whole(ready_file, f"{ready.address}\n".encode())
    count = len(ready.codecs)
    shown = " ".join(ready.codecs) if count <= MAX_NAMES else f"{count} (`isthmus inspect` lists them)"
    print(f"isthmus cloud: listening on {ready.address}, codecs: {shown}", flush=True)
