"""Fields are counted on the bytes of a message, and nothing is made of them."""

from __future__ import annotations

import tracemalloc

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.common import wire
from isthmus.common.errors import LimitExceededError
from isthmus.common.field_count import SPARE_FIELDS, check_field_count
from isthmus.v1 import inference_service_pb2


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=60), st.integers(0, 2**40))
def test_packets_are_counted_as_the_parser_counts_them(packets: list[bytes], index: int) -> None:
    data = wire.frames_request(packets, index)
    fields = len(packets) + 1
    check_field_count(data, fields - SPARE_FIELDS)
    if len(data) > 2 * (fields - 1):
        with pytest.raises(LimitExceededError, match=f"at most {fields - 1} fields in {len(data)} bytes"):
            check_field_count(data, fields - 1 - SPARE_FIELDS)


def test_a_bomb_of_empty_packets_is_refused_before_anything_is_made_of_it() -> None:
    bomb = b"\x12\x00" * (4 << 20)
    tracemalloc.start()
    with pytest.raises(LimitExceededError, match="got 273 or more"):
        check_field_count(bomb, 256)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1 << 16


@pytest.mark.parametrize("field", [b"\x08\x01", b"\x0b\x0c", b"\x09" + bytes(8), b"\x0d" + bytes(4)])
def test_fields_that_nobody_knows_count_as_well(field: bytes) -> None:
    with pytest.raises(LimitExceededError):
        check_field_count(field * 100, 4)


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_are_walked_to_their_end(data: bytes) -> None:
    """Whatever comes: a message that parses has as many fields as are counted, or fewer known ones."""
    message = inference_service_pb2.StreamInferenceRequest()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return
    check_field_count(data, len(data))  # a field has two bytes
    if message.packets and len(data) > 2 * (len(message.packets) - 1):
        with pytest.raises(LimitExceededError):
            check_field_count(data, len(message.packets) - 1 - SPARE_FIELDS)


@pytest.mark.parametrize("data", [b"\x12" + b"\xff" * 40, b"\x12\xff\xff\xff\xff\x0f" + bytes(40), b"\x80" * 40])
def test_what_is_cut_is_left_to_the_parser(data: bytes) -> None:
    check_field_count(data, 8)
