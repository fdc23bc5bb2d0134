"""The video measure from clips to files, with a codec small enough for tests."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support.tiny_video_codec import CLASS_NAMES, write_video_codec
from support.video_points import measurement, point, trace
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.zoo import find_codec, find_zoo
from isthmus.data.video.clips import Clip, ClipSet
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import STEPPED_POLICY, VideoPolicy
from isthmus.measure.command_line import command_line
from isthmus.measure.video import clips as clips_module
from isthmus.measure.video.clips import NamedClips, clip_sets
from isthmus.measure.video.equal import our_line
from isthmus.measure.video.input_codecs import input_codecs
from isthmus.measure.video.link import CLOUD_H264, CLOUD_H264_SPARE, CLOUD_JPEG, SPLIT, LinkOptions
from isthmus.measure.video.measurement import LABELS, OWN_ANSWER
from isthmus.measure.video.network import WholeNetwork, nrmse
from isthmus.measure.video.notes import notes
from isthmus.measure.video.options import EmulatedLink, VideoOptions
from isthmus.measure.video.point import ALL_INTRA, MOTION, MOTION_RESIDUAL, FrameKind
from isthmus.measure.video.run import choose_video_codecs, link_of, measure_clips
from isthmus.measure.video.runs import LatentSender, latent_ways, truth_of
from isthmus.measure.video.studies import LITE, PLAIN

pytest.importorskip("cv2", reason="OpenCV is not installed (extra `video`)")
pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")

SIZE = (64, 80)
FINE_AND_OWN = "vision-lite0-b5, quality 7", "vision-lite0-b5"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    write_video_codec(folder, "video-test-q1")
    write_video_codec(folder, "video-test-q2", block_latents=4)
    return folder


def photograph(seed: int) -> np.ndarray:
    """Smooth patches of colour with edges."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (8, 10, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def moving(index: int, frames: int = 6) -> Clip:
    pixels = moving_clip(photograph(index), ClipMotion(pan=(0.01, 0.02), reach=math.inf, noise=1.0), frames, index)
    return Clip(f"clip {index}", pixels, index % len(CLASS_NAMES))


def clips(truth: str = OWN_ANSWER, count: int = 3) -> NamedClips:
    def make(index: int) -> Clip:
        clip = moving(index)
        return clip if truth == LABELS else Clip(clip.name, clip.frames)

    return NamedClips("video_made", "video_made.x", truth, ClipSet("made", tuple(map(str, range(count))), make))


