"""The side section of an image: what is written is read, nothing else is, and what adaptation costs is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import LimitExceededError, PacketError, RemoteError
from isthmus.common.image.side import KIND_BITS, KINDS, Adaptation, Side
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE

SIZE = encode_varint(300) + encode_varint(2)


@st.composite
def written(draw: st.DrawFn) -> Side:
    """What an encoder may write."""
    height = draw(st.integers(1, MAX_SIDE))
    width = draw(st.integers(1, min(MAX_SIDE, MAX_PIXELS // height)))
    adaptation = draw(st.sampled_from([Adaptation.STATIC, *KINDS.values()]))
    q = b"" if adaptation is Adaptation.STATIC else draw(st.binary(max_size=6))
    return Side(height, width, adaptation, q)


@given(written())
def test_round_trip(side: Side) -> None:
    data = side.to_bytes()
    assert Side.from_bytes(data) == side
    size = encode_varint(side.height) + encode_varint(side.width)
    assert data.startswith(size)
    assert side.bits == 8 * (len(data) - len(size))


@given(st.binary(max_size=10))
def test_any_bytes_are_a_side_or_refused(data: bytes) -> None:
    try:
        side = Side.from_bytes(data)
    except RemoteError:
        return
    assert side.to_bytes() == data
    assert side.height * side.width <= MAX_PIXELS


def test_static_tables_cost_nothing_and_the_others_their_kind() -> None:
    assert Side(1, 1, Adaptation.STATIC).bits == 0
    assert Side(1, 1, Adaptation.CONTEXT).bits == KIND_BITS
    assert Side(1, 1, Adaptation.CHOSEN, b"ab").bits == KIND_BITS + 16


def test_every_adaptation_of_a_packet_has_one_kind() -> None:
    assert sorted(KINDS) == [1, 2, 3]
    assert set(KINDS.values()) == set(Adaptation) - {Adaptation.AUTO, Adaptation.STATIC}


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", PacketError, "image height in section 0"),
        (SIZE[:1], PacketError, "image height in section 0"),
        (SIZE[:2], PacketError, "image width in section 0"),
        (b"\x00\x01", PacketError, "sides of 1 to 65535, got 0 x 1"),
        (b"\x01\x00", PacketError, "sides of 1 to 65535, got 1 x 0"),
        (b"\x01" + encode_varint(MAX_SIDE + 1), PacketError, "sides of 1 to 65535, got 1 x 65536"),
        (2 * encode_varint(MAX_SIDE), LimitExceededError, f"at most {MAX_PIXELS} pixels, got 65535 x 65535"),
        (SIZE + b"\x00", PacketError, "tables of kind 1 to 3 at byte 3, got 0"),
        (SIZE + b"\x04", PacketError, "tables of kind 1 to 3 at byte 3, got 4"),
    ],
)
def test_sides_that_no_encoder_writes(data: bytes, kind: type[RemoteError], says: str) -> None:
    with pytest.raises(kind, match=says):
        Side.from_bytes(data)


def test_the_largest_image_is_taken_and_one_row_more_is_not() -> None:
    rows = MAX_PIXELS // MAX_SIDE
    assert Side.from_bytes(encode_varint(rows) + encode_varint(MAX_SIDE)).height == rows
    with pytest.raises(LimitExceededError):
        Side.from_bytes(encode_varint(MAX_PIXELS // MAX_SIDE + 1) + encode_varint(MAX_SIDE))
