"""Those who talk to a cloud under measurement: each with a token, as raw messages over gRPC's asyncio.

Every guest of one machine has the machine's address, so a cloud tells them apart by their tokens: `Guests` makes a
file of peers and a token for each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

from isthmus.cloud.identity import Identity
from isthmus.cloud.peers import Peer, new_token, write_peers
from isthmus.common import protocol, wire
from isthmus.common.signals import PointCloud
from isthmus.common.zoo import find_codec
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.edge.call import METHODS
from isthmus.edge.pointcloud.encoder import PointCloudEncoder

METHOD = METHODS + "StreamInference"
CODEC = "pc-lite-any-q10"
MAX_MESSAGE_BYTES = 64 << 20


class Guests:
    """Tokens by name, and the file of peers that a cloud is given.

    Args:
        folder: of the file.
        names: of the guests.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        made = {name: new_token() for name in names}
        self.path = folder / "peers.json"
        self.tokens = {name: token for name, (token, _) in made.items()}
        write_peers(self.path, [Peer(Identity(name), digest) for name, (_, digest) in made.items()])


@dataclass(frozen=True, slots=True)
class Messages:
    """What an honest guest sends.

    Attributes:
        opening: the first message of a stream.
        frames: messages of one packet each.
    """

    opening: bytes
    frames: tuple[bytes, ...]

    @classmethod
    def of(cls, zoo: Path | None) -> Messages:
        """Generated clouds of a codec."""
        encoder = PointCloudEncoder(find_codec(CODEC, zoo))
        clouds = generate_set(1, points=512, seed=5).clouds
        frames = tuple(wire.frames_request([encoder.encode(PointCloud(cloud)).packet.to_bytes()]) for cloud in clouds)
        return cls(opening_of(find_codec(CODEC, zoo)), frames)


def opening_of(folder: Path, *, wants_pixels: bool = False) -> bytes:
    """The first message of a stream of a codec."""
    from isthmus.common.manifest.folder import load_codec_folder

    manifest = load_codec_folder(folder, needed=()).manifest
    codec_id = protocol.CodecId(manifest.name, manifest.identity)
    opening = protocol.OpenStream(
        codec_id, manifest.bitstream_version, task=manifest.task.number, wants_pixels=wants_pixels
    )
    return wire.open_request(opening)


def channel_to(address: str, compression: grpc.Compression = grpc.Compression.NoCompression) -> grpc.aio.Channel:
    """A connection of its own."""
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_http_proxy", 0),
    ]
    return grpc.aio.insecure_channel(address, options, compression)


def stream_on(
    channel: grpc.aio.Channel, token: str, requests: AsyncIterator[bytes] | None = None, timeout_s: float = 60.0
) -> grpc.aio.StreamStreamCall[bytes, bytes]:
    """A stream of raw messages."""
    metadata = (("authorization", f"Bearer {token}"),)
    return channel.stream_stream(METHOD, None, None)(requests, timeout=timeout_s, metadata=metadata)


@dataclass(slots=True)
class Visit:
    """What became of a guest's frames.

    Attributes:
        latencies_ms: of those that were answered.
        failures: frames that were not, and streams that were not opened.
        reason: of the last failure.
    """

    latencies_ms: list[float] = field(default_factory=list)
    failures: int = 0
    reason: str = ""

    def failed(self, error: BaseException) -> None:
        """One more."""
        self.failures += 1
        told = error.details() if isinstance(error, grpc.RpcError) else error
        self.reason = f"{type(error).__name__}: {told}"[:200]


FAILURES = (grpc.RpcError, grpc.aio.UsageError, asyncio.InvalidStateError, TimeoutError, ValueError)
"""What a stream that is refused, or ends, is to its guest."""

FRAMES_OF_STREAM = 40
TIMEOUT_S = 10.0


async def visit(address: str, token: str, messages: Messages, seconds: float, pause_s: float = 0.01) -> Visit:
    """A frame, its answer, a pause, and so on; a new stream every so many frames, for who is kept out is harmed too."""
    seen = Visit()
    end_s = time.monotonic() + seconds
    async with channel_to(address) as channel:
        while time.monotonic() < end_s:
            call = stream_on(channel, token)
            try:
                await talk(call, messages, seen, end_s, pause_s)
            except FAILURES as error:
                seen.failed(error)
                await asyncio.sleep(pause_s)
            finally:
                call.cancel()
    return seen


async def talk(
    call: grpc.aio.StreamStreamCall[bytes, bytes], messages: Messages, seen: Visit, end_s: float, pause_s: float
) -> None:
    """One stream: its opening, and its frames one after another."""
    await opened(call, messages.opening)
    for number in range(FRAMES_OF_STREAM):
        if time.monotonic() >= end_s:
            break
        seen.latencies_ms.append(await asked(call, messages.frames[number % len(messages.frames)]))
        await asyncio.sleep(pause_s)
    await call.done_writing()


async def opened(call: grpc.aio.StreamStreamCall[bytes, bytes], opening: bytes) -> None:
    """Open a stream. ValueError if it ends instead."""
    await call.write(opening)
    if not isinstance(await asyncio.wait_for(call.read(), TIMEOUT_S), bytes):
        raise ValueError(f"expected the stream to open, got {await call.code()}: {await call.details()}")


async def asked(call: grpc.aio.StreamStreamCall[bytes, bytes], frame: bytes) -> float:
    """Milliseconds that one frame took. ValueError if it was not answered, or refused."""
    start_s = time.perf_counter()
    await call.write(frame)
    data = await asyncio.wait_for(call.read(), TIMEOUT_S)
    taken_ms = (time.perf_counter() - start_s) * 1e3
    if not isinstance(data, bytes):
        raise ValueError(f"expected a result, got {await call.code()}: {await call.details()}")
    response = wire.read_response(data)
    if not isinstance(response, protocol.Results) or isinstance(response.outcomes[0], Exception):
        raise ValueError(f"expected labels, got {response}")
    return taken_ms
