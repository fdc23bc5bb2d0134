"""Codecs cut at several tensors, of networks with any answers: made by images alone, and crossed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.benches import bench
from support.constant_detector import detector
from support.soft_pictures import soft_pictures

pytest.importorskip("cv2", reason="motion needs OpenCV, of the extra `video`")
pytest.importorskip("torch")

from isthmus.cloud.video.codec import VideoCodec
from isthmus.common import protocol
from isthmus.common.answers.boxes import Boxes, read_boxes
from isthmus.common.answers.mask import read_mask
from isthmus.common.answers.tensors import read_tensors
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.task import Asked
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.planes import planes_laid, planes_taken
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.cuts.networks import Atrous, Branching, Pyramid, exported
from isthmus.measure.cuts.rewriting import with_nms
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.models.shapes.networks import UNet
from isthmus.split.box_forms import BoxRules
from isthmus.split.codec_folder import SPLIT_FILE, SplitOptions
from isthmus.split.endings import ending_of
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.split.plane_halves import cut_planes, open_ends
from isthmus.split.plane_metric import plane_metrics
from isthmus.split.plane_writer import TARGET_SHARE, write_plane_codec
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import all_cuts
from isthmus.split.soft_answers import Distance, answering_softly, soft_outputs

SIZE = (64, 96)
PIXELS = Preprocessing(top=1)


def pictures(count: int = 6) -> Pictures:
    return Pictures("made", "0" * 64, tuple(soft_pictures(count)))


def asked(manifest: VideoManifest) -> Asked:
    return Asked(protocol.OpenStream(protocol.CodecId("x", bytes(32)), 1), 1, 1, manifest.class_names)


def write(folder: Path, network: Network, tensors: int) -> Path:
    cut = next(cut for cut in all_cuts(network) if len(cut.tensors) == tensors)
    write_plane_codec(network, pictures(), SplitOptions(cut.tensor, preprocessing=PIXELS), folder, EDGE_ENCODER)
    return folder


@pytest.fixture(scope="module")
def unet() -> Network:
    return read_network(exported(UNet(resizes=True), (66, 100), ("mask",)), "unet", task="segment")


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory, unet: Network) -> Path:
    return write(tmp_path_factory.mktemp("planes") / "video-unet", unet, 3)


def test_each_tensor_has_its_own_stride_and_components(codec: Path) -> None:
    manifest = load_codec_folder(codec, kind=VideoManifest).manifest
    assert (manifest.stride, manifest.task.word, len(manifest.class_names)) == (4, "segmentation", 4)
    assert [(halvings, *sides) for _, halvings, *sides in manifest.plane_shapes] == [
        (2, 66, 100),
        (1, 33, 50),
        (0, 17, 25),
    ]
    history = json.loads((codec / SPLIT_FILE).read_text())
    assert history["quantiser"]["components"] == [channels for channels, *_ in manifest.plane_shapes]
    assert history["quantiser"]["metric"] == "gradients"
    assert 0.5 * TARGET_SHARE < history["quantiser"]["moved"] < 1.5 * TARGET_SHARE
    assert len(history["cut"]["tensor"].split(",")) == 3


def test_a_clip_crosses_it_with_motion_and_residuals(codec: Path) -> None:
    encoder, cloud = VideoEncoder(codec, VideoPolicy(residual_damage=0.05)), VideoCodec(codec, bench("video"))
    decoder, planes = cloud.decoder(), encoder.manifest.planes
    clip = moving_clip(soft_pictures(1)[0], ClipMotion(pan=(0.02, 0.01)), 8, 0)
    kinds, bits = set(), []
    for index, shown in enumerate(clip):
        coded = encoder.encode(VideoFrame(Image(shown), index))
        answer, _ = cloud.infer(decoder, coded.packet.to_bytes(), 1)
        mask = read_mask(answer, asked(encoder.manifest))
        assert mask.classes.shape == (66, 100)
        held = decoder.references.find(coded.detail.state.serial).values
        np.testing.assert_array_equal(held, coded.detail.state.values)
        np.testing.assert_array_equal(planes_laid(planes, planes_taken(planes, held)), held)
        kinds.add(coded.detail.kind)
        bits.append(coded.packet_bits)
    assert "key" in kinds
    assert kinds & {"motion", "residual"}
    assert min(bits) < 0.5 * bits[0]


def test_fine_steps_leave_the_network_as_it_is(codec: Path, unet: Network) -> None:
    """The mask of the whole network and that of the codec's halves, by ever coarser steps."""
    cloud, same = VideoCodec(codec, bench("video")), []
    whole = open_ends(unet.model)
    for step in (4, 32, 64):
        encoder = VideoEncoder(codec, VideoPolicy(mode="intra", step=step))
        shares = []
        for shown in soft_pictures(3):
            frame = VideoFrame(Image(shown), 0)
            answer, _ = cloud.infer(cloud.decoder(), encoder.encode(frame).packet.to_bytes(), 1)
            got = read_mask(answer, asked(encoder.manifest)).classes
            from isthmus.runtime.frame_size import fitted

            seen = fitted(encoder.manifest, shown).transpose(2, 0, 1)[None].astype(np.float32) / 255
            shares.append(float((whole(seen)[0][0].argmax(0) == got).mean()))
        same.append(np.mean(shares))
    assert same[0] > 0.98
    assert same[0] >= same[1] >= same[2]