@pytest.mark.parametrize("size", [(0, 0), (32, 24)])
def test_the_whole_network_sees_what_the_encoder_quantises(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = write_video_codec(tmp_path, size=size)
    for frame in (photograph(1), photograph(2)[:61, :75]):
        network, encoder = WholeNetwork(folder), VideoEncoder(folder)
        y = network.latents(frame[None])
        coded = encoder.latents(VideoFrame(Image(frame), 0))
        assert np.array_equal(np.clip(np.rint(y[0]), -16, 16), coded)
        assert network.answers(y).shape == (1,)


def test_operations_are_counted_for_the_size_of_the_frame(zoo: Path) -> None:
    network = WholeNetwork(zoo / "video-test-q1")
    # The edge's convolution mixes 3 channels to 4 on a grid of 8 x 10; the cloud's product is 8 to 6.
    assert network.macs(64, 80) == (8 * 10 * 4 * 3, 48)
    assert network.macs(61, 75) == network.macs(64, 80)
    assert network.macs(128, 80)[0] == 2 * network.macs(64, 80)[0]


def test_layers_behind_padding_are_counted() -> None:
    folder = find_codec("video-tiny-q3", find_zoo(None))
    record = json.loads((folder / "split.json").read_text(encoding="utf-8"))["macs"]
    assert WholeNetwork(folder).macs(*record["frame"]) == (record["edge"], record["cloud"])


def test_nrmse_is_the_error_over_the_range_of_each_frame() -> None:
    actual = np.zeros((2, 1, 2, 2), np.float32)
    actual[:, 0, 0, 0] = (10, 20)
    assert nrmse(actual + 1, actual).tolist() == pytest.approx([0.1, 0.05])


def test_ways_start_with_all_intra_and_the_policy_itself() -> None:
    policy = VideoPolicy()
    ways = latent_ways(policy)
    assert (ways[0].family, ways[0].policy.mode) == (ALL_INTRA, "intra")
    assert ways[1].policy == policy
    assert [way.is_default for way in ways].count(True) == 1
    assert len({way.name for way in ways}) == len(ways)
    assert {way.family for way in ways} == {ALL_INTRA, MOTION, MOTION_RESIDUAL}
    doubled = next(way for way in ways if way.setting == "damage x 2")
    assert doubled.policy.residual_damage == 2 * policy.residual_damage
    assert {way.family for way in latent_ways(policy, quick=True)} == {ALL_INTRA, MOTION, MOTION_RESIDUAL}


def test_every_clip_begins_with_a_key_frame_and_every_bit_counts(zoo: Path) -> None:
    folder = zoo / "video-test-q1"
    network = WholeNetwork(folder)
    sender = LatentSender(folder, VideoPolicy(mode="motion"))
    for index in range(2):
        clip = moving(index)
        trace = sender.send(clip, network, truth_of(clip, network))
        assert trace.kind[0] == FrameKind.KEY
        assert (trace.kind[1:] == FrameKind.MOTION).all()
        assert trace.network_runs.tolist() == [True] + [False] * 5
        again = VideoEncoder(folder, VideoPolicy(mode="motion"))
        packets = [again.encode(VideoFrame(Image(f), i)).packet.to_bytes() for i, f in enumerate(clip.frames)]
        assert trace.bits.tolist() == [8 * len(p) for p in packets]


def test_all_intra_is_right_where_the_quantiser_changes_nothing(zoo: Path) -> None:
    folder = zoo / "video-test-q1"
    network, clip = WholeNetwork(folder), moving(0)
    truth = truth_of(Clip(clip.name, clip.frames), network)
    assert np.array_equal(truth.answers, truth.own)
    trace = LatentSender(folder, VideoPolicy(mode="intra")).send(clip, network, truth)
    assert (trace.kind == FrameKind.KEY).all()
    # Half a step of a range of some 40, and the codec's clipping.
    assert 0 < trace.nrmse.min() < 0.5 / 40
    assert trace.nrmse.max() < 0.05
    assert (truth_of(clip, network).answers == clip.label).all()


def test_the_network_is_sure_where_its_softmax_says_so(zoo: Path) -> None:
    network, clip = WholeNetwork(zoo / "video-test-q1"), moving(0)
    logits = network.logits(network.latents(clip.frames)).astype(np.float64)
    likely = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).max(1)
    assert np.array_equal(truth_of(clip, network).is_sure, likely >= 0.5)


def test_a_set_is_sent_in_every_way(zoo: Path) -> None:
    folders = choose_video_codecs(zoo, ("video-test-q2", "video-test-*"))
    assert [folder.name for folder in folders] == ["video-test-q2", "video-test-q1"]
    steps: list[int] = []

    def track(_title: str, total: int) -> Callable[[int], None]:
        steps.append(total)
        return steps.append

    measurement, traces = measure_clips(clips(), folders, VideoOptions(is_quick=True, inputs="h264,jpeg"), track=track)
    assert steps == [3, 1, 1, 1]
    assert measurement.codec == "video-test-q2"
    assert measurement.frames == 18
    assert measurement.whole_percent == 100
    assert measurement.intra.keys.sum() == 18
    assert measurement.intra.same_percent == 100
    assert measurement.default.bits.sum() < measurement.intra.bits.sum()
    assert {p.codec for p in measurement.points} == {"video-test-q2", "video-test-q1", ""}
    assert {"H.264 veryfast", "JPEG"} <= set(measurement.families)
    assert traces[measurement.default.name].bits.sum() == measurement.default.bits.sum()
    assert math.isnan(measurement.default.message_bits)
    summary = measurement.summary("video_made.x")
    assert 0 < summary["video_made.x.rate_saved_percent"] < 100
    assert 0 < summary["video_made.x.agreement_percent"] <= 100


