"""The edge's loop: what it sends decodes to what it holds, and is what the picture asks for."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny_video_codec
from support.tiny_clips import UInt8, panning, texture, write_video
from support.tiny_zoo import open_video_coder

from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, ManifestError, ReferenceMissingError
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, write_codec_manifest
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode
from isthmus.data.video.files import open_video
from isthmus.edge.video.detail import FrameDetail
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy

PATIENT = VideoPolicy(key_interval=64)
"""The default, but that key frames come of themselves only late."""


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_video_codec.write_video_codec(tmp_path_factory.mktemp("zoo"))


def decoder_of(codec: Path) -> VideoDecoder:
    return VideoDecoder(open_video_coder(codec))


def frames_of(pictures: Sequence[UInt8]) -> list[VideoFrame]:
    return [VideoFrame(Image(pixels), index) for index, pixels in enumerate(pictures)]


def crossed(encoder: VideoEncoder, codec: Path, pictures: Sequence[UInt8]) -> list[Coded[FrameDetail]]:
    """All frames, each of which a decoder has taken to the very state of the encoder."""
    decoder, found = decoder_of(codec), []
    for number, frame in enumerate(frames_of(pictures)):
        coded = encoder.encode(frame)
        decoded = decoder.decode(coded.packet.to_bytes())
        assert np.array_equal(decoded.state.values, coded.detail.state.values)
        assert (decoded.is_key, decoded.state.serial) == (coded.detail.is_key, number % 256)
        assert (coded.detail.cause == "") == (not coded.detail.is_key) == (coded.detail.field is not None)
        assert coded.detail.residual_bits == 0 or coded.detail.network_runs
        found.append(coded)
    return found


def bits(coded: Sequence[Coded[FrameDetail]]) -> int:
    return sum(frame.packet_bits for frame in coded)


def error_steps(codec: Path, coded: Coded[FrameDetail], pixels: UInt8) -> float:
    """Mean absolute error of what the cloud holds against the frame's own latents."""
    actual = VideoEncoder(codec).latents(VideoFrame(Image(pixels), 0))
    return float(np.abs(coded.detail.state.y_hat - actual).mean())


def test_a_pan(codec: Path) -> None:
    """One key frame, then motion, at a small part of the bits, and the latents are those of the frames."""
    pictures = panning(20)
    coded = crossed(VideoEncoder(codec, PATIENT), codec, pictures)
    intra = crossed(VideoEncoder(codec, VideoPolicy(mode="intra")), codec, pictures)
    assert [frame.detail.cause for frame in coded] == ["first", *[""] * 19]
    assert {frame.detail.cause for frame in intra} == {"mode"}
    assert bits(coded) < 0.35 * bits(intra)
    assert sum(frame.detail.network_runs for frame in coded) < 20
    key = VideoEncoder(codec).encode(frames_of(pictures[:1])[0])
    for frame, pixels in zip(coded, pictures, strict=True):
        assert error_steps(codec, frame, pixels) < 0.4 * max(error_steps(codec, key, pictures[-1]), 0.1)


def test_motion_alone(codec: Path) -> None:
    pictures = panning(40)
    coded = crossed(VideoEncoder(codec, VideoPolicy(mode="motion", key_interval=15)), codec, pictures)
    assert [n for n, frame in enumerate(coded) if frame.detail.cause == "interval"] == [15, 30]
    for frame in coded:
        assert frame.detail.network_runs == frame.detail.is_key
        assert frame.detail.field is None or not frame.detail.field.modes.any()
        assert len(frame.packet.sections) == (2 if frame.detail.is_key else 1)


def test_nothing_moves(codec: Path) -> None:
    coded = crossed(VideoEncoder(codec, PATIENT), codec, [texture(64, 96)] * 10)
    assert all(frame.detail.field is not None and not frame.detail.field.message().any() for frame in coded[1:])
    assert all(frame.packet_bits < 100 and not frame.detail.damage for frame in coded[1:])
    assert all(np.array_equal(frame.detail.state.values, coded[0].detail.state.values) for frame in coded)


def test_a_scene_cut(codec: Path) -> None:
    coded = crossed(VideoEncoder(codec, PATIENT), codec, [*panning(5, seed=1), *panning(5, seed=2)])
    assert [frame.detail.cause for frame in coded] == ["first", *[""] * 4, "cut", *[""] * 4]
    for mode in ("motion", "auto"):
        encoder = VideoEncoder(codec, VideoPolicy(mode=mode))
        assert [frame.detail.is_key for frame in crossed(encoder, codec, [*panning(2, seed=1), *panning(2, seed=2)])][2]