def test_embeddings_and_tensors_cross(tmp_path: Path) -> None:
    embedding = exported(Branching(), SIZE, ("embedding",))
    for task in ("embed", "tensors"):
        network = read_network(embedding, "net", task=task)
        folder = write(tmp_path / f"video-{task}", network, 3)
        encoder, cloud = VideoEncoder(folder, VideoPolicy(mode="intra", step=8)), VideoCodec(folder, bench("video"))
        assert encoder.manifest.class_names == ()
        answer, _ = cloud.infer(
            cloud.decoder(), encoder.encode(VideoFrame(Image(soft_pictures(1)[0]), 0)).packet.to_bytes(), 1
        )
        assert isinstance(answer, protocol.FrameAnswer)
        if task == "tensors":
            ((name, array),) = read_tensors(answer, asked(encoder.manifest)).arrays
            assert (name, array.shape) == ("embedding", (1, 16))
        else:
            array = np.frombuffer(answer.data, "<f4")
        seen = soft_pictures(1)[0].transpose(2, 0, 1)[None].astype(np.float32) / 255
        expected = open_ends(network.model)(seen)[0].ravel()
        assert float(expected @ array.ravel()) > 0.99


CENTRES = np.array([[20, 30, 16, 12], [21, 30, 16, 12], [60, 30, 20, 20], [80, 10, 8, 8]], np.float32)
SIDES = np.array([[12, 24, 28, 36], [13, 24, 29, 36], [50, 20, 70, 40], [76, 6, 84, 14]], np.float32)
SCORES = np.array([[0.9, 0.1], [0.8, 0.05], [0.3, 0.7], [0.2, 0.1]], np.float32)  # the second is the first once more
PADDING = 20 - len(CENTRES)


def grown(rows: Any) -> Any:
    """So many rows that a form can be told, the others of no score."""
    return np.concatenate([rows, np.zeros((PADDING, rows.shape[1]), np.float32)])


