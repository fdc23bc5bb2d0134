"""A codec whose frames choose their step, made of a network by images alone, and crossed."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import tiny_networks
from support.benches import bench
from support.soft_pictures import soft_pictures

from isthmus.cloud.video.codec import VideoCodec
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.split import stepped_writer
from isthmus.split.codec_folder import SPLIT_FILE, SplitOptions
from isthmus.split.cuts import find_cuts
from isthmus.split.network import load_network
from isthmus.split.pictures import Pictures

pytest.importorskip("cv2", reason="motion needs OpenCV, of the extra `video`")
CLASSES = ("a", "b", "c", "d", "e")


def pictures(count: int = 6) -> Pictures:
    return Pictures("made", "0" * 64, tuple(soft_pictures(count)))


def write(folder: Path, kind: str, place: int) -> Path:
    path = tiny_networks.write_branches(folder, kind)
    graph = onnx.load(path)
    for constant in graph.graph.initializer:
        if list(constant.dims) == [tiny_networks.CLASSES, 12]:  # answers that what it sees makes sure of
            constant.CopyFrom(numpy_helper.from_array(40 * numpy_helper.to_array(constant), constant.name))
    onnx.save(graph, path)
    network = load_network(path)
    sized = network if network.is_sized else network.sized(64, 96)
    options = SplitOptions(find_cuts(sized)[place].tensor, class_names=CLASSES, command="isthmus split")
    stepped_writer.write_stepped_codec(network, pictures(), options, folder / "video-steps", EDGE_ENCODER)
    return folder / "video-steps"


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("steps"), "any", 2)


def test_the_folder_is_a_codec_with_tiles(codec: Path) -> None:
    manifest = load_codec_folder(codec, kind=VideoManifest).manifest
    assert (manifest.stride, manifest.tile_latents) == (4, 16)
    assert 1 <= manifest.latent_channels <= 8
    history = json.loads((codec / SPLIT_FILE).read_text())
    assert history["quantiser"]["components"] == manifest.latent_channels
    assert 0 < history["quantiser"]["nats"] < 1.2 * stepped_writer.TARGET_NATS
    assert history["manifest_sha256"] == manifest.identity.hex()


def test_a_clip_crosses_it(codec: Path) -> None:
    encoder, cloud = VideoEncoder(codec), VideoCodec(codec, bench("video"))
    decoder = cloud.decoder()
    clip = moving_clip(soft_pictures(1)[0], ClipMotion(pan=(0.02, 0.01)), 8, 0)
    bits = []
    for index, shown in enumerate(clip):
        coded = encoder.encode(VideoFrame(Image(shown), index))
        answer, _ = cloud.infer(decoder, coded.packet.to_bytes(), 1)
        assert not isinstance(answer, Exception), answer
        serial = coded.detail.state.serial
        np.testing.assert_array_equal(decoder.references.find(serial).values, coded.detail.state.values)
        bits.append(coded.packet_bits)
    assert np.mean(bits[1:]) < 0.6 * bits[0]


def test_the_whole_network_answers_alike_at_fine_steps(codec: Path) -> None:
    """Without rounding the halves are the network: at the finest step the answers are all but its own."""
    cloud = VideoCodec(codec, bench("video"))
    nats = []
    for step in (8, DEFAULT_STEP, 56):
        encoder, total = VideoEncoder(codec, VideoPolicy(mode="intra", step=step)), 0.0
        for index, shown in enumerate(soft_pictures(4)):
            state = encoder.encode(VideoFrame(Image(shown), index)).detail.state
            fine = encoder.fine_latents(VideoFrame(Image(shown), index))
            from isthmus.common.video.state import LatentState

            whole, got = (cloud.logits(s)[0].astype(np.float64) for s in (LatentState(fine, 0), state))
            p, q = (np.exp(v - v.max()) / np.exp(v - v.max()).sum() for v in (whole, got))
            total += float((p * np.log(p / q)).sum())
        nats.append(total)
    assert nats[0] < 0.05 * nats[1] < nats[2]


@pytest.mark.parametrize("mode", ["intra", "auto"])
def test_frames_keep_to_their_bytes(codec: Path, mode: str) -> None:
    clip = moving_clip(soft_pictures(2)[1], ClipMotion(pan=(0.05, 0.0), zoom=1.1), 6, 0)
    free = VideoEncoder(codec, VideoPolicy(mode=mode))
    most = free.encode(VideoFrame(Image(clip[0]), 0)).packet.size_bytes
    bound = int(0.6 * most)
    tight = VideoEncoder(codec, VideoPolicy(mode=mode, max_bytes=bound))
    for index, shown in enumerate(clip):
        assert tight.encode(VideoFrame(Image(shown), index)).packet.size_bytes <= bound


def test_without_gradients_noise_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepped_writer, "knows", lambda _model: False)
    folder = write(tmp_path, "fixed", 3)
    history = json.loads((folder / SPLIT_FILE).read_text())
    assert history["quantiser"]["metric"] == "forward passes"
    manifest = load_codec_folder(folder, kind=VideoManifest).manifest
    assert (manifest.latent_height, manifest.latent_width) == (8, 12)
