"""Manifests: canonical both ways, and codec folders that are checked file by file."""

import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_image_coder
from support.paths import GOLDEN
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.prior import Prior
from isthmus.common.errors import IsthmusError, LimitExceededError, ManifestError, UnsupportedVersionError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, read_manifest, write_codec_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest, Preprocessing

CODECS = sorted((GOLDEN / "codecs").glob("*.json"))
IDENTITIES = {
    "golden-context-q1": "f7caac828f10e10ddc8e1f40910cea702ed8dc4e87b5b0fbdaf6b34a27047465",
    "golden-escape": "14834833c2c14097b35ce06bf4db0de5e69616275d6f798a01133f6d070b67c8",
    "golden-hyper-q1": "f874b86c66349f8128ffd6343e94f31c1f6c5628911fa8a87dcc2f3a3a7cc894",
    "golden-image-q1": "aad71b852cb48721754fe9fa87ab469e44f90ce0506deda6d26f1d30c630c113",
    "golden-video": "0419cf32e46be614567c67e0068015db6177cec5d672c2a1291c9140948493d8",
    "golden-tiles": "7a5261966ab1a2a66107ed39169c9861b6999acd2f3459d5f7b39cb3c22db639",
    "golden-planes": "542ad5aba11984f3d5144db577f41e921441944e2d2c3b2525daa5683aa683d2",
    "golden-tree": "851eeda807a83b435fda147deff54e64fe6eaac727ac454af8267e3307f32481",
}


@pytest.mark.parametrize("path", CODECS, ids=lambda path: path.stem)
def test_golden_manifest_both_ways(path: Path) -> None:
    data = path.read_bytes()
    manifest = read_manifest(data)
    assert manifest.name == path.stem
    assert manifest.to_bytes() == data
    assert manifest.identity.hex() == IDENTITIES[path.stem]
    assert manifest.identity == hashlib.sha256(data).digest()
    assert manifest == read_manifest(data)
    assert hash(manifest) == hash(read_manifest(data))


def small(**changes: Any) -> PointCloudManifest:
    prior = Prior.independent(quantize_pmf([[1, 2], [3, 1, 1]], [0, -1], 8))
    fields: dict[str, Any] = {
        "name": "pc-lite-any-q1",
        "class_names": ("bed", "été"),
        "prior": prior,
        "weights": (("cloud.onnx", "0" * 64), ("edge.onnx", "f" * 64)),
    }
    return PointCloudManifest(**fields | changes)


def test_text_is_readable_utf8_with_sorted_keys() -> None:
    manifest = small()
    text = manifest.to_bytes().decode()
    assert "été" in text
    assert "\n" not in text
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert read_manifest(manifest.to_bytes(), PointCloudManifest) == manifest
    assert manifest.channels == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "pc-lite-any-q2"},
        {"class_names": ("été", "bed")},
        {"checksum_size_bytes": 2},
        {"preprocessing": Preprocessing(1, 2048)},
        {"preprocessing": Preprocessing(benchmark_points=1024)},
        {"tasks": ("classification", "reconstruction")},
        {"weights": (("edge.onnx", "f" * 64),)},
        {"prior": Prior.independent(quantize_pmf([[1, 2], [3, 1, 1.1]], [0, -1], 8))},
    ],
)
def test_every_field_is_part_of_the_identity(changes: dict[str, Any]) -> None:
    assert small(**changes).identity != small().identity
    assert small(**changes) != small()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Upper"},
        {"name": "a--b"},
        {"name": 3},
        {"class_names": ()},
        {"class_names": ("a" * 129,)},
        {"tasks": ("reconstruction", "classification")},
        {"weights": (("edge.onnx", "f" * 64), ("cloud.onnx", "0" * 64))},
        {"weights": (("manifest.json", "f" * 64),)},
        {"checksum_size_bytes": True},
    ],
)
def test_invalid_manifests_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="expected"):
        small(**changes)


