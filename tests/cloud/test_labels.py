"""Packet bytes to symbols, and symbols to labels, in the cloud."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_codec
from support.benches import bench, benches

from isthmus.cloud.half import done
from isthmus.cloud.labels import probabilities
from isthmus.cloud.memory import Memory
from isthmus.cloud.pointcloud.classifier import Classifier
from isthmus.cloud.pointcloud.codec import PointCloudCodec
from isthmus.cloud.served import Zoo
from isthmus.common import protocol
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import (
    CodecError,
    InputError,
    LimitExceededError,
    ManifestError,
    ManifestMismatchError,
    PacketError,
    RemoteError,
    SymbolMismatchError,
    UnknownCodecError,
)
from isthmus.common.limits import Limits
from isthmus.common.pointcloud.coder import Decoder
from isthmus.edge.pointcloud.encoder import PointCloudEncoder


@pytest.fixture(scope="module")
def decoder(zoo: Path) -> Decoder:
    return Decoder(PointCloudEncoder(zoo / "tiny-q1").manifest, Limits(64, 192, 32))


@pytest.fixture(scope="module")
def encoder(zoo: Path) -> PointCloudEncoder:
    return PointCloudEncoder(zoo / "tiny-q1", checksum_size_bytes=2)


def test_refuses_by_size_count_and_kind(decoder: Decoder) -> None:
    with pytest.raises(LimitExceededError, match="at most 64 bytes, got 65"):
        decoder.decode(bytes(65))
    with pytest.raises(LimitExceededError, match="at most 32, got 33"):
        decoder.decode(b"\x01\x21")
    with pytest.raises(PacketError, match=r"intra packet of one section.*predicted"):
        decoder.decode(Packet(PacketType.PREDICTED, (b"a",)).to_bytes())
    with pytest.raises(PacketError, match="2 sections"):
        decoder.decode(Packet(PacketType.INTRA, (b"a", b"b")).to_bytes())
    with pytest.raises(PacketError, match="no bytes"):
        decoder.decode(b"")


def test_counts_symbols_before_it_decodes(zoo: Path) -> None:
    decoder = Decoder(PointCloudEncoder(zoo / "tiny-q1").manifest, Limits(64, 10, 32))
    with pytest.raises(LimitExceededError, match="at most 10 symbols, it would decode to 12"):
        decoder.decode(b"\x01\x04abc")
    with pytest.raises(InputError, match="at most 2 symbols a signal"):
        Decoder(PointCloudEncoder(zoo / "tiny-q1").manifest, Limits(64, 2, 32))


def test_checksum(decoder: Decoder, encoder: PointCloudEncoder) -> None:
    data = bytearray(encoder.encode(tiny_codec.clouds(1)[0]).packet.to_bytes())
    decoder.decode(bytes(data))
    data[-1] ^= 1
    with pytest.raises(SymbolMismatchError):
        decoder.decode(bytes(data))


@given(st.binary(max_size=66))
def test_any_bytes_are_decoded_or_refused(decoder: Decoder, data: bytes) -> None:
    try:
        symbols = decoder.decode(data)
    except RemoteError:
        return
    assert symbols.values.shape[1] == tiny_codec.CHANNELS


def test_classifier_is_the_graph(zoo: Path) -> None:
    classifier = Classifier(zoo / "tiny-q1")
    symbols = np.random.default_rng(0).integers(0, 5, (300, 3)).astype(np.int32)  # more than one run
    logits = symbols.astype(np.float32) @ tiny_codec.WEIGHTS
    assert np.array_equal(classifier.logits(symbols), logits)
    chances = np.exp(logits.astype(np.float64))
    chances /= chances.sum(1, keepdims=True)
    assert np.abs(probabilities(logits) - chances).max() < 1e-6
    for top_k in (1, 3, 5):
        packed = classifier.top_labels(symbols, top_k)
        order = np.argsort(-logits, axis=1, kind="stable")[:, :top_k]
        assert np.array_equal(packed >> 10, order)
        assert np.abs((packed & 1023) / 1000 - np.take_along_axis(chances, order, 1)).max() <= 0.000501


def test_softmax_of_huge_logits() -> None:
    assert probabilities(np.array([[1e38, -1e38, 0]], np.float32)).tolist() == [[1.0, 0.0, 0.0]]


def test_infer_keeps_errors_in_their_place(zoo: Path, encoder: PointCloudEncoder) -> None:
    codec = PointCloudCodec(zoo / "tiny-q1", bench("point-cloud"))
    clouds = tiny_codec.clouds(6)
    packets = [encoder.encode(clouds[0]), encoder.encode_batch(clouds[1:5]), encoder.encode(clouds[5])]
    data = [p.packet.to_bytes() for p in packets]
    outcomes, timing = done(codec.infer([data[0], b"\xff", data[1], b"", data[2]], 2))
    assert isinstance(outcomes[1], PacketError)
    assert isinstance(outcomes[3], PacketError)
    classifier = Classifier(zoo / "tiny-q1")
    for outcome, packet in zip([outcomes[0], outcomes[2], outcomes[4]], packets, strict=True):
        assert outcome == classifier.top_labels(packet.detail.values, 2).ravel().tolist()
    assert timing.task_us >= 0
    errors_only, _ = done(codec.infer([b""], 1))
    assert isinstance(errors_only[0], PacketError)


def test_zoo_leaves_damaged_codecs_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tiny_codec.write_codec(tmp_path, "tiny-q1")
    (tiny_codec.write_codec(tmp_path, "tiny-q2") / "manifest.json").write_text("{}")
    with caplog.at_level(logging.WARNING):
        zoo = Zoo(tmp_path, benches(), Memory(1 << 30))
    assert zoo.names == ("tiny-q1",)
    assert "tiny-q2" in caplog.text
    with pytest.raises(InputError, match="at least one codec"):
        Zoo(tmp_path / "tiny-q1", benches(), Memory(1 << 30))


def test_zoo_loads_once_and_only_what_is_asked(tmp_path: Path) -> None:
    first, second = (tiny_codec.write_codec(tmp_path, f"tiny-q{n}") for n in (1, 2))
    identity = PointCloudEncoder(first).manifest.identity
    zoo = Zoo(tmp_path, benches(), Memory(1 << 30))
    (second / "cloud.onnx").unlink()

    async def check() -> None:
        codec_id = protocol.CodecId("tiny-q1", identity)
        one, other = await asyncio.gather(zoo.load(codec_id), zoo.load(codec_id))
        assert one is other
        with pytest.raises(
            UnknownCodecError,
            match=r"one of the 2, such as tiny-q[12], tiny-q[12], got tiny-q9; serve it with: isthmus cloud",
        ):
            await zoo.load(protocol.CodecId("tiny-q9", identity))
        with pytest.raises(ManifestMismatchError, match=f"expected .*, got {identity.hex()}"):
            await zoo.load(protocol.CodecId("tiny-q2", identity))
        with pytest.raises(ManifestError):
            await zoo.load(zoo.offers()[1].codec_id)

    asyncio.run(check())


def test_zoo_notices_a_codec_that_changed_under_it(tmp_path: Path) -> None:
    folder = tiny_codec.write_codec(tmp_path)
    zoo = Zoo(tmp_path, benches(), Memory(1 << 30))
    (folder / "edge.onnx").write_bytes(b"other")
    tiny_codec.rewrite_manifest(folder)
    with pytest.raises(CodecError, match="changed since the start"):
        asyncio.run(zoo.load(zoo.offers()[0].codec_id))


def test_symbols_of_a_batch_come_back(decoder: Decoder, encoder: PointCloudEncoder) -> None:
    encoded = encoder.encode_batch(tiny_codec.clouds(7))
    assert decoder.decode(encoded.packet.to_bytes()) == Symbols(encoded.detail.values)
