"""Heads of frames: what is written is read, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import PacketError
from isthmus.common.signals import MAX_SIDE
from isthmus.common.video.heads import MOTION_HEAD_SIZE_BYTES, KeyHead, MotionHead

serials = st.integers(0, 255)
sides = st.integers(1, MAX_SIDE)


@given(serials, sides, sides)
def test_key_heads_round_trip(serial: int, height: int, width: int) -> None:
    head = KeyHead(serial, height, width)
    data = head.to_bytes()
    assert KeyHead.from_bytes(data) == head
    assert data == bytes((serial,)) + encode_varint(height) + encode_varint(width)


@given(serials, serials, st.booleans(), st.binary(max_size=8))
def test_motion_heads_round_trip_and_leave_the_motion(
    serial: int, reference: int, is_smooth: bool, motion: bytes
) -> None:
    head = MotionHead(serial, reference, is_smooth)
    data = head.to_bytes()
    assert len(data) == MOTION_HEAD_SIZE_BYTES
    assert MotionHead.from_bytes(data + motion) == (head, motion)


@given(st.binary(max_size=9))
def test_any_bytes_are_a_key_head_or_refused(data: bytes) -> None:
    try:
        head = KeyHead.from_bytes(data)
    except PacketError:
        return
    assert head.to_bytes() == data


@given(st.binary(max_size=9))
def test_any_bytes_begin_with_a_motion_head_or_are_refused(data: bytes) -> None:
    try:
        head, motion = MotionHead.from_bytes(data)
    except PacketError:
        return
    assert head.to_bytes() + motion == data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "expected a serial at byte 0, got no bytes"),
        (b"\x07", "latents' height in section 0"),
        (b"\x07\x02", "latents' width in section 0"),
        (b"\x07\x00\x02", "sides of 1 to 65535, got 0 x 2"),
        (b"\x07\x02\x00", "sides of 1 to 65535, got 2 x 0"),
        (b"\x07\x02" + encode_varint(MAX_SIDE + 1), "sides of 1 to 65535, got 2 x 65536"),
        (b"\x07\x02\x02\x02\x02", "expected nothing after the width, got 2 bytes"),
        (b"\x07\x82\x00\x02", "latents' height in section 0"),
    ],
)
def test_key_heads_that_no_encoder_writes(data: bytes, says: str) -> None:
    with pytest.raises(PacketError, match=says):
        KeyHead.from_bytes(data)


@pytest.mark.parametrize("size", range(MOTION_HEAD_SIZE_BYTES))
def test_a_motion_head_is_not_cut(size: int) -> None:
    with pytest.raises(PacketError, match=f"expected serial, reference and flags in 3 bytes, got {size}"):
        MotionHead.from_bytes(bytes(size))


@pytest.mark.parametrize("bit", range(1, 8))
def test_reserved_flags_are_zero(bit: int) -> None:
    for smooth in (0, 1):
        flags = 1 << bit | smooth
        with pytest.raises(PacketError, match=f"reserved flags at byte 2 to be zero, got {flags:#04x}"):
            MotionHead.from_bytes(bytes((1, 0, flags)))
