"""Many streams: a thousand at a time of twenty peers, one of which floods; then ten thousand one after another.

Each honest peer asks on each of its streams in turn, a frame every few seconds; its latency is the middle of its
frames'. Fair is where no peer waits much longer than another: the 95th percentile over peers beside their middle.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import grpc

from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_codec
from isthmus.measure.abuse.attacks import TOKEN_VARIABLE
from isthmus.measure.abuse.guests import CODEC, FAILURES, Guests, Messages, Visit, asked, channel_to, opened, stream_on
from isthmus.measure.abuse.options import LoadSettings
from isthmus.measure.abuse.run import ATTACKER, VERSIONED
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.percentiles import Percentiles
from isthmus.measure.track import Track

PERIOD_S = 4.0
"""Of one stream: it asks once in so long."""
WARM_SHARE, LEAST_WARM = 10, 100
OPENING_AT_A_TIME, LIMIT_S = 16, 90.0
SETTLE_S = 2.0
FLOODING = 4
"""Streams of the peer that floods."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it.

    Attributes:
        peers: of each honest peer what became of its frames.
        streams: that were open at a time, those of the flooding peer among them.
        in_turn: streams that were opened and ended one after another, of which `failures` were not answered.
        memory_mb, descriptors: how much more there is of them after it, in MiB and by number.
        peak_mb: of the cloud, in MiB.
    """

    peers: tuple[Visit, ...]
    streams: int
    in_turn: int
    failures: int
    memory_mb: float
    descriptors: int
    peak_mb: float

    @property
    def medians_ms(self) -> list[float]:
        """Of each honest peer's frames."""
        return [Percentiles.of(peer.latencies_ms).p50 for peer in self.peers]


def measure_load(settings: LoadSettings, track: Track) -> Load:
    """A thousand at a time, then ten thousand in turn."""
    zoo = find_codec(CODEC, settings.zoo).parent
    messages = Messages.of(settings.zoo)
    names = [f"peer-{n}" for n in range(settings.peers - 1)]
    each = -(-(settings.streams - FLOODING) // len(names))
    with tempfile.TemporaryDirectory() as folder:
        guests = Guests(Path(folder), (*names, ATTACKER))
        places = settings.streams + settings.peers
        with CloudProcess(zoo, peers=guests.path, max_stream_count=places) as cloud:
            environment = os.environ | {
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                TOKEN_VARIABLE: guests.tokens[ATTACKER],
            }
            # As long as it takes at most to open all streams and to use them.
            command = [sys.executable, "-m", "isthmus.measure.abuse.attacks", "flood", cloud.address]
            command += [str(settings.seconds + 60), str(zoo)]
            advance = track("streams at a time", settings.streams)
            flooding = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                tokens = [guests.tokens[name] for name in names]
                peers = asyncio.run(_together(cloud.address, tokens, messages, each, settings.seconds))
            finally:
                flooding.terminate()
                flooding.wait()
            advance(settings.streams)
            advance = track("streams in turn", settings.in_turn)
            token = guests.tokens[names[0]]
            asyncio.run(_in_turn(cloud.address, token, messages, max(LEAST_WARM, settings.in_turn // WARM_SHARE)))
            time.sleep(SETTLE_S)
            before = cloud.resident_bytes(), cloud.descriptors()
            failures = asyncio.run(_in_turn(cloud.address, token, messages, settings.in_turn))
            time.sleep(SETTLE_S)
            after = cloud.resident_bytes(), cloud.descriptors()
            advance(settings.in_turn)
            grown_mb = (after[0] - before[0]) / (1 << 20)
            peak_mb = cloud.peak_bytes() / (1 << 20)
    streams = each * len(names) + FLOODING
    return Load(peers, streams, settings.in_turn, failures, grown_mb, after[1] - before[1], peak_mb)


async def _together(
    address: str, tokens: list[str], messages: Messages, each: int, seconds: float
) -> tuple[Visit, ...]:
    """All streams are opened, then used: those of a peer spread over the period."""
    seen = tuple(Visit() for _ in tokens)
    all_open, opening = asyncio.Barrier(each * len(tokens)), asyncio.Semaphore(OPENING_AT_A_TIME)

    async def one(channel: grpc.aio.Channel, token: str, peer: Visit, phase_s: float) -> None:
        # A peer may have a few streams at a time that are not open yet.
        async with opening:
            call = stream_on(channel, token, timeout_s=seconds + LIMIT_S)
            try:
                await opened(call, messages.opening)
            except FAILURES as error:
                peer.failed(error)
        await all_open.wait()
        end_s = time.monotonic() + seconds
        await asyncio.sleep(phase_s)
        try:
            while not call.done() and time.monotonic() < end_s:
                peer.latencies_ms.append(await asked(call, messages.frames[0]))
                await asyncio.sleep(PERIOD_S)
        except FAILURES as error:
            peer.failed(error)
        finally:
            call.cancel()

    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(channel_to(address)) for _ in tokens]
        await asyncio.gather(
            *(
                one(channel, token, peer, PERIOD_S * (number + place / len(tokens)) / each)
                for number in range(each)
                for place, (channel, token, peer) in enumerate(zip(channels, tokens, seen, strict=True))
            )
        )
    return seen


async def _in_turn(address: str, token: str, messages: Messages, count: int) -> int:
    """Streams of one frame, one after another; those that failed."""
    failures = 0
    async with channel_to(address) as channel:
        for number in range(count):
            call = stream_on(channel, token)
            try:
                await opened(call, messages.opening)
                await asked(call, messages.frames[number % len(messages.frames)])
                await call.done_writing()
                if await call.code() is not grpc.StatusCode.OK:
                    failures += 1
            except FAILURES:
                failures += 1
            finally:
                call.cancel()
    return failures


def write_load(found: Load, command: str, folder: Path) -> Path:
    """Results file, the summary gathered; answers its path."""
    over_peers = Percentiles.of(found.medians_ms)
    summary = {
        "load.streams": found.streams,
        "load.peers": len(found.peers) + 1,
        "load.frames": sum(len(peer.latencies_ms) for peer in found.peers),
        "load.failures": sum(peer.failures for peer in found.peers),
        "load.peer_p50_ms": over_peers.p50,
        "load.peer_p95_ms": over_peers.p95,
        "load.fairness_ratio": over_peers.p95 / over_peers.p50,
        "load.streams_in_turn": found.in_turn,
        "load.streams_in_turn_failures": found.failures,
        "load.memory_growth_mb": found.memory_mb,
        "load.descriptors_growth": found.descriptors,
        "load.peak_mb": found.peak_mb,
    }
    detail = {
        f"peer-{number}": {"latency_ms": peer.latencies_ms, "failures": peer.failures, "reason": peer.reason}
        for number, peer in enumerate(found.peers)
    }
    provenance = Provenance.of(
        command, "generated clouds of points", 5, VERSIONED, chosen="Nothing was chosen on data."
    )
    written = write_results(folder, Results("load", provenance, summary, detail))
    gather_summary(folder)
    return written