def test_drift(codec: Path) -> None:
    """Brightness that creeps up is no motion: it adds up until a key frame mends it."""
    base = texture(64, 96) // 2
    pictures = [np.clip(base.astype(int) + 4 * n, 0, 255).astype(np.uint8) for n in range(20)]
    coded = crossed(VideoEncoder(codec, VideoPolicy(mode="motion", key_interval=64)), codec, pictures)
    drifted = [n for n, frame in enumerate(coded) if frame.detail.cause == "drift"]
    assert drifted
    assert drifted[0] > 1
    damages = [frame.detail.damage for frame in coded[: drifted[0] + 1]]
    assert damages == sorted(damages)


def with_square(pictures: Sequence[UInt8], side: int = 24) -> list[UInt8]:
    """A bright square appears in the third frame and stays where it is."""
    found = [pixels.copy() for pixels in pictures]
    for pixels in found[2:]:
        pixels[16 : 16 + side, 32 : 32 + side] = (250, 240, 20)
    return found


def test_a_residual_where_something_appears(codec: Path) -> None:
    pictures = with_square([texture(96, 144)] * 6)
    coded = crossed(VideoEncoder(codec, PATIENT), codec, pictures)
    field = coded[2].detail.field
    assert field is not None
    assert coded[2].detail.network_runs
    assert 0 < np.count_nonzero(field.modes) <= 6
    assert field.modes[1:3, 2:4].all()
    assert coded[0].packet_bits > coded[2].packet_bits > coded[3].packet_bits
    assert not any(frame.detail.network_runs for frame in coded[3:])
    assert error_steps(codec, coded[2], pictures[2]) < 0.2
    plain = crossed(VideoEncoder(codec, VideoPolicy(mode="motion", cut_damage=9, key_damage=9)), codec, pictures)
    assert error_steps(codec, plain[2], pictures[2]) > 2 * error_steps(codec, coded[2], pictures[2])


def test_every_mode_of_a_block_occurs(codec: Path) -> None:
    policy = VideoPolicy(residual_damage=0.0, latent_error=0.3, cut_damage=9, key_damage=9, key_share=9)
    pictures = with_square(panning(8, height=96, width=144))
    for pixels in pictures[4:]:
        pixels[64:, :48] = 128  # grey: its latents are 0, and sent anew they cost nothing
    coded = crossed(VideoEncoder(codec, policy), codec, pictures)
    seen = {int(mode) for frame in coded if frame.detail.field is not None for mode in frame.detail.field.modes.ravel()}
    assert seen == set(BlockMode)


def test_residuals_that_cost_as_much_as_a_key_frame(codec: Path) -> None:
    policy = VideoPolicy(residual_damage=0.0, latent_error=0.0, cut_damage=9, key_damage=9)
    coded = crossed(VideoEncoder(codec, policy), codec, [texture(64, 96, 1), texture(64, 96, 2)])
    assert coded[1].detail.cause == "rate"


def test_forced(codec: Path) -> None:
    encoder, decoder = VideoEncoder(codec, PATIENT), decoder_of(codec)
    frames = frames_of(panning(8))
    for frame in frames[:3]:
        encoder.encode(frame)
    with pytest.raises(ReferenceMissingError):
        decoder.decode(encoder.encode(frames[3]).packet.to_bytes())
    encoder.force_key()
    found = [encoder.encode(frame) for frame in frames[4:]]
    assert [coded.detail.cause for coded in found] == ["forced", "", "", ""]
    for coded in found:
        assert np.array_equal(decoder.decode(coded.packet.to_bytes()).state.values, coded.detail.state.values)


def test_a_frame_of_another_size(codec: Path) -> None:
    pictures = [*panning(3), *panning(3, height=50, width=70)]
    coded = crossed(VideoEncoder(codec, PATIENT), codec, pictures)
    assert [frame.detail.cause for frame in coded] == ["first", "", "", "size", "", ""]
    assert coded[3].detail.state.values.shape == (4, 7, 9)


@pytest.mark.parametrize("reference", ["latest", "key"])
def test_references(codec: Path, reference: str) -> None:
    encoder = VideoEncoder(codec, VideoPolicy(mode="motion", reference=reference, key_interval=64))
    coded = crossed(encoder, codec, panning(10, step=1.0))
    serials = [frame.packet.sections[0][1] for frame in coded[1:]]
    assert serials == (list(range(9)) if reference == "latest" else [0] * 9)
    assert error_steps(codec, coded[-1], panning(10, step=1.0)[-1]) < 0.8


