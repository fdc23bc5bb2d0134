"""What is done to a cloud by somebody who is let in: each attack for a while, by itself, and then it ends.

Run as a module it is one attack, in a process of its own, so that it takes no time from whoever measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from isthmus.common import wire
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.varint import encode_varint
from isthmus.common.image.side import Adaptation, Side
from isthmus.common.video.heads import KeyHead
from isthmus.common.zoo import codec_folders, find_codec
from isthmus.edge.call import METHODS
from isthmus.measure.abuse.guests import FAILURES, Messages, channel_to, opening_of, stream_on
from isthmus.measure.abuse.raw_http2 import unfinished

TOKEN_VARIABLE = "ISTHMUS_TOKEN"


@dataclass(frozen=True, slots=True)
class Target:
    """The cloud, and for how long.

    Attributes:
        address: on loopback.
        token: of the attacker.
        zoo: folder of the codecs.
        seconds: of the attack.
    """

    address: str
    token: str
    zoo: Path | None
    seconds: float

    @property
    def end_s(self) -> float:
        """On the monotonic clock, counted from now."""
        return time.monotonic() + self.seconds


Attack = Callable[[Target], Awaitable[None]]


async def _streams(
    target: Target, opening: bytes, message: bytes, streams: int, messages: int = 1 << 30, pause_s: float = 0.0
) -> None:
    """So many streams at a time, each opened anew when it ends, that send one message again and again."""
    end_s = target.end_s

    async def one() -> None:
        async with channel_to(target.address) as channel:
            while time.monotonic() < end_s:
                await _tolerated(
                    _send_on(channel, target, opening, message, min(end_s, time.monotonic() + 60), messages, pause_s)
                )
                await asyncio.sleep(0.02)

    await asyncio.gather(*(one() for _ in range(streams)))


async def _send_on(
    channel: grpc.aio.Channel,
    target: Target,
    opening: bytes,
    message: bytes,
    end_s: float,
    messages: int,
    pause_s: float,
) -> None:
    call = stream_on(channel, target.token)
    reading = asyncio.create_task(_drained(call))
    try:
        await call.write(opening)
        for _ in range(messages):
            if time.monotonic() >= end_s or reading.done():
                break
            await asyncio.wait_for(call.write(message), max(0.1, end_s - time.monotonic()))
            await asyncio.sleep(pause_s)
    finally:
        call.cancel()
        reading.cancel()


async def _drained(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    with contextlib.suppress(grpc.RpcError, asyncio.CancelledError):
        while isinstance(await call.read(), bytes):
            pass


async def _tolerated(work: Awaitable[object]) -> None:
    """What a cloud does to defend itself ends an attack's stream, and that is well."""
    with contextlib.suppress(*FAILURES, OSError):
        await work


def _image_bomb() -> bytes:
    return Packet(PacketType.INTRA, (Side(8192, 8192, Adaptation.STATIC).to_bytes(), b"")).to_bytes()


async def large_first(target: Target) -> None:
    """First messages of 4 MB, which no stream begins with."""
    await _streams(target, bytes(4 << 20), b"", 20, 0)


async def compressed(target: Target) -> None:
    """First messages of 16 MB that gzip makes to 16 kB."""
    end_s = target.end_s

    async def one() -> None:
        async with channel_to(target.address, grpc.Compression.Gzip) as channel:
            while time.monotonic() < end_s:
                await _tolerated(_send_on(channel, target, bytes(16 << 20), b"", end_s, 0, 0.0))
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(8)))


async def image_bombs(target: Target) -> None:
    """Six bytes that order an image of 67 megapixels."""
    opening = opening_of(find_codec("image-light-q4", target.zoo))
    await _streams(target, opening, wire.frames_request([_image_bomb()] * 4), 8)


async def video_bombs(target: Target) -> None:
    """Seven bytes that order a key frame of 8 megapixels, and four that order another like it."""
    key = Packet(PacketType.INTRA, (KeyHead(0, 360, 360).to_bytes(), b"")).to_bytes()
    predicted = Packet(PacketType.PREDICTED, (b"\x01\x00\x00",)).to_bytes()
    opening = opening_of(find_codec("video-tiny-q3", target.zoo))
    await _streams(target, opening, wire.frames_request([key, *[predicted] * 7]), 8)


async def real_images(target: Target) -> None:
    """Images of a megapixel that decode, as many as are taken, each with its pixels back."""
    import numpy as np

    from isthmus.common.signals import Image
    from isthmus.edge.image.encoder import ImageEncoder

    folder = find_codec("image-light-q1", target.zoo)
    grey = np.full((1024, 1024, 3), 128, np.uint8)
    packet = ImageEncoder(folder).encode(Image(grey)).packet.to_bytes()
    await _streams(target, opening_of(folder, wants_pixels=True), wire.frames_request([packet]), 8)