def test_another_version_is_refused_by_its_own_error() -> None:
    with pytest.raises(UnsupportedVersionError, match="or the release of isthmus that made it"):
        small(bitstream_version=2)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        read_manifest(data, PointCloudManifest)


@given(st.data())
def test_edited_manifests_are_canonical_or_refused(data: st.DataObject) -> None:
    good = small().to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    end = data.draw(st.integers(at, min(len(good), at + 3)))
    edit = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from([b"0", b"-", b",", b"null", b"true", b"1e9"])))
    edited = good[:at] + edit + good[end:]
    try:
        assert read_manifest(edited, PointCloudManifest).to_bytes() == edited
    except IsthmusError as error:
        assert isinstance(error, ManifestError | LimitExceededError | UnsupportedVersionError)  # noqa: PT017


def test_a_large_prior_loads_fast() -> None:
    rng = np.random.default_rng(0)
    prior = Prior.independent(quantize_pmf([rng.random(30) for _ in range(1024)], np.zeros(1024, dtype=int), 12))
    data = small(prior=prior).to_bytes()
    start = time.process_time()
    assert read_manifest(data, PointCloudManifest).channels == 1024
    assert time.process_time() - start < 1.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("edge.onnx", "cloud.onnx"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    weights = tuple((name, file_sha256(tmp_path / name)) for name in ("cloud.onnx", "edge.onnx"))
    write_codec_manifest(dataclasses.replace(small(), weights=weights), tmp_path)
    return tmp_path


def test_a_folder_loads(folder: Path) -> None:
    codec = load_codec_folder(str(folder))
    assert codec.manifest.name == "pc-lite-any-q1"
    assert codec.file("edge.onnx") == folder / "edge.onnx"
    assert codec.has_file("cloud.onnx")
    assert not codec.has_file("view.onnx")
    with pytest.raises(ManifestError, match=r"has no file 'view.onnx'"):
        codec.file("view.onnx")


def test_an_edge_needs_its_own_file_only(folder: Path) -> None:
    (folder / "cloud.onnx").unlink()
    assert load_codec_folder(folder, needed=["edge.onnx"], kind=PointCloudManifest).manifest.channels == 2
    with pytest.raises(ManifestError, match=r"cloud.onnx: the manifest names this file, cannot read it.*; restore "):
        load_codec_folder(folder)
    with pytest.raises(ManifestError, match=r"has no file 'view\.onnx'"):
        load_codec_folder(folder, needed=["view.onnx"])


def test_a_damaged_file_is_found(folder: Path) -> None:
    data = bytearray((folder / "edge.onnx").read_bytes())
    data[500] ^= 1
    (folder / "edge.onnx").write_bytes(data)
    with pytest.raises(ManifestError, match=r"edge.onnx: expected SHA-256 .* or make it again with"):
        load_codec_folder(folder)


def test_a_missing_or_damaged_manifest_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="give the path of a codec folder"):
        load_codec_folder(tmp_path / "nowhere")
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b"\n")
    with pytest.raises(ManifestError, match=r"manifest.json: .*canonical JSON.*; restore"):
        load_codec_folder(folder)


# ---- images ----


def test_an_image_manifest_both_ways() -> None:
    manifest = tiny_image_coder.manifest(160, hyper=True)
    read = read_manifest(manifest.to_bytes())
    assert isinstance(read, ImageManifest)
    assert read == manifest == read_manifest(manifest.to_bytes(), ImageManifest)
    assert (read.signal, read.tasks, read.checksum_size_bytes) == ("image", ("reconstruction",), 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "image-other-q1", "family": "image-other"},
        {"name": "image-test-q2", "quality": 2},
        {"latent_channels": 5},
        {"stride": 8},
        {"hyper_channels": 1, "hyper_stride": 32},
        {"halo_pixels": 48},
        {"halo_latents": 3},
        {"bins": 8},
        {"checksum_size_bytes": 4},
    ],
)
def test_every_field_of_images_is_part_of_the_identity(changes: dict[str, Any]) -> None:
    assert tiny_image_coder.manifest(**changes).identity != tiny_image_coder.manifest().identity