def test_a_codec_of_many_steps_is_measured_at_other_qualities() -> None:
    lite = find_codec("vision-lite0-b5", find_zoo(None))
    options = VideoOptions(is_quick=True, inputs="none", qualities="7,4")
    measurement, _ = measure_clips(clips(count=1), [lite], options)
    assert [p.codec for p in our_line(measurement).points] == ["vision-lite0-b5", "vision-lite0-b5, quality 7"]
    fine, own = (next(p for p in measurement.of_family(ALL_INTRA) if p.codec == n) for n in FINE_AND_OWN)
    assert fine.bits.sum() > own.bits.sum() == measurement.intra.bits.sum()
    assert {p.setting for p in measurement.points} > {"default", "answer error x 2"}
    with pytest.raises(InputError, match="--qualities: expected numbers"):
        measure_clips(clips(count=1), [lite], VideoOptions(inputs="none", qualities="high"))


def test_ways_of_a_codec_that_goes_by_answers() -> None:
    ways = latent_ways(STEPPED_POLICY)
    assert ways[1].policy == STEPPED_POLICY
    assert {way.family for way in ways} == {ALL_INTRA, MOTION, MOTION_RESIDUAL}
    assert len({way.name for way in ways}) == len({way.policy for way in ways}) == len(ways)


def test_what_a_reader_must_know() -> None:
    (keys, live, inputs) = notes("here", input_codecs(("h264-medium", "h265", "av1", "jpeg")), STEPPED_POLICY)
    assert f"every {STEPPED_POLICY.key_interval} frames" in keys
    assert "CRC-32" in live
    for told in ("x264's text message; H.264 medium, CRF 14, 18", "info=0", "pred-struct=1", "JPEG, quality 6, 12"):
        assert told in inputs
    assert "H.265" not in notes("", input_codecs(("jpeg",)), STEPPED_POLICY)[-1]


def test_each_study_has_its_own_labelled_images_and_names() -> None:
    named = {study.root: clips_module.LABELLED_FILES[study].name for study in (PLAIN, LITE)}
    assert named == {"video": "tinyimagenet50.npz", "video.lite0": "imagenet500_256.npz"}


def test_labels_are_the_truth_where_there_are_some(zoo: Path) -> None:
    options = VideoOptions(is_quick=True, inputs="none")
    measurement, _ = measure_clips(clips(LABELS), [zoo / "video-test-q1"], options)
    expected = sum(
        int(
            (
                WholeNetwork(zoo / "video-test-q1").answers(WholeNetwork(zoo / "video-test-q1").latents(c.frames))
                == c.label
            ).sum()
        )
        for c in map(moving, range(3))
    )
    assert measurement.whole_right.sum() == expected
    assert measurement.score == "accuracy"


def test_patterns_that_fit_no_codec_are_refused(zoo: Path) -> None:
    with pytest.raises(InputError, match="video-none"):
        choose_video_codecs(zoo, ("video-none",))


def test_nothing_to_measure_on_is_refused() -> None:
    with pytest.raises(InputError, match="clips"):
        clip_sets(VideoOptions(labelled="none", natural="none"))


def test_without_data_beside_the_project_photographs_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed (extra `measure`)")
    monkeypatch.chdir(tmp_path)
    (found,) = clip_sets(VideoOptions(is_quick=True))
    assert (found.name, found.truth) == ("video_photographs", OWN_ANSWER)
    assert found.clips.clip(0).frames.shape == (8, 240, 416, 3)


def test_h264_goes_over_the_link_as_right_as_the_split_and_for_as_few_bits() -> None:
    m = measurement(OWN_ANSWER)
    more = (point("H.264 veryfast", "CRF 20", 4000, 9, codec=""), point("H.264 veryfast", "CRF 40", 150, 6, codec=""))
    m = replace(m, points=(*m.points, *more))
    kinds = (FrameKind.KEY,) * 10
    traces = {p.name: trace(p.bits_a_frame, round(p.right_percent / 10), kinds) for p in m.points}
    found = link_of(m, traces, LinkOptions((1.0,)))
    rows = {way: found.row(way, 1.0) for way in (CLOUD_H264, CLOUD_H264_SPARE, CLOUD_JPEG)}
    assert {way: row and (row.setting, row.right_percent) for way, row in rows.items()} == {
        CLOUD_H264: ("CRF 20", 90),
        CLOUD_H264_SPARE: ("CRF 40", 60),
        CLOUD_JPEG: ("quality 10", 80),
    }
    assert found.row(CLOUD_H264_SPARE, 1.0) != found.row(SPLIT, 1.0)
    none = replace(m, points=tuple(p for p in m.points if p.setting != "CRF 40"))
    assert CLOUD_H264_SPARE not in link_of(none, traces, LinkOptions((1.0,))).ways


