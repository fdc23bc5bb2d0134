"""Messages to types and back, their sizes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common import protocol, wire
from isthmus.common.errors import MessageError, PacketError
from isthmus.common.limits import Limits, StreamLimits
from isthmus.v1 import inference_service_pb2 as pb

DIGEST = bytes(range(32))
LIMITS = StreamLimits(Limits(100, 200, 30), 7, 5000, 1.5)

named = st.builds(
    lambda name, epoch, began, first: protocol.NamedStream(name, epoch, began % epoch, first),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 2**60),
    st.integers(0, 2**60),
    st.integers(0, 2**60),
)
held = st.builds(
    protocol.HeldStream,
    st.binary(max_size=8),
    st.booleans(),
    st.integers(0, 2**60),
    st.integers(0, 2**31),
    st.integers(0, 2**31),
)
openings = st.builds(
    protocol.OpenStream,
    st.builds(protocol.CodecId, st.text(min_size=1, max_size=20), st.binary(min_size=32, max_size=32)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 3),
    st.integers(1, 1000),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | named,
)
labels = st.lists(
    st.builds(lambda c, p: (c << 10) | p, st.integers(0, 999), st.integers(0, 1000)), min_size=1, max_size=20
)
positive = st.integers(1, 2**31 - 1)
limits = st.builds(
    StreamLimits,
    st.builds(Limits, positive, positive, positive),
    positive,
    positive,
    positive.map(lambda n: n / 1000),
)


@given(openings)
def test_open(opening: protocol.OpenStream) -> None:
    assert wire.read_request(wire.open_request(opening)) == opening


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=10), st.integers(-1, 2**60), st.integers(-1, 2**60))
def test_frames(packets: list[bytes], index: int, taken: int) -> None:
    request = wire.frames_request(packets, index, taken)
    assert wire.read_request(request) == protocol.Frames(tuple(packets), index, taken)


@given(st.integers(0, 2**60))
def test_heartbeats(count: int) -> None:
    assert wire.read_request(wire.taken_request(count)) == protocol.Taken(count)
    assert wire.read_response(wire.heartbeat_response()) == protocol.Heartbeat()


@given(st.text(max_size=20), limits, st.integers(1, 4096), st.none() | held)
def test_opened(stream_id: str, bounds: StreamLimits, top_k: int, holds: protocol.HeldStream | None) -> None:
    opened = protocol.StreamOpened(stream_id, bounds, top_k, holds)
    assert wire.read_response(wire.opened_response(opened)) == opened


@given(st.lists(labels, min_size=1, max_size=5), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_results(outcomes: list[list[int]], decode_us: int, task_us: int) -> None:
    timing = protocol.Timing(decode_us, task_us)
    results = wire.read_response(wire.results_response(outcomes, timing), 1000)
    assert isinstance(results, protocol.Results)
    assert [outcome.packed for outcome in results.outcomes if isinstance(outcome, protocol.FrameLabels)] == [
        tuple(outcome) for outcome in outcomes
    ]
    assert results.timing == timing


def test_results_keep_errors_in_their_place() -> None:
    results = wire.read_response(wire.results_response([[5], PacketError("cut"), [6]]))
    assert isinstance(results, protocol.Results)
    assert isinstance(results.outcomes[1], PacketError)
    assert [type(o).__name__ for o in results.outcomes] == ["FrameLabels", "PacketError", "FrameLabels"]
    assert results.timing == protocol.Timing(0, 0)


@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=20))
def test_reconstructions(height: int, width: int, crc: int, png: bytes) -> None:
    found = protocol.FrameReconstruction(height, width, crc, png)
    results = wire.read_response(wire.results_response([found, PacketError("cut")]), 0)
    assert isinstance(results, protocol.Results)
    assert results.outcomes[0] == found
    assert isinstance(results.outcomes[1], PacketError)


def test_a_classification_keeps_its_bytes() -> None:
    """What was added for images is not on the wire of a stream of clouds."""
    codec_id = protocol.CodecId("x", DIGEST)
    opening = bytes.fromhex("0a2b") + b"\x0a\x25\x0a\x01x\x12\x20" + DIGEST + bytes.fromhex("10011801")
    assert wire.open_request(protocol.OpenStream(codec_id, 1)) == opening
    assert wire.results_response([[5 << 10 | 900]]) == bytes.fromhex("12040a02842f")


def test_capabilities() -> None:
    offer = protocol.CodecOffer(protocol.CodecId("pc-lite-any-q1", DIGEST), (1, 2), (1,), 40)
    capabilities = protocol.Capabilities((offer,), LIMITS)
    assert wire.read_capabilities(wire.capabilities_response(capabilities)) == capabilities


def test_goodbye() -> None:
    assert wire.read_response(wire.goodbye_response()) == protocol.Goodbye()


@given(st.integers(1, 5), st.integers(1, 6), st.data())
def test_labels_travel_to_a_thousandth(signals: int, top_k: int, data: st.DataObject) -> None:
    shape = (signals, top_k)
    classes = np.array(data.draw(st.lists(st.integers(0, 4095), min_size=signals * top_k, max_size=signals * top_k)))
    chances = np.array(data.draw(st.lists(st.floats(0, 1), min_size=signals * top_k, max_size=signals * top_k)))
    packed = protocol.pack_labels(classes.reshape(shape), chances.reshape(shape))
    found = protocol.FrameLabels(tuple(packed.ravel().tolist())).signals(top_k)
    assert [[label.class_index for label in signal] for signal in found] == classes.reshape(shape).tolist()
    assert (
        np.abs(np.array([label.probability for signal in found for label in signal]) - chances).max() <= 0.0005 + 1e-9
    )


def test_sizes_on_the_hot_path() -> None:
    """The sizes that inference_service.proto promises."""
    assert len(wire.frames_request([b"1234567"])) == 9
    assert len(wire.frames_request([b"1234567"] * 32)) == 32 * 9
    assert len(wire.frames_request([b"1234567"], 100)) == 9 + 2
    assert len(wire.results_response([[5 << 10]], None, 100)) == len(wire.results_response([[5 << 10]])) + 2
    assert len(wire.results_response([[15 << 10 | 1000]])) == 6
    assert len(wire.results_response([[2047 << 10 | 1000]])) == 7
    assert len(wire.results_response([[15 << 10 | 1000] * 32])) == 32 * 2 + 4


def request(**fields: object) -> bytes:
    return pb.StreamInferenceRequest(**fields).SerializeToString()  # type: ignore[arg-type]


def response(**fields: object) -> bytes:
    return pb.StreamInferenceResponse(**fields).SerializeToString()  # type: ignore[arg-type]


OPEN = pb.OpenStream(codec_id={"name": "x", "manifest_sha256": DIGEST})
OPENED = pb.StreamOpened(stream_id="s", top_k=1, limits=wire._limits_message(LIMITS))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xff\xff", "bytes that are none"),
        (b"\x12\x05ab", "bytes that are none"),
        (b"", "got neither"),
        (request(first_frame_index=3), "got neither"),
        (request(open=OPEN, packets=[b"a"]), "got both"),
        (request(open=pb.OpenStream()), "expected a name and 32 bytes"),
        (request(open=pb.OpenStream(codec_id={"name": "x", "manifest_sha256": b"short"})), "5 bytes"),
        (request(open=pb.OpenStream(codec_id={"manifest_sha256": DIGEST})), "expected a name"),
    ],
)
def test_malformed_requests(data: bytes, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        wire.read_request(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xff\xff", "bytes that are none"),
        (b"", "none or two"),
        (response(opened=OPENED, goodbye=True), "none or two"),
        (response(opened=OPENED, results=[{"labels": [1]}]), "got two"),
        (response(goodbye=True, results=[{"labels": [1]}]), "got two"),
        (response(results=[{}]), "got none"),
        (response(results=[{"labels": [1], "error": {"code": 3}}]), "got labels, error"),
        (
            response(results=[{"labels": [1], "reconstruction": {"height": 1, "width": 1}}]),
            "labels, reconstruction",
        ),
        (
            response(results=[{"error": {"code": 3}, "reconstruction": {"height": 1, "width": 1}}]),
            "error, reconstruction",
        ),
        (response(results=[{"reconstruction": {"width": 1}}]), "sides of 1 to 65535 pixels, got 1 x 0"),
        (response(results=[{"reconstruction": {"width": 1, "height": 65536}}]), "got 1 x 65536"),
        (response(results=[{"labels": [1001]}]), "1000 per mille"),
        (response(results=[{"labels": [40 << 10]}]), "class below 40"),
        (response(opened=pb.StreamOpened(stream_id="s", limits=OPENED.limits)), "top_k"),
        (response(opened=pb.StreamOpened(stream_id="s", top_k=1)), "at least 1 in each field"),
    ],
)
def test_malformed_responses(data: bytes, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        wire.read_response(data, 40)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (wire.read_request, wire.read_response, wire.read_capabilities):
        try:
            read(data)
        except MessageError:
            continue


def test_unknown_fields_are_passed_over() -> None:
    """A newer client may say more."""
    assert wire.read_request(wire.frames_request([b"a"]) + b"\xf8\x01\x01") == protocol.Frames((b"a",))