@pytest.mark.parametrize(
    ("changes", "size", "y", "z"),
    [
        ({}, (1, 1), (4, 1, 1), (0, 1, 1)),
        ({}, (512, 768), (4, 32, 48), (0, 32, 48)),
        ({}, (513, 769), (4, 33, 49), (0, 33, 49)),
        ({"stride": 8}, (17, 8), (4, 3, 1), (0, 3, 1)),
        ({"hyper_channels": 2, "hyper_stride": 64}, (1, 65), (4, 4, 8), (2, 1, 2)),
        ({"hyper_channels": 2, "hyper_stride": 16}, (16, 17), (4, 1, 2), (2, 1, 2)),
    ],
)
def test_shapes_of_latents(
    changes: dict[str, Any], size: tuple[int, int], y: tuple[int, ...], z: tuple[int, ...]
) -> None:
    manifest = tiny_image_coder.manifest(**changes)
    assert manifest.latent_shape(*size) == y
    assert manifest.hyper_shape(*size) == z


@given(st.data())
def test_edited_image_manifests_are_canonical_or_refused(data: st.DataObject) -> None:
    good = tiny_image_coder.manifest().to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    end = data.draw(st.integers(at, min(len(good), at + 3)))
    edit = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from([b"0", b"-", b",", b"null", b"true", b"1e9"])))
    edited = good[:at] + edit + good[end:]
    try:
        assert read_manifest(edited).to_bytes() == edited
    except IsthmusError as error:
        assert isinstance(error, ManifestError | LimitExceededError | UnsupportedVersionError)  # noqa: PT017


def test_a_codec_of_another_signal_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    (image / "edge.onnx").write_bytes(b"edge")
    weights = (("edge.onnx", file_sha256(image / "edge.onnx")),)
    write_codec_manifest(tiny_image_coder.manifest(weights=weights), image)
    assert load_codec_folder(image).manifest == load_codec_folder(image, kind=ImageManifest).manifest
    assert load_codec_folder(folder, kind=PointCloudManifest).manifest.channels == 2
    with pytest.raises(
        ManifestError, match=r"signal 'point-cloud', got image-test-q1, which is for the signal 'image'"
    ):
        load_codec_folder(image, kind=PointCloudManifest)
    with pytest.raises(
        ManifestError, match=r"signal 'image', got pc-lite-any-q1, which is for the signal 'point-cloud'"
    ):
        load_codec_folder(folder, kind=ImageManifest)
    with pytest.raises(ManifestError, match="signal 'image'"):
        read_manifest(small().to_bytes(), ImageManifest)


def test_inspect_lists_and_shows_codecs_of_both_signals(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    for name, manifest in (("image-test-q1", tiny_image_coder.manifest(160, bins=64)), ("pc-lite-any-q1", small())):
        (zoo / name).mkdir(parents=True)
        (zoo / name / "edge.onnx").write_bytes(b"edge")
        weights = (("edge.onnx", file_sha256(zoo / name / "edge.onnx")),)
        write_codec_manifest(dataclasses.replace(manifest, weights=weights), zoo / name)
    listed = CliRunner().invoke(app, ["inspect", "--zoo", str(zoo)])
    assert listed.exit_code == 0, listed.output
    assert "image-test-q1" in listed.output
    assert "pc-lite-any-q1" in listed.output
    shown = CliRunner().invoke(app, ["inspect", "image-test-q1", "--zoo", str(zoo)])
    assert shown.exit_code == 0, shown.output
    assert "160 channels" in shown.output
    refused = CliRunner().invoke(app, ["inspect", "0011", "--codec", "image-test-q1", "--zoo", str(zoo)])
    assert refused.exit_code == 2