async def cloud_batches(target: Target) -> None:
    """Packets that hold a thousand clouds, 128 in a message."""
    from isthmus.measure.abuse.guests import CODEC

    packet = b"\x01" + encode_varint(1000) + os.urandom(3000)
    await _streams(target, opening_of(find_codec(CODEC, target.zoo)), wire.frames_request([packet] * 128), 8)


async def large_packets(target: Target) -> None:
    """Packets of 15 MB that hold nothing, beside bombs."""
    opening = opening_of(find_codec("image-light-q4", target.zoo))
    large = wire.frames_request([_image_bomb() + os.urandom(15 << 20)])
    await _streams(target, opening, large, 8, pause_s=0.02)


async def silent_streams(target: Target) -> None:
    """More streams than there are places, on which nothing is said."""
    messages = Messages.of(target.zoo)
    await _streams(target, messages.opening, messages.frames[0], 100, 1, pause_s=target.seconds)


async def trickle(target: Target) -> None:
    """Streams that say a little now and then, so that none of them is idle."""
    messages = Messages.of(target.zoo)
    await _streams(target, messages.opening, messages.frames[0], 64, pause_s=1.0)


async def flood(target: Target) -> None:
    """Honest frames, as many as go."""
    messages = Messages.of(target.zoo)
    await _streams(target, messages.opening, messages.frames[0], 4)


async def short_streams(target: Target) -> None:
    """Streams of one frame, one after another."""
    messages = Messages.of(target.zoo)
    await _streams(target, messages.opening, messages.frames[0], 8, 1)


async def unfinished_calls(target: Target) -> None:
    """Messages of 16 MB of which 6 come: sixty calls that ask for what the cloud can."""
    await _unfinished(target, METHODS + "GetCapabilities")


async def unfinished_streams(target: Target) -> None:
    """The same as first messages of streams."""
    await _unfinished(target, "/isthmus.v1.InferenceService/StreamInference")


async def _unfinished(target: Target, method: str) -> None:
    calls = (unfinished(target.address, method, target.token, 16 << 20, 6 << 20, target.seconds) for _ in range(60))
    await asyncio.gather(*calls)


async def connections(target: Target) -> None:
    """Four hundred connections on which nothing is said, made again when they are closed."""
    host, _, port = target.address.rpartition(":")
    end_s = target.end_s

    async def one() -> None:
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError, TimeoutError):
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.1, end_s - time.monotonic())):
                        while await reader.read(4096):
                            pass
                writer.close()
            await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(400)))


async def watchers(target: Target) -> None:
    """Four hundred calls that watch the cloud's health."""
    end_s = target.end_s

    async def requests() -> AsyncIterator[bytes]:
        yield b""

    async def one(channel: grpc.aio.Channel) -> None:
        while time.monotonic() < end_s:
            call = channel.stream_stream("/grpc.health.v1.Health/Watch", None, None)(
                requests(), timeout=max(0.1, end_s - time.monotonic())
            )
            await _drained(call)
            await asyncio.sleep(0.2)

    async with channel_to(target.address) as channel:
        await asyncio.gather(*(one(channel) for _ in range(400)))


async def every_codec(target: Target) -> None:
    """A stream of each codec in turn, so that all are loaded."""
    end_s = target.end_s
    openings = [opening_of(folder) for folder in codec_folders(find_codec("pc-lite-any-q10", target.zoo).parent)]
    async with channel_to(target.address) as channel:
        while time.monotonic() < end_s:
            for opening in openings:
                if time.monotonic() >= end_s:
                    return
                call = stream_on(channel, target.token)
                await _tolerated(_opened_once(call, opening))
                call.cancel()


async def _opened_once(call: grpc.aio.StreamStreamCall[bytes, bytes], opening: bytes) -> None:
    await call.write(opening)
    await asyncio.wait_for(call.read(), 10)


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        *(large_first, compressed, image_bombs, video_bombs, real_images, cloud_batches, large_packets),
        *(silent_streams, trickle, flood, short_streams),
        *(unfinished_calls, unfinished_streams, connections, watchers, every_codec),
    )
}
"""By name."""


def main(words: list[str]) -> int:
    """NAME ADDRESS SECONDS [ZOO]; the token is in the environment."""
    name, address, seconds, *zoo = words
    target = Target(address, os.environ.get(TOKEN_VARIABLE, ""), Path(zoo[0]) if zoo else None, float(seconds))

    async def run() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ATTACKS[name](target), target.seconds + 5)

    # A real attacker takes its time from another machine: this one has what cloud and victim leave.
    os.nice(10)
    asyncio.run(run())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