FORMS: dict[str, dict[str, Any]] = {
    "columns": {"output0": grown(np.concatenate([CENTRES, SCORES], 1)).T[None]},
    "rows": {"output0": grown(np.concatenate([CENTRES, np.full((4, 1), 0.5), 2 * SCORES], 1).astype(np.float32))[None]},
    "pair": {"boxes": grown(SIDES)[None], "scores": grown(SCORES)[None]},
    "pair in columns": {"boxes": grown(SIDES).T[None], "scores": grown(SCORES).T[None]},
    "triple": {
        "boxes": SIDES[[0, 2, 2, 3]],
        "labels": np.array([0, 1, 0, 0], np.int64),
        "scores": np.array([0.9, 0.7, 0.3, 0.2], np.float32),
    },
    "found": {
        "output0": np.concatenate(
            [SIDES[[0, 2, 2, 3]], np.array([[0.9, 0], [0.7, 1], [0.3, 0], [0.2, 0]], np.float32)], 1
        )[None]
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_boxes_of_every_form_come_to_the_same(tmp_path: Path, form: str) -> None:
    outputs = {
        name: np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else None)
        for name, array in FORMS[form].items()
    }
    network = read_network(detector(outputs, SIZE), "net", task="detect")
    folder = tmp_path / "video-boxes"
    options = SplitOptions("cut", preprocessing=PIXELS, class_names=("cat", "dog"))
    write_plane_codec(network, pictures(3), options, folder, EDGE_ENCODER)
    encoder, cloud = VideoEncoder(folder, VideoPolicy(mode="intra")), VideoCodec(folder, bench("video"))
    coded = encoder.encode(VideoFrame(Image(soft_pictures(1)[0]), 0))
    answer, _ = cloud.infer(cloud.decoder(), coded.packet.to_bytes(), 1)
    boxes: Boxes = read_boxes(answer, asked(encoder.manifest))
    assert (boxes.height, boxes.width) == SIZE
    assert [(b.class_index, round(b.score, 2)) for b in boxes.found] == [(0, 0.9), (1, 0.7), (0, 0.3)]
    got = [[b.left, b.top, b.right, b.bottom] for b in boxes.found]
    np.testing.assert_allclose(got, SIDES[[0, 2, 2]], atol=0.07)


def test_outputs_that_are_no_boxes_are_told() -> None:
    network = read_network(exported(Atrous(), SIZE, ("mask",)), "net", task="detect")
    with pytest.raises(InputError, match=r"expected boxes as \[1, 4 \+ C, n\].*take --task tensors"):
        ending_of(network, BoxRules())
    network = read_network(exported(Pyramid(), SIZE, ("scores", "boxes")), "net", task="segment")
    with pytest.raises(InputError, match=r"expected scores of classes \[1, C, h, w\]"):
        ending_of(network, BoxRules())


def test_what_is_measured_lies_before_boxes_are_chosen() -> None:
    network = read_network(with_nms(exported(Pyramid(), SIZE, ("scores", "boxes"))), "net", task="tensors")
    cut = next(cut for cut in all_cuts(network) if len(cut.tensors) == 3)
    soft = soft_outputs(network, [t.name for t in cut.tensors])
    assert set(soft) == {"nms/scores", "nms/boxes", "nms/flat"} or set(soft) == {"nms/scores", "nms/boxes"}
    plain = read_network(exported(Pyramid(), SIZE, ("scores", "boxes")), "net", task="tensors")
    assert soft_outputs(plain, [t.name for t in cut.tensors]) == ("scores", "boxes")


def test_both_ways_to_the_metric_find_the_same_channels(unet: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.split import plane_metric
    from isthmus.split.shape_constants import without_shapes

    fixed = without_shapes(unet)
    cut = next(cut for cut in all_cuts(unet) if len(cut.tensors) == 3)
    halves = cut_planes(answering_softly(fixed, ["mask"]), cut, Preprocessing(), free=False)
    edge, cloud = open_ends(halves.edge), open_ends(halves.cloud)
    frames = [f.transpose(2, 0, 1)[None].astype(np.float32) / 255 for f in pictures(4).sized(66, 100).frames]
    latents = [[y[0] for y in edge(x)] for x in frames]
    distance = Distance.of("segment", [cloud(*(y[None] for y in ys)) for ys in latents])
    by_gradients, how = plane_metrics(halves.cloud, latents, distance)
    assert how == "gradients"
    monkeypatch.setattr(plane_metric, "knows", lambda _: False)
    by_passes, how = plane_metrics(halves.cloud, latents, distance)
    assert how == "forward passes"
    one, two = (np.concatenate([np.diag(m) for m in found]) for found in (by_gradients, by_passes))
    moving = (one > 0) & (two > 0)  # some channels are 0 everywhere
    assert moving.sum() > 20
    assert np.corrcoef(np.log(one[moving]), np.log(two[moving]))[0, 1] > 0.8


def test_halves_that_do_not_answer_alike_are_refused(
    unet: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dataclasses import replace

    from isthmus.split import plane_halves

    wrong = plane_halves.compare
    monkeypatch.setattr("isthmus.split.plane_writer.compare", lambda *a: replace(wrong(*a), is_exact=False, share=1.0))
    cut = next(cut for cut in all_cuts(unet) if len(cut.tensors) == 2)
    with pytest.raises(InputError, match=r"halves .* that answer as the whole does"):
        write_plane_codec(unet, pictures(2), SplitOptions(cut.tensor), tmp_path / "video-x", EDGE_ENCODER)
