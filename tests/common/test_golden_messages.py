"""Golden messages of named streams (BITSTREAM.md §15): reading gives what is said, writing gives the bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

from isthmus.common import protocol, wire
from isthmus.common.errors import MessageError
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.sealing import sealed, unsealed

FOLDER = ROOT / "tests" / "golden" / "messages"
FILES = sorted(FOLDER.glob("*.json"))


def opening(said: dict[str, Any]) -> protocol.OpenStream:
    codec = protocol.CodecId(said["codec"], bytes.fromhex(said["manifest_sha256"]))
    named = said["named"]
    stream = protocol.NamedStream(
        bytes.fromhex(named["name"]), named["epoch"], named["began_epoch"], named["first_unanswered_index"]
    )
    return protocol.OpenStream(codec, 1, task=said["task"], wants_crc32=said["wants_crc32"], named=stream)


def granted(said: dict[str, Any]) -> protocol.StreamOpened:
    limits = StreamLimits(Limits(100, 200, 30), 7, 5000, 1.5)
    held = said["held"]
    return protocol.StreamOpened(
        said["stream_id"],
        limits,
        said["top_k"],
        protocol.HeldStream(
            bytes.fromhex(held["instance"]),
            held["is_resumed"],
            held["next_frame_index"],
            held["max_held_result_count"],
            held["max_held_result_bytes"],
        ),
    )


def frames(said: dict[str, Any]) -> protocol.Frames:
    packets = tuple(bytes.fromhex(packet) for packet in said["packets"])
    return protocol.Frames(packets, said["first_frame_index"], said.get("taken_count", -1))


def results(said: dict[str, Any]) -> protocol.Results:
    outcomes = tuple(protocol.FrameLabels(tuple(labels)) for labels in said["labels"])
    return protocol.Results(outcomes, first_frame_index=said["first_frame_index"])


WRITERS: dict[str, Callable[[Any], bytes]] = {
    "open": wire.open_request,
    "opened": wire.opened_response,
    "frames": lambda frames: wire.frames_request(frames.packets, frames.first_frame_index, frames.taken_count),
    "taken": lambda taken: wire.taken_request(taken.count),
    "results": lambda results: wire.results_response(results.outcomes, None, results.first_frame_index),
    "goodbye": lambda _: wire.goodbye_response(),
    "heartbeat": lambda _: wire.heartbeat_response(),
}
SAID: dict[str, Callable[[dict[str, Any]], Any]] = {
    "open": opening,
    "opened": granted,
    "frames": frames,
    "taken": lambda said: protocol.Taken(said["taken_count"]),
    "results": results,
    "goodbye": lambda _: protocol.Goodbye(),
    "heartbeat": lambda _: protocol.Heartbeat(),
}
REQUESTS = {"open", "frames", "taken"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_both_ways(file: Path) -> None:
    golden = json.loads(file.read_text(encoding="utf-8"))
    value, data = SAID[golden["kind"]](golden["says"]), bytes.fromhex(golden["bytes"])
    body = unsealed(data) if golden["sealed"] else data
    read = wire.read_request if golden["kind"] in REQUESTS else wire.read_response
    assert read(body) == value
    written = WRITERS[golden["kind"]](value)
    assert (sealed(written) if golden["sealed"] else written) == data


def test_the_examples_of_the_specification_are_among_them() -> None:
    page = (ROOT / "proto" / "BITSTREAM.md").read_text(encoding="utf-8").partition("## 15.")[2]
    examples = re.findall(r"^\|[^|]+\| `([0-9a-f ]+)` \|$", page, re.MULTILINE)
    golden = {json.loads(file.read_text(encoding="utf-8"))["bytes"] for file in FILES}
    assert len(examples) >= 6
    assert {example.replace(" ", "") for example in examples} <= golden


def test_every_kind_has_one() -> None:
    golden = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]
    assert {each["kind"] for each in golden} == set(SAID)
    assert {each["sealed"] for each in golden} == {False, True}


@pytest.mark.parametrize("file", [file for file in FILES if "sealed" in file.stem], ids=lambda file: file.stem)
def test_a_sealed_message_with_any_bit_flipped_is_refused(file: Path) -> None:
    data = bytes.fromhex(json.loads(file.read_text(encoding="utf-8"))["bytes"])
    for bit in range(8 * len(data)):
        spoiled = bytearray(data)
        spoiled[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MessageError):
            unsealed(bytes(spoiled))