def test_serials_go_round(codec: Path) -> None:
    coded = crossed(VideoEncoder(codec, VideoPolicy(key_interval=255)), codec, [texture(16, 16)] * 600)
    assert [n for n, frame in enumerate(coded) if frame.detail.is_key] == [0, 255, 510]


def test_a_codec_of_one_size(tmp_path: Path) -> None:
    codec = tiny_video_codec.write_video_codec(tmp_path, size=(48, 80))
    coded = crossed(VideoEncoder(codec, PATIENT), codec, panning(6, height=96, width=160, step=4.0))
    assert [frame.detail.cause for frame in coded] == ["first", *[""] * 5]
    assert all(frame.detail.state.values.shape == (4, 6, 10) for frame in coded)


def test_own_vectors(codec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a search the video's own vectors carry the pan; not where a frame was left out in between."""
    path = write_video(tmp_path / "a.mp4", panning(8, step=4.0))
    still = np.zeros((4, 6, 2), np.float32)
    monkeypatch.setattr("isthmus.edge.video.motion_search.MotionSearch._found", lambda *_: still)

    def vectors(policy: VideoPolicy, left_out: int = -1) -> list[bool]:
        encoder = VideoEncoder(codec, policy)
        with open_video(path, with_vectors=True) as video:
            coded = [encoder.encode(frame) for frame in video if frame.index != left_out]
        return [frame.detail.field is not None and bool(frame.detail.field.vectors.any()) for frame in coded]

    lax = VideoPolicy(mode="motion", cut_damage=9, key_damage=9, uses_vectors=True)
    assert sum(vectors(lax)) >= 6
    assert not any(vectors(replace(lax, uses_vectors=False)))
    assert not vectors(lax, left_out=4)[4]


def test_the_same_again(codec: Path) -> None:
    pictures = with_square(panning(12))
    first, again = (crossed(VideoEncoder(codec, PATIENT), codec, pictures) for _ in range(2))
    assert [frame.packet for frame in first] == [frame.packet for frame in again]


def test_times(codec: Path) -> None:
    encoder = VideoEncoder(codec)
    frames = frames_of([texture(64, 96)] * 2)
    start_s = time.perf_counter()
    coded = [encoder.encode(frame) for frame in frames]
    whole_s = time.perf_counter() - start_s
    assert 0 < sum(frame.timing.total_s for frame in coded) < whole_s
    assert coded[0].timing.seconds("analysis") > 0
    assert coded[1].timing.seconds("analysis") == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mode": "best"}, "mode: expected one of auto, intra, motion"),
        ({"reference": "next"}, "reference: expected one of latest, key"),
        ({"key_interval": 0}, "key_interval: expected 1 to 255"),
        ({"key_interval": 256}, "key_interval: expected 1 to 255"),
        ({"key_damage": -1.0}, "key_damage: expected 0 or more"),
        ({"latent_error": float("nan")}, "latent_error: expected 0 or more"),
        ({"deadzone": 0.4}, "deadzone: expected 0.5 to 1"),
        ({"rate_weight": -0.1}, "rate_weight: expected 0 or more"),
        ({"answer_error": float("nan")}, "answer_error: expected 0 or more"),
        ({"network_interval": 0}, "network_interval: expected 1 frame or more"),
        ({"key_finer": -1}, "key_finer: expected 0 to 95"),
    ],
)
def test_policies(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        VideoPolicy(**changes)


def test_a_network_that_does_not_fit(tmp_path: Path) -> None:
    codec = tiny_video_codec.write_video_codec(tmp_path)
    old = load_codec_folder(codec, kind=VideoManifest).manifest
    fields: dict[str, Any] = {entry.name: getattr(old, entry.name) for entry in dataclasses.fields(old) if entry.init}
    write_codec_manifest(VideoManifest(**(fields | {"stride": 4})), codec)
    with pytest.raises(ManifestError, match="the network gave"):
        VideoEncoder(codec).encode(frames_of(panning(1))[0])
    (codec / "edge.onnx").write_bytes((codec / "cloud.onnx").read_bytes())
    weights = tuple((name, file_sha256(codec / name)) for name, _ in old.weights)
    write_codec_manifest(VideoManifest(**(fields | {"weights": weights})), codec)
    with pytest.raises(ManifestError, match="expected a graph"):
        VideoEncoder(codec)
