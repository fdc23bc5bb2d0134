"""Seals of messages: what damage they see, and that whoever does not know them reads over them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common import protocol, wire
from isthmus.common.errors import MessageError
from isthmus.common.sealing import SEAL_BYTES, sealed, unsealed
from isthmus.v1 import inference_service_pb2 as pb


@given(st.binary(max_size=60))
def test_there_and_back(data: bytes) -> None:
    assert unsealed(sealed(data)) == data
    assert len(sealed(data)) == len(data) + SEAL_BYTES


@given(st.binary(max_size=30), st.data())
def test_any_damage_of_one_byte_is_seen(data: bytes, draw: st.DataObject) -> None:
    message = bytearray(sealed(data))
    message[draw.draw(st.integers(0, len(message) - 1))] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(MessageError, match="crc32"):
        unsealed(bytes(message))


@given(st.binary(max_size=30), st.integers(1, 30))
def test_a_cut_is_seen(data: bytes, cut: int) -> None:
    with pytest.raises(MessageError, match="crc32"):
        unsealed(sealed(data)[:-cut])


def test_the_seal_is_a_field_of_the_message() -> None:
    data = wire.frames_request([b"abc"], 3)
    assert wire.read_request(sealed(data)) == protocol.Frames((b"abc",), 3)
    assert pb.StreamInferenceRequest.FromString(sealed(data)).HasField("crc32")
    assert pb.StreamInferenceResponse.FromString(sealed(wire.heartbeat_response())).HasField("crc32")
