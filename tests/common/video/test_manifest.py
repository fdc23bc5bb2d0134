"""Manifests of video codecs: their rules, both ways, and folders of them."""

from pathlib import Path
from typing import Any

import pytest
from support import tiny_image_coder, tiny_video_coder

from isthmus.common.errors import ManifestError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, read_manifest, write_codec_manifest
from isthmus.common.video.manifest import VideoManifest

FIXED = {"frame_height": 224, "frame_width": 320, "latent_height": 27, "latent_width": 39}


@pytest.mark.parametrize("changes", [{}, FIXED, {"symbol_min": 0, "symbol_max": 255}, {"block_latents": 1}])
def test_bytes_both_ways(changes: dict[str, Any]) -> None:
    manifest = tiny_video_coder.manifest(**changes)
    again = read_manifest(manifest.to_bytes())
    assert type(again) is VideoManifest
    assert again == manifest == read_manifest(manifest.to_bytes(), VideoManifest)
    assert again.to_bytes() == manifest.to_bytes()
    assert again.class_names == ("cat", "dog")
    assert again.checksum_size_bytes == 2


def test_the_shape_of_latents() -> None:
    assert tiny_video_coder.manifest().latent_shape(240, 417) == (3, 30, 53)
    assert tiny_video_coder.manifest(**FIXED).latent_shape(240, 417) == (3, 27, 39)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ("classification",)}, "tasks: expected one of motion-compensated-inference"),
        ({"class_names": ()}, "class_names: expected 1 to 4096"),
        ({"class_names": ("cat", "cat")}, "class_names: expected .* all different"),
        ({"class_names": ("a\n",)}, "class_names: expected .* printable"),
        ({"stride": 0}, "stride: expected 1 to 64"),
        ({"stride": 65}, "stride: expected 1 to 64"),
        ({"latent_channels": 0}, "latent_channels: expected 1 to 4096"),
        ({"latent_channels": 4097}, "latent_channels: expected 1 to 4096"),
        ({"frame_height": 224}, "frame_height: expected sides of frames and latents, or 0 in all four"),
        (FIXED | {"latent_width": 0}, "or 0 in all four"),
        (FIXED | {"frame_width": 65_536}, "frame_width: expected 0 to 65535"),
        ({"block_latents": 3}, "block_latents: expected a power of two"),
        ({"block_latents": 32}, "block_latents: expected 1 to 16"),
        ({"motion_fraction_bits": 5}, "motion_fraction_bits: expected 0 to 4"),
        ({"symbol_min": 1}, "symbol_min: expected -128 to 0"),
        ({"symbol_min": -129}, "symbol_min: expected -128 to 0"),
        ({"symbol_max": -1}, "symbol_max: expected 0 to 255"),
        ({"symbol_max": 256}, "symbol_max: expected 0 to 255"),
        ({"symbol_min": -1, "symbol_max": 255}, "symbol_max: expected at most 256 values"),
        ({"stride": True}, "stride: expected 1 to 64, got True"),
    ],
)
def test_manifests_that_must_not_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        tiny_video_coder.manifest(**changes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"stride":8,', b"", "expected the fields"),
        (b'"stride":8,', b'"quality":1,"stride":8,', "expected the fields"),
        (b'"stride":8', b'"stride":8.0', "stride: expected int"),
        (b'["cat","dog"]', b'["cat",1]', "class_names: expected a list of strings"),
        (b'"signal":"video"', b'"signal":"image"', "expected the fields"),
    ],
)
def test_bytes_that_are_no_manifest(old: bytes, new: bytes, message: str) -> None:
    data = tiny_video_coder.manifest().to_bytes()
    assert data.count(old) == 1
    with pytest.raises(ManifestError, match=message):
        read_manifest(data.replace(old, new))


def test_codec_folders_of_videos(tmp_path: Path) -> None:
    (tmp_path / "edge.onnx").write_bytes(b"edge")
    weights = (("edge.onnx", file_sha256(tmp_path / "edge.onnx")),)
    write_codec_manifest(tiny_video_coder.manifest(weights=weights), tmp_path)
    assert load_codec_folder(tmp_path, kind=VideoManifest).manifest.stride == 8
    assert isinstance(load_codec_folder(tmp_path).manifest, VideoManifest)
    with pytest.raises(ManifestError, match=r"signal 'image', got video-test, which is for the signal 'video'"):
        load_codec_folder(tmp_path, kind=ImageManifest)
    with pytest.raises(ManifestError, match=r"signal 'video', got image-test-q1"):
        read_manifest(tiny_image_coder.manifest().to_bytes(), VideoManifest)
