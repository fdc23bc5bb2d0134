"""The command `isthmus cloud`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.command.frame import command_frame
from isthmus.common.errors import InputError

if TYPE_CHECKING:
    from isthmus.cloud.server import Ready

# More names than these only get in the way.
MAX_NAMES = 8


@command_frame
def cloud(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 takes connections from anywhere.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 50051,
    zoo: Annotated[
        Path | None, typer.Option(envvar="ISTHMUS_ZOO", help="Folder of codecs. [default: those that ship]")
    ] = None,
    max_streams: Annotated[int, typer.Option(min=1, help="Streams at a time; one more is told to come back.")] = 64,
    max_in_flight: Annotated[
        int, typer.Option(min=1, help="Frames a client may have sent and not yet had answered.")
    ] = 256,
    max_packet_bytes: Annotated[int, typer.Option(min=1, help="Largest packet of point clouds.")] = 1 << 16,
    max_image_packet_bytes: Annotated[int, typer.Option(min=1, help="Largest packet of an image.")] = 16 << 20,
    max_video_packet_bytes: Annotated[int, typer.Option(min=1, help="Largest packet of a video's frame.")] = 4 << 20,
    max_signals: Annotated[int, typer.Option(min=1, help="Most signals in one packet.")] = 1024,
    save: Annotated[
        Path | None, typer.Option(help="Folder (made if need be) for a PNG of every image that comes in.")
    ] = None,
    idle_timeout_s: Annotated[float, typer.Option(min=0.1, help="A stream silent for this long is ended.")] = 60.0,
    grace_s: Annotated[
        float, typer.Option(min=0.0, help="What live streams get when the cloud is told to end.")
    ] = 10.0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each network.")] = 1,
    reflection: Annotated[bool, typer.Option(help="Describe the service to tools such as grpcurl.")] = True,
    ready_file: Annotated[Path | None, typer.Option(help="Write host:port here once connections are taken.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each stream.")] = False,
) -> None:
    """Serve the cloud halves of codecs: decode what edges send, classify clouds and frames, reconstruct images."""
    import asyncio
    import logging
    import os

    # gRPC's C core writes its own lines about a taken port; our error says it, with the next step.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from isthmus.cloud.image.codec import IMAGE_STREAM_LIMITS
    from isthmus.cloud.server import ServerConfig, serve
    from isthmus.cloud.video.codec import VIDEO_STREAM_LIMITS
    from isthmus.common.bits.packet import Limits
    from isthmus.common.bits.prior import MAX_SYMBOL_COUNT
    from isthmus.common.wire import StreamLimits
    from isthmus.common.zoo import find_zoo

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    packet_limits = Limits(
        max_packet_size_bytes=max_packet_bytes, max_symbol_count=MAX_SYMBOL_COUNT, max_signal_count=max_signals
    )
    # A message may hold the most frames there may be in flight, as long as it stays within 4 MiB (or one packet).
    message_bytes = max(max_packet_bytes + 64, min(max_in_flight * (max_packet_bytes + 6), 4 << 20))
    image_limits = replace(
        IMAGE_STREAM_LIMITS,
        packet=replace(IMAGE_STREAM_LIMITS.packet, max_packet_size_bytes=max_image_packet_bytes),
        max_message_size_bytes=max_image_packet_bytes + 64,
        idle_timeout_s=idle_timeout_s,
    )
    video_limits = replace(
        VIDEO_STREAM_LIMITS,
        packet=replace(VIDEO_STREAM_LIMITS.packet, max_packet_size_bytes=max_video_packet_bytes),
        max_message_size_bytes=max_video_packet_bytes + 64,
        idle_timeout_s=idle_timeout_s,
    )
    if save is not None:
        _make_folder(save)
    config = ServerConfig(
        zoo=find_zoo(zoo),
        host=host,
        port=port,
        limits=StreamLimits(packet_limits, max_in_flight, message_bytes, idle_timeout_s),
        max_stream_count=max_streams,
        image_limits=image_limits,
        video_limits=video_limits,
        save=save,
        grace_s=grace_s,
        threads=threads,
        has_reflection=reflection,
    )
    asyncio.run(serve(config, lambda ready: _announce(ready, ready_file)))


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
