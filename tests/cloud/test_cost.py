"""What a packet costs, by its header alone, is said before it is decoded; and bombs of a few bytes are refused so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.benches import bench

from isthmus.cloud.half import CloudCodec, done
from isthmus.common import protocol
from isthmus.common.bits.packet import HEAD_BYTES, Packet, PacketType, read_head
from isthmus.common.bits.varint import encode_varint
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.cost import REFUSAL, FrameBudget
from isthmus.common.errors import LimitExceededError, PacketError
from isthmus.common.image.side import Adaptation, Side
from isthmus.common.video.heads import KeyHead
from isthmus.common.zoo import find_codec

OPENING = protocol.OpenStream(protocol.CodecId("any", bytes(32)), 1)
SMALL = FrameBudget(1 << 20)


def codec(name: str, budget: FrameBudget = SMALL) -> CloudCodec:
    folder = find_codec(name, None)
    signal = {"pc": "point-cloud", "im": "image", "vi": "video"}[name[:2]]
    opener = opened(SIGNALS[signal].cloud_half)
    found: CloudCodec = opener(Path(folder), bench(signal, budget=budget))
    return found


def image(height: int, width: int) -> bytes:
    return Packet(PacketType.INTRA, (Side(height, width, Adaptation.STATIC).to_bytes(), b"")).to_bytes()


def key(height: int, width: int) -> bytes:
    return Packet(PacketType.INTRA, (KeyHead(0, height, width).to_bytes(), b"")).to_bytes()


BOMBS = {
    "an image of 67 megapixels in six bytes": ("image-light-q4", [image(8192, 8192)]),
    "a frame of 8 megapixels in seven bytes": ("video-tiny-q3", [key(360, 360)]),
    "a frame of many places": ("video-tiny-q3", [key(65_535, 65_535)]),
    "a hundred thousand clouds in four bytes": ("pc-lite-any-q1", [b"\x01" + encode_varint(100_000)]),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header(name: str) -> None:
    named, packets = BOMBS[name]
    answerer = codec(named).open_stream("s")
    assert all(len(packet) <= 9 for packet in packets)
    for packet in packets:
        assert answerer.cost(packet).work > SMALL.max_work
        start_s = time.thread_time()
        (outcome,), _ = done(answerer.answer([packet], OPENING))
        assert isinstance(outcome, LimitExceededError)
        assert "its header orders" in str(outcome)
        assert time.thread_time() - start_s < 0.5  # of 26 s of work


def test_a_predicted_frame_costs_what_it_refers_to() -> None:
    """Four bytes order as much as the key frame before them, even where a smaller one came between and was broken."""
    answerer = codec("video-tiny-q3", FrameBudget()).open_stream("s")
    predicted = Packet(PacketType.PREDICTED, (b"\x01\x00\x00",)).to_bytes()
    assert answerer.cost(predicted) == REFUSAL  # of nothing
    large, small = answerer.cost(key(64, 64)), answerer.cost(key(2, 2))
    assert large.work == 64 * 64 * 8**2
    assert small.work == 2 * 2 * 8**2
    assert answerer.cost(predicted) == large
    for packet in (predicted, key(64, 64), key(2, 2), predicted):
        done(answerer.answer([packet], OPENING))
    assert answerer.held_bytes > 0


def test_cost_grows_with_what_is_announced_and_not_with_bytes() -> None:
    clouds, images = codec("pc-lite-any-q1").open_stream("s"), codec("image-light-q4").open_stream("s")
    one, thousand = clouds.cost(b"\x00" * 60_000), clouds.cost(b"\x01" + encode_varint(1000))
    assert 300 * one.work < 1000 * thousand.work
    assert thousand.work > 100 * one.work
    assert images.cost(image(512, 512)).work == 512 * 512
    assert images.cost(image(500, 500)).work == 512 * 512  # whole latents


@pytest.mark.parametrize("name", ["pc-lite-any-q1", "image-light-q4", "video-tiny-q3"])
@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\xff\xff\xff\xff\xff", b"\x04\xff", b"\x04\x01\x00"])
def test_what_has_no_header_costs_its_refusal(name: str, data: bytes) -> None:
    answerer = codec(name).open_stream("s")
    assert answerer.cost(data).work <= 64
    (outcome,), _ = done(answerer.answer([data], OPENING))
    assert isinstance(outcome, PacketError)


def test_a_head_is_read_without_the_rest() -> None:
    packet = Packet(PacketType.INTRA, (bytes(range(200)), b"x"), b"", 5)
    head = read_head(packet.to_bytes())
    assert (head.is_intra, head.signal_count, head.first_section) == (True, 5, bytes(range(HEAD_BYTES)))
    assert read_head(b"\x40").is_intra is False
    with pytest.raises(PacketError):
        read_head(b"")
