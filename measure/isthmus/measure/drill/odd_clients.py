"""Clients that are sound and odd: one that reads slowly, and one that says at once that it sends no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus.codec import load
from isthmus.common import protocol, wire
from isthmus.edge.call import METHODS
from isthmus.edge.client import open_channel
from isthmus.measure.drill.course import Course
from isthmus.measure.drill.edge_run import run_edge
from isthmus.measure.drill.ground import Ground
from isthmus.measure.drill.tally import Tally

READS_BETWEEN, READ_WAIT_S = 150, 1.0
"""A slow reader reads so many rows, then none for so long: longer than the cloud lets a stream be silent."""
HALF_CLOSED_COUNT = 16
"""Frames at most: as many as may be under way."""
CALL_TIMEOUT_S = 60.0


def hold_slow_reader(
    ground: Ground, course: Course, expected: Mapping[str, Any], tally: Tally, advance: Callable[[int], None]
) -> None:
    """Nobody takes the edge's rows for a while, again and again, and the edge cannot get on."""
    start_s = time.monotonic()
    cloud = ground.nursery.take()

    def read(rows: int) -> None:
        if rows % READS_BETWEEN == 0:
            time.sleep(READ_WAIT_S)
            tally.faults["reader slow"] += 1

    try:
        for _ in range(ground.options.rounds):
            run = run_edge((*course.words, "--cloud", cloud.address), read)
            tally.runs += 1
            tally.add(course, run.rows, expected)
            if run.code:
                tally.note(f"{course.codec}: the edge ended with {run.code}: {run.said[-500:]}")
            advance(1)
    finally:
        cloud.kill()
    tally.seconds = time.monotonic() - start_s


def hold_half_closer(
    ground: Ground, course: Course, expected: Mapping[str, Any], tally: Tally, advance: Callable[[int], None]
) -> None:
    """A client that half-closes right behind its frames has every answer that a patient one has."""
    del expected
    start_s = time.monotonic()
    codec = load(course.codec, zoo=ground.options.zoo)
    count = min(HALF_CLOSED_COUNT, codec.signal.allowance.limits.max_in_flight_frame_count)
    paths = sorted(Path(course.words[0]).iterdir())[:count]
    packets = [codec.encode(path).packet.to_bytes() for path in paths]
    cloud = ground.nursery.take()
    opening = protocol.OpenStream(
        protocol.CodecId(codec.manifest.name, codec.manifest.identity),
        codec.manifest.bitstream_version,
        task=codec.manifest.task.number,
    )
    try:
        patient = _answers(cloud.address, opening, packets, waits=True)
        for _ in range(ground.options.rounds):
            found = _answers(cloud.address, opening, packets, waits=False)
            tally.faults["half-closed"] += 1
            tally.sent += len(packets)
            tally.lost += max(0, len(packets) - len(found))
            tally.doubled += max(0, len(found) - len(packets))
            tally.wrong += sum(one != other for one, other in zip(found, patient, strict=False))
            tally.runs += 1
            advance(1)
    finally:
        cloud.kill()
    tally.seconds = time.monotonic() - start_s


def _answers(
    address: str, opening: protocol.OpenStream, packets: Sequence[bytes], *, waits: bool
) -> list[protocol.Outcome]:
    """What a stream is answered; the half-close comes behind the last answer, or behind the last packet."""
    opened, answered = threading.Event(), threading.Event()

    def requests() -> Iterator[bytes]:
        yield wire.open_request(opening)
        opened.wait(CALL_TIMEOUT_S)
        for packet in packets:
            yield wire.frames_request([packet])
        if waits:
            answered.wait(CALL_TIMEOUT_S)

    outcomes: list[protocol.Outcome] = []
    channel = open_channel(address)
    try:
        call = channel.stream_stream(METHODS + "StreamInference", None, None)(requests(), timeout=CALL_TIMEOUT_S)
        for data in call:
            response = wire.read_response(data)
            opened.set()
            if isinstance(response, protocol.Results):
                outcomes += response.outcomes
            if len(outcomes) >= len(packets):
                answered.set()
    finally:
        opened.set()
        answered.set()
        channel.close()
    return outcomes