def test_the_command_says_itself_again() -> None:
    options = VideoOptions(codec="a,b", labelled="none", is_quick=True)
    command = command_line("isthmus measure video", options, EmulatedLink(is_emulated=False))
    assert command == "isthmus measure video --codec a,b --labelled none --quick --no-link"
    assert command_line("isthmus measure video", VideoOptions(), EmulatedLink()) == "isthmus measure video"
    assert command_line("isthmus measure video", EmulatedLink(slow_down=3.0)).endswith("--slow-down 3")
    assert LinkOptions.of(EmulatedLink()) == LinkOptions()
    with pytest.raises(InputError, match="--bandwidths: expected numbers"):
        LinkOptions.of(EmulatedLink(bandwidths="1,fast"))


def write_classes(folder: Path) -> Path:
    for label in CLASS_NAMES:
        (folder / label).mkdir(parents=True)
        PIL.Image.fromarray(photograph(len(label))).save(folder / label / "one.png")
    return folder


@pytest.mark.slow
def test_the_command_measures_over_a_live_wire_and_writes_everything(zoo: Path, tmp_path: Path) -> None:
    labelled, natural = write_classes(tmp_path / "six"), tmp_path / "few.npz"
    write_sequences(natural)
    out = tmp_path / "out"
    told = CliRunner().invoke(
        app,
        [
            "measure",
            "video",
            "--codec",
            "video-test-q1",
            "--zoo",
            str(zoo),
            "--labelled",
            str(labelled),
            "--natural",
            str(natural),
            "--quick",
            "--bandwidths",
            "0.01,1",
            "--out",
            str(out),
        ],
    )
    assert told.exit_code == 0, told.output
    assert {path.name for path in out.iterdir()} == {
        *(
            f"video_{name}.{suffix}"
            for name in ("six_labelled", "few_natural", "few_link")
            for suffix in ("json", "png", "html")
        ),
        "summary.json",
    }
    summary = json.loads((out / "summary.json").read_text())
    assert summary["video_six.labelled.frames"] == 6 * 8
    # The messages hold the packets.
    for root in ("video_six.labelled", "video_few.natural"):
        assert summary[f"{root}.message_bits_a_frame"] > summary[f"{root}.bits_a_frame"]
    assert summary["video_few.link.delay_ms"] == 20
    detail = json.loads((out / "video_few_natural.json").read_text())["detail"]
    assert any("live wire" in note for note in detail["notes"])


def write_sequences(path: Path) -> None:
    files = []
    for clip in (moving(1, 5), moving(2, 5)):
        for frame in clip.frames:
            file = path.with_suffix(".png")
            PIL.Image.fromarray(frame).save(file)
            files.append(file.read_bytes())
    np.savez(
        path,
        jpg=np.frombuffer(b"".join(files), np.uint8),
        jpg_off=np.cumsum([0, *map(len, files)]),
        seq=np.repeat([0, 1], 5).astype(np.uint8),
        frame=np.tile(np.arange(5), 2).astype(np.uint16),
        seq_names=np.array(["one", "two"]),
    )


def test_labels_of_other_classes_are_refused(zoo: Path, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        PIL.Image.fromarray(photograph(1)).save(tmp_path / label / "one.png")
    told = CliRunner().invoke(
        app,
        ["measure", "video", "--codec", "video-test-q1", "--zoo", str(zoo), "--labelled", str(tmp_path), "--no-live"],
    )
    assert told.exit_code == 2
    assert "expected classes that video-test-q1 knows: red, green" in told.output
