"""Variable-length integers: one encoding each, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.varint import MAX_VARINT, decode_varint, encode_varint
from isthmus.common.errors import InputError, PacketError


@pytest.mark.parametrize(
    ("value", "data"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (16_384, "808001"), (MAX_VARINT, "ffffffff0f")],
)
def test_known_values(value: int, data: str) -> None:
    assert encode_varint(value).hex() == data
    assert decode_varint(bytes.fromhex(data), 0) == (value, len(data) // 2)


@given(st.integers(0, MAX_VARINT), st.binary(max_size=3), st.binary(max_size=3))
def test_round_trip_inside_other_bytes(value: int, before: bytes, after: bytes) -> None:
    data = encode_varint(value)
    assert decode_varint(before + data + after, len(before)) == (value, len(before) + len(data))


@given(st.binary(max_size=8))
def test_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    try:
        value, end = decode_varint(data, 0)
    except PacketError:
        return
    assert encode_varint(value) == data[:end]


@pytest.mark.parametrize("value", [-1, MAX_VARINT + 1])
def test_values_outside_are_this_sides_mistake(value: int) -> None:
    with pytest.raises(InputError, match="from 0 to 4294967295"):
        encode_varint(value)


def test_the_message_names_field_and_byte() -> None:
    with pytest.raises(PacketError, match=r"size of section 2 at byte 1 is cut: expected byte 2, there are 2 bytes"):
        decode_varint(b"\x00\x80", 1, "size of section 2")
