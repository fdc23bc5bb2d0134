"""The edge half: what it computes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import tiny_codec

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.errors import InputError, ManifestError, SymbolRangeError
from isthmus.common.pointcloud.coder import Decoder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import PointCloud
from isthmus.data.pointcloud.normalize import choose_points, normalize
from isthmus.edge.pointcloud.encoder import PointCloudEncoder


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_codec.write_codec(tmp_path_factory.mktemp("zoo"))


def test_symbols_are_the_networks(codec: Path) -> None:
    encoder = PointCloudEncoder(codec)
    clouds = tiny_codec.clouds(20)
    expected = np.stack([tiny_codec.expected_symbols(normalize(cloud.points)) for cloud in clouds])
    assert len(np.unique(expected, axis=0)) > 3, "the clouds must differ for this test to say anything"
    assert np.array_equal(encoder.symbols(clouds).values, expected)
    for cloud, row in zip(clouds, expected, strict=True):
        encoded = encoder.encode(cloud)
        assert np.array_equal(encoded.detail.values, row[None])
        assert np.array_equal(Decoder(encoder.manifest).decode(encoded.packet.to_bytes()).values, row[None])


def test_bits_and_timing(codec: Path) -> None:
    encoded = PointCloudEncoder(codec).encode_batch(tiny_codec.clouds(5))
    assert encoded.packet.signal_count == 5
    assert encoded.packet_bits == 8 * len(encoded.packet.to_bytes())
    assert encoded.payload_bits == encoded.packet_bits - 16  # descriptor and signal count
    assert encoded.estimated_bits.shape == (5,)
    # Bytes that would be zero are not sent, so a payload may be a little shorter than its information.
    assert encoded.estimated_bits.sum() - 8 < encoded.payload_bits < encoded.estimated_bits.sum() + 16
    timing = encoded.timing
    assert [name for name, _ in timing.steps] == ["normalize", "network", "entropy_encode"]
    assert min(seconds for _, seconds in timing.steps) > 0
    assert timing.total_s == timing.seconds("normalize", "network", "entropy_encode")


def test_ragged_batches_keep_their_order(codec: Path) -> None:
    encoder = PointCloudEncoder(codec)
    clouds = [cloud for points in (8, 8, 20, 8, 64, 64) for cloud in tiny_codec.clouds(1, points, seed=points)]
    alone = np.concatenate([encoder.encode(cloud).detail.values for cloud in clouds])
    encoded = encoder.encode_batch(clouds)
    assert np.array_equal(encoded.detail.values, alone)
    assert np.array_equal(Decoder(encoder.manifest).decode(encoded.packet.to_bytes()).values, alone)


def test_a_batch_of_one_is_the_single_packet(codec: Path) -> None:
    encoder = PointCloudEncoder(codec)
    cloud = tiny_codec.clouds(1)[0]
    assert encoder.encode_batch([cloud]).packet == encoder.encode(cloud).packet


def test_large_batches_run_in_parts(codec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clouds = tiny_codec.clouds(10)
    whole = PointCloudEncoder(codec).symbols(clouds)
    monkeypatch.setattr("isthmus.edge.pointcloud.encoder.MAX_RUN_POINT_COUNT", 70)
    assert PointCloudEncoder(codec).symbols(clouds) == whole


def test_more_points_than_the_codec_takes_are_thinned(codec: Path) -> None:
    encoder = PointCloudEncoder(codec)
    cloud = tiny_codec.clouds(1, points=500)[0]
    thinned = PointCloud(choose_points(cloud.points, 64, 0))
    assert encoder.encode(cloud).packet == encoder.encode(thinned).packet


def test_fewer_points_than_the_codec_takes(codec: Path) -> None:
    encoder = PointCloudEncoder(codec)
    small = tiny_codec.clouds(1, points=3)[0]
    for call in (encoder.encode, encoder.check, lambda c: encoder.encode_batch([c]), lambda c: encoder.symbols([c])):
        with pytest.raises(InputError, match="at least 4 points, the least that codec tiny-q1 takes, got 3"):
            call(small)
    encoder.check(tiny_codec.clouds(1, points=500)[0])


def test_no_clouds(codec: Path) -> None:
    with pytest.raises(InputError, match="at least one cloud"):
        PointCloudEncoder(codec).encode_batch([])
    with pytest.raises(InputError, match="at least one cloud"):
        PointCloudEncoder(codec).symbols([])


@pytest.mark.parametrize("size", [0, 2, 4])
def test_checksums(codec: Path, size: int) -> None:
    encoded = PointCloudEncoder(codec, checksum_size_bytes=size).encode(tiny_codec.clouds(1)[0])
    assert encoded.packet.checksum == encoded.detail.checksum(size)


def test_the_manifest_decides_the_checksum(tmp_path: Path) -> None:
    codec = tiny_codec.write_codec(tmp_path, checksum_size_bytes=2)
    assert len(PointCloudEncoder(codec).encode(tiny_codec.clouds(1)[0]).packet.checksum) == 2
    with pytest.raises(InputError, match="expected 0, 2 or 4, got 3"):
        PointCloudEncoder(codec, checksum_size_bytes=3)


def test_a_symbol_the_prior_cannot_code(tmp_path: Path) -> None:
    narrow = CdfTables.from_frequencies([[128, 128]] * 3, np.zeros(3, np.int32), 8)
    encoder = PointCloudEncoder(tiny_codec.write_codec(tmp_path, tables=narrow))
    with pytest.raises(SymbolRangeError):
        encoder.encode(tiny_codec.clouds(1)[0])


def test_damaged_folders(tmp_path: Path) -> None:
    codec = tiny_codec.write_codec(tmp_path)
    (codec / "edge.onnx").write_bytes(b"no graph")
    with pytest.raises(ManifestError, match="SHA-256"):
        PointCloudEncoder(codec)
    with pytest.raises(ManifestError, match="manifest"):
        PointCloudEncoder(tmp_path / "nothing")


def test_a_graph_that_does_not_fit(tmp_path: Path) -> None:
    """Hashes that fit, but the graphs are exchanged, or none at all."""
    codec = tiny_codec.write_codec(tmp_path)
    for content, says in (
        ((codec / "cloud.onnx").read_bytes(), "expected a graph"),
        (b"none", "expected an ONNX graph"),
    ):
        (codec / "edge.onnx").write_bytes(content)
        tiny_codec.rewrite_manifest(codec)
        with pytest.raises(ManifestError, match=says):
            PointCloudEncoder(codec)


def test_only_the_edges_file_is_needed(codec: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "edge.onnx"):
        (tmp_path / name).write_bytes((codec / name).read_bytes())
    encoder = PointCloudEncoder(tmp_path)
    assert isinstance(encoder.manifest, PointCloudManifest)
    encoder.encode(tiny_codec.clouds(1)[0])
