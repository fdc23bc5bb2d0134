"""The command `isthmus cloud`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import zoo_option
from isthmus.common.codec import Allowance, Signal
from isthmus.common.errors import InputError
from isthmus.common.image.signal import IMAGE
from isthmus.common.options import option
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.video.signal import VIDEO

if TYPE_CHECKING:
    from isthmus.cloud.server import Ready

# More names than these only get in the way.
MAX_NAMES = 8


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
class StreamOptions:
    """What one client may ask for."""

    panel: ClassVar[str] = "Streams"
    max_streams: int = option(64, "Streams at a time; one more is told to come back.", least=1)
    max_in_flight: int = option(256, "Frames a client may have sent and not yet had answered.", least=1)
    idle_timeout_s: float = option(60.0, "A stream that is silent for so many seconds is ended.", least=0.1)


@dataclass(frozen=True, slots=True)
class PointCloudLimits:
    """What one packet of point clouds may be."""

    panel: ClassVar[str] = "Point clouds"
    max_packet_bytes: int = option(1 << 16, "Largest packet.", least=1)
    max_signals: int = option(1024, "Most point clouds in one packet.", least=1)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What one packet of an image may be, and where images go."""

    panel: ClassVar[str] = "Images"
    max_image_packet_bytes: int = option(16 << 20, "Largest packet.", least=1)
    save: Path | None = option(None, "Folder (made if need be) for a PNG of every image that comes in.", metavar="DIR")


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What one packet of a frame may be."""

    panel: ClassVar[str] = "Videos"
    max_video_packet_bytes: int = option(4 << 20, "Largest packet of a frame.", least=1)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What a cloud says of itself."""

    panel: ClassVar[str] = "Output"
    ready_file: Path | None = option(None, "Write host:port here once connections are taken.", metavar="FILE")
    verbose: bool = option(False, "Log how each stream opens and ends, and what is refused.", flags=("--verbose", "-v"))


@command_frame
@with_options(ServerOptions, StreamOptions, PointCloudLimits, ImageLimits, VideoLimits, LogOptions)
def cloud(*, given: Given) -> None:
    """Serve the cloud halves of codecs: decode what edges send, classify clouds and frames, reconstruct images."""
    import asyncio
    import logging
    import os

    # gRPC's C core writes its own lines about a taken port; our error says it, with the next step.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from isthmus.cloud.server import ServerConfig, serve
    from isthmus.common.zoo import find_zoos

    server, streams, log = given.of(ServerOptions), given.of(StreamOptions), given.of(LogOptions)
    save = given.of(ImageLimits).save
    logging.basicConfig(
        level=logging.INFO if log.verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if save is not None:
        _make_folder(save)
    config = ServerConfig(
        zoo=find_zoos(server.zoo),
        host=server.host,
        port=server.port,
        max_stream_count=streams.max_streams,
        allowances=_allowances(given),
        save=save,
        grace_s=server.grace_s,
        threads=server.threads,
        engine=server.engine,
        has_reflection=server.reflection,
    )
    asyncio.run(serve(config, lambda ready: _announce(ready, log.ready_file)))


def _allowances(given: Given) -> dict[str, Allowance]:
    """What is taken of each signal."""
    streams, points = given.of(StreamOptions), given.of(PointCloudLimits)
    sizes = (
        (POINT_CLOUD, points.max_packet_bytes),
        (IMAGE, given.of(ImageLimits).max_image_packet_bytes),
        (VIDEO, given.of(VideoLimits).max_video_packet_bytes),
    )
    found = {signal.name: _allowance(signal, size, streams.idle_timeout_s) for signal, size in sizes}
    return found | {POINT_CLOUD.name: _many_small(found[POINT_CLOUD.name], points.max_signals, streams.max_in_flight)}


def _allowance(signal: Signal, max_packet_bytes: int, idle_timeout_s: float) -> Allowance:
    """What is taken of a signal, its packets of a size."""
    limits = signal.allowance.limits
    changed = replace(
        limits,
        packet=replace(limits.packet, max_packet_size_bytes=max_packet_bytes),
        max_message_size_bytes=max_packet_bytes + 64,
        idle_timeout_s=idle_timeout_s,
    )
    return replace(signal.allowance, limits=changed)


def _many_small(allowance: Allowance, max_signals: int, max_in_flight: int) -> Allowance:
    """Of a signal whose packets are small: several in a message, several signals in a packet."""
    packet = replace(allowance.limits.packet, max_signal_count=max_signals)
    # A message may hold the most frames there may be in flight, as long as it stays within 4 MiB (or one packet).
    size = packet.max_packet_size_bytes
    message_bytes = max(size + 64, min(max_in_flight * (size + 6), 4 << 20))
    limits = replace(
        allowance.limits,
        packet=packet,
        max_in_flight_frame_count=max_in_flight,
        max_message_size_bytes=message_bytes,
    )
    return replace(allowance, limits=limits)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected a folder, or a place to make it: {error.strerror or error}") from error


def _announce(ready: Ready, ready_file: Path | None) -> None:
    """Say on standard output where the cloud listens, in a line that programs can read; and in the file."""
    if ready_file is not None:
        # Whole or not at all, for whoever waits for the file.
        part = ready_file.with_name(ready_file.name + ".part")
        part.write_text(ready.address + "\n", encoding="utf-8")
        part.replace(ready_file)
    count = len(ready.codecs)
    shown = " ".join(ready.codecs) if count <= MAX_NAMES else f"{count} (`isthmus inspect` lists them)"
    print(f"isthmus cloud: listening on {ready.address}, codecs: {shown}", flush=True)
