"""Packets: golden files both ways, limits, and any bytes at all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.golden_images import golden_image_coder
from support.golden_videos import golden_video_coder
from support.paths import GOLDEN
from support.tiny_image_coder import again

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import InputError, IsthmusError, LimitExceededError, PacketError, SymbolMismatchError
from isthmus.common.limits import Limits
from isthmus.common.manifest.folder import read_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.video.decoder import VideoDecoder

PACKETS = sorted((GOLDEN / "packets").glob("*.json"))


def golden_prior(codec: str) -> Any:
    return read_manifest((GOLDEN / "codecs" / f"{codec}.json").read_bytes(), PointCloudManifest).prior


@pytest.mark.parametrize("path", PACKETS, ids=lambda path: path.stem)
def test_golden_packet_both_ways(path: Path) -> None:
    expected = json.loads(path.read_text())
    data = bytes.fromhex(expected["packet"])
    packet = Packet.from_bytes(data)
    assert packet == Packet(
        PacketType(expected["type"]),
        tuple(bytes.fromhex(section) for section in expected["sections"]),
        bytes.fromhex(expected["checksum"]),
        expected["signal_count"],
    )
    assert packet.to_bytes() == data
    assert packet.size_bytes == len(data)
    if "image" in expected:
        image, coder = expected["image"], golden_image_coder(expected["codec"])
        symbols = coder.decode(data)
        assert (symbols.height, symbols.width, symbols.adaptation) == tuple(
            image[name] for name in ("height", "width", "adaptation")
        )
        for name in ("q", "z", "y"):
            part = getattr(symbols, name)
            assert (None if part is None else part.ravel().tolist()) == image[name]
        assert again(coder, symbols, len(packet.checksum)) == data
    elif "video" in expected:
        check_video(expected, packet)
    elif "codec" in expected:
        prior, values = golden_prior(expected["codec"]), Symbols(np.array(expected["symbols"]))
        for decode in (prior.decode, prior.decode_reference):
            assert decode(packet.sections[0], packet.signal_count) == values
        for encode in (prior.encode, prior.encode_reference):
            assert Packet.intra(encode(values), values, len(packet.checksum)).to_bytes() == data
        packet.verify(values)


def check_video(expected: dict[str, Any], packet: Packet) -> None:
    """Decodes a frame, after the key frame that it refers to, and encodes it again."""
    video, coder = expected["video"], golden_video_coder(expected["codec"])
    decoder = VideoDecoder(coder)
    checksum_size_bytes = len(packet.checksum)
    if "y" in video:
        frame = decoder.decode(packet.to_bytes())
        y = np.array(video["y"], np.int32).reshape(-1, video["height"], video["width"])
        assert (frame.is_key, frame.field, frame.residual) == (True, None, None)
        assert frame.step == video.get("step", 0)
        again = coder.encode_intra(y, video["serial"], frame.step, checksum_size_bytes=checksum_size_bytes)
    else:
        reference = decoder.decode(bytes.fromhex(video["reference"])).state
        frame = decoder.decode(packet.to_bytes())
        assert frame.field is not None
        assert frame.field.is_smooth == video["smooth"]
        assert frame.field.modes.ravel().tolist() == video["modes"]
        assert frame.field.vectors.ravel().tolist() == video["vectors"]
        assert frame.step == video.get("step", 0)
        residual = frame.residual if frame.residual is not None else np.empty(0, np.int32)
        assert residual.ravel().tolist() == video["residual"]
        again = coder.encode_predicted(
            reference,
            frame.field,
            residual if residual.size else (),
            video["serial"],
            frame.step,
            checksum_size_bytes=checksum_size_bytes,
        )
    assert frame.state.serial == video["serial"]
    assert frame.state.values.ravel().tolist() == again.state.values.ravel().tolist() == video["state"]
    assert again.packet == packet


def test_there_are_golden_packets() -> None:
    assert len(PACKETS) >= 27


packets = st.builds(
    Packet,
    st.sampled_from(PacketType),
    st.lists(st.one_of(st.binary(max_size=9), st.just(bytes(200))), min_size=1, max_size=4).map(tuple),
    st.sampled_from([b"", b"\x00\x01", b"abcd"]),
    st.one_of(st.just(1), st.integers(1, 4096)),
)


@given(packets)
def test_round_trip(packet: Packet) -> None:
    assert Packet.from_bytes(packet.to_bytes()) == packet


@given(st.binary(max_size=24))
def test_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    try:
        packet = Packet.from_bytes(data)
    except (PacketError, LimitExceededError):
        return
    assert packet.to_bytes() == data


@given(packets, st.data())
def test_damaged_packets_are_canonical_or_refused(packet: Packet, data: st.DataObject) -> None:
    good = packet.to_bytes()
    cut = good[: data.draw(st.integers(0, len(good)))]
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = good[:at] + bytes((good[at] ^ data.draw(st.integers(1, 255)),)) + good[at + 1 :]
    for damaged in (cut, flipped):
        try:
            assert Packet.from_bytes(damaged).to_bytes() == damaged
        except IsthmusError as error:
            assert isinstance(error, PacketError | LimitExceededError)  # noqa: PT017


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_buffers_are_read(kind: Any) -> None:
    packet = Packet.from_bytes(kind(bytes.fromhex("14 02 01 02 5a be ef")))
    assert packet == Packet(PacketType.INTRA, (b"\x01\x02", b"\x5a"), b"\xbe\xef")
    assert all(type(section) is bytes for section in packet.sections)


def test_one_signal_costs_one_byte() -> None:
    symbols = Symbols(np.array([[1, 2]]))
    assert Packet.intra(b"\x07\x08", symbols).to_bytes() == b"\x00\x07\x08"
    assert Packet.intra(b"\x07\x08", symbols, 2).to_bytes() == b"\x10\x07\x08" + symbols.checksum(2)
    assert Packet.intra(b"\x07", Symbols(np.array([[1], [2]]))).to_bytes() == b"\x01\x02\x07"


@pytest.mark.parametrize(
    "fields",
    [
        {"sections": ()},
        {"sections": (b"",) * 5},
        {"checksum": b"a"},
        {"checksum": b"abc"},
        {"signal_count": 0},
        {"signal_count": 2**32},
    ],
)
def test_invalid_packets_are_this_sides_mistake(fields: dict[str, Any]) -> None:
    good: dict[str, Any] = {"type": PacketType.INTRA, "sections": (b"",)}
    with pytest.raises(InputError, match="expected"):
        Packet(**good | fields)


def test_a_wrong_checksum_is_a_mismatch_of_peers() -> None:
    symbols = Symbols(np.array([[1, 2]]))
    packet = Packet.intra(b"", symbols, 4)
    packet.verify(symbols)
    with pytest.raises(SymbolMismatchError, match="check that edge and cloud run the same codec"):
        packet.verify(Symbols(np.array([[1, 3]])))
    Packet.intra(b"", symbols, 0).verify(Symbols(np.array([[1, 3]])))


def test_limits() -> None:
    limits = Limits(max_packet_size_bytes=3, max_symbol_count=10, max_signal_count=2)
    assert Packet.from_bytes(b"\x01\x02\x00", limits).signal_count == 2
    with pytest.raises(LimitExceededError, match="at most 3 bytes, got 4"):
        Packet.from_bytes(bytes(4), limits)
    with pytest.raises(LimitExceededError, match="at most 2, got 3"):
        Packet.from_bytes(b"\x01\x03\x00", limits)
    limits.check_symbol_count(10)
    with pytest.raises(LimitExceededError, match="at most 10 symbols, it would decode to 11"):
        limits.check_symbol_count(11)
    with pytest.raises(InputError, match="max_symbol_count from 1"):
        Limits(max_symbol_count=0)
