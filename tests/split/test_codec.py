"""From a classifier of torch's to a codec folder, to packets, to answers: `isthmus split` from end to end."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import PIL.Image
import pytest
from onnx import numpy_helper
from support import tiny_networks
from support.benches import bench
from support.paths import DATA as SHARED
from support.tiny_zoo import open_video_coder
from typer.testing import CliRunner

from isthmus.cloud.video.codec import VideoCodec
from isthmus.command.main import app
from isthmus.command.split import default_name
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.protocol import FrameLabels
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.tables import VideoTables
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.models.video.squeezenet_graph import squeezenet_model
from isthmus.split.calibrate import intra_tables, predict_frame, static_tables
from isthmus.split.codec_folder import SPLIT_FILE, SplitOptions
from isthmus.split.codec_writer import calibrate_cut, write_split_codec
from isthmus.split.cuts import find_cuts
from isthmus.split.encoder import Choices
from isthmus.split.network import Network, load_network, read_network
from isthmus.split.pictures import Pictures, load_pictures
from isthmus.split.preprocessing import Preprocessing

pytest.importorskip("cv2", reason="motion needs OpenCV, of the extra `video`")

UInt8 = npt.NDArray[np.uint8]
SQUEEZENET = SHARED / "nets" / "imagenet_squeezenet_v10_dc.npz"
IMAGENET = SHARED / "imagenet500_256.npz"


def photo(seed: int, height: int = 64, width: int = 96) -> UInt8:
    """Soft shapes: something that has edges and moves well."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC))


def pictures(count: int = 6, **size: int) -> Pictures:
    return Pictures("made", "0" * 64, tuple(photo(k, **size) for k in range(count)))


def cut_name(network: Network, place: int) -> str:
    return find_cuts(network if network.is_sized else network.sized(64, 96))[place].tensor


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the network for any size, cut after its pool."""
    folder = tmp_path_factory.mktemp("split")
    network = load_network(tiny_networks.write_branches(folder, "any"))
    options = SplitOptions(cut_name(network, 2), bits=5, class_names=("a", "b", "c", "d", "e"), command="isthmus split")
    write_split_codec(network, pictures(), options, folder / "video-branches", EDGE_ENCODER)
    return folder / "video-branches"


def test_the_folder_is_a_codec(codec: Path) -> None:
    manifest = load_codec_folder(codec, kind=VideoManifest).manifest
    assert (manifest.stride, manifest.latent_channels) == (4, 8)
    assert (manifest.symbol_min, manifest.symbol_max) == (0, 31)
    assert (manifest.frame_height, manifest.latent_height) == (0, 0)
    assert manifest.class_names == ("a", "b", "c", "d", "e")
    VideoTables.load(codec / ENTROPY_FILE, manifest)
    history = json.loads((codec / SPLIT_FILE).read_text())
    assert history["manifest_sha256"] == manifest.identity.hex()
    assert history["cut"]["stride"] == 4
    assert len(history["source"]["sha256"]) == 64
    assert history["calibration"] == {"data": "made", "images": 6, "sha256": "0" * 64}
    assert history["quantiser"]["clipped_percent"] < 5
    assert not [p for p in codec.parent.iterdir() if p.name.startswith(".split")]


def test_frames_cross_it(codec: Path) -> None:
    encoder, cloud = VideoEncoder(codec), VideoCodec(codec, bench("video"))
    decoder = cloud.decoder()
    kinds = set()
    for index, shown in enumerate(moving_clip(photo(50), ClipMotion(pan=(0.01, 0.02)), 8, 0)):
        coded = encoder.encode(VideoFrame(Image(shown), index))
        kinds.add(coded.detail.is_key)
        answer, _ = cloud.infer(decoder, coded.packet.to_bytes(), 2)
        assert isinstance(answer, FrameLabels), answer
        assert len(answer.signals(2)[0]) == 2
        np.testing.assert_array_equal(
            decoder.references.find(coded.detail.state.serial).values, coded.detail.state.values
        )
    assert kinds == {True, False}


def test_symbols_come_back_through_the_coder(codec: Path) -> None:
    coder = open_video_coder(codec)
    y = VideoEncoder(codec).latents(VideoFrame(Image(photo(51, 61, 90)), 0))
    assert y.shape == (8, 16, 23)  # sides filled up to multiples of the stride
    coded = coder.encode_intra(y, 0)
    decoded = VideoDecoder(coder).decode(coded.packet.to_bytes())
    np.testing.assert_array_equal(decoded.state.values, 16 * y)
    # Learned tables beat five bits a symbol by far.
    assert coded.packet_bits < 0.8 * 5 * y.size


@pytest.mark.slow
def test_the_same_seed_gives_the_same_codec(codec: Path, tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "any"))
    options = SplitOptions(cut_name(network, 2), bits=5, class_names=("a", "b", "c", "d", "e"), command="isthmus split")
    write_split_codec(network, pictures(), options, tmp_path / "video-branches", EDGE_ENCODER)
    for name in ("edge.onnx", "cloud.onnx", "manifest.json"):
        assert (tmp_path / "video-branches" / name).read_bytes() == (codec / name).read_bytes()


def test_a_fixed_size_is_in_the_manifest(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    options = SplitOptions(cut_name(network, 4), bits=8)
    manifest = write_split_codec(network, pictures(3), options, tmp_path / "video-fixed", EDGE_ENCODER)
    assert (manifest.frame_height, manifest.frame_width) == (32, 48)
    assert (manifest.latent_height, manifest.latent_width) == (8, 12)
    assert manifest.class_names[:2] == ("class 0", "class 1")
    y = VideoEncoder(tmp_path / "video-fixed").latents(VideoFrame(Image(photo(1, 200, 150)), 0))
    assert y.shape == (8, 8, 12)


def test_names_of_the_wrong_number(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    options = SplitOptions(cut_name(network, 2), class_names=("a",))
    with pytest.raises(InputError, match="expected 5 class names"):
        write_split_codec(network, pictures(2), options, tmp_path / "video-x", EDGE_ENCODER)
    assert not (tmp_path / "video-x").exists()


def test_networks_that_do_not_keep_to_their_stride_ask_for_a_size(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_unpadded(tmp_path))
    tensor = find_cuts(network.sized(35, 35))[1].tensor
    with pytest.raises(InputError, match="--size"):
        calibrate_cut(network, pictures(2), SplitOptions(tensor))
    halves = calibrate_cut(network.sized(35, 35), pictures(2), SplitOptions(tensor)).halves
    assert (halves.frame_height, halves.latent_height) == (35, 17)


def test_contexts_beat_one_table_a_channel() -> None:
    rng = np.random.default_rng(0)
    busy = np.repeat(np.repeat(rng.random((6, 1, 8, 8)) ** 3 * 8, 4, 2), 4, 3)
    symbols = [np.rint(b * rng.normal(size=(3, 32, 32))).astype(np.int32).clip(-30, 30) for b in busy]
    learned, static = intra_tables(symbols[:5]), static_tables(symbols[:5])
    assert len(learned.encode(symbols[5])) < 0.95 * len(static.encode(symbols[5]))
    np.testing.assert_array_equal(static.decode(static.encode(symbols[5]), 32, 32), symbols[5])


def test_predicted_frames_are_those_of_the_coder(codec: Path) -> None:
    coder = open_video_coder(codec)
    encoder = VideoEncoder(codec)
    clip = moving_clip(photo(52), ClipMotion(pan=(0.02, 0.02)), 2, 0)
    first, second = (encoder.latents(VideoFrame(Image(shown), k)) for k, shown in enumerate(clip))
    reference = coder.encode_intra(first, 0).state
    from isthmus.common.video.motion_field import MotionField

    still = MotionField.still(*coder.block_grid(*first.shape[1:]))
    frame, after = predict_frame(coder.manifest, reference.values, second, still, share=0.5)
    field = MotionField.from_message(frame.message, is_smooth=False)
    coded = coder.encode_predicted(reference, field, frame.residual, 1)
    np.testing.assert_array_equal(coded.state.values, after)
    assert 0 < frame.mask.mean() < 1


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "my images"
    folder.mkdir()
    for k in range(4):
        PIL.Image.fromarray(photo(k)).save(folder / f"{k}.png")
    return folder


@pytest.mark.slow
def test_commands(tmp_path: Path, images: Path) -> None:
    path = tiny_networks.write_branches(tmp_path, "any")
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\nd\ne\n")
    runner = CliRunner()
    planned = runner.invoke(app, ["split", str(path), "--plan", "--images", str(images), "--json", "--edge-speed", "1"])
    assert planned.exit_code == 0, planned.output
    tensor = json.loads(planned.stdout)["cuts"][1]["tensor"]
    arguments = ["split", str(path), "--at", tensor, "--images", str(images), "--zoo", str(tmp_path / "zoo")]
    arguments += ["--bits", "4", "--seed", "7", "--mean", "1,2,3", "--name", "video-mine", "--json"]
    made = runner.invoke(app, [*arguments, "--classes", str(names)])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["codec"] == "video-mine"
    load_codec_folder(tmp_path / "zoo" / "video-mine", kind=VideoManifest)
    history = json.loads((tmp_path / "zoo" / "video-mine" / SPLIT_FILE).read_text())
    assert history["command"] == (
        f"isthmus split any.onnx --at {tensor} --images my images --count 200 --bits 4 --mean 1,2,3 --seed 7 "
        "--classes names.txt"
    )
    assert str(tmp_path) not in json.dumps(history)
    again = runner.invoke(app, arguments)
    assert again.exit_code == 2
    assert "video-mine: expected a name that is free" in again.stderr


@pytest.mark.slow
def test_a_plan_ends_with_the_command_to_type(tmp_path: Path, images: Path) -> None:
    path = tiny_networks.write_branches(tmp_path, "any")
    runner = CliRunner()
    words = ["split", str(path), "--images", str(images), "--size", "64x96", "--zoo", str(tmp_path / "zoo")]
    planned = runner.invoke(app, [*words, "--plan", "--bits", "7", "--bandwidth", "0.1", "--edge-speed", "1"])
    assert planned.exit_code == 0, planned.output
    following = shlex.split(planned.stdout.splitlines()[-1])
    assert following[:7] == ["isthmus", "split", str(path), "--images", str(images), "--at", following[6]]
    assert following[7:] == ["--bits", "7", "--size", "64x96", "--zoo", str(tmp_path / "zoo")]
    made = runner.invoke(app, following[1:])
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines()[-1].startswith("isthmus edge clip.mp4 --zoo")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ([], "--plan"),
        (["--plan", "--at", "x"], "--plan"),
        (["--at", "nowhere"], "which it has not"),
        (["--plan", "--mean", "1,2"], "--mean"),
        (["--plan", "--size", "big"], "--size"),
        (["--plan", "--order", "xyz"], "order"),
        (["--plan", "--range", "7"], "range"),
        (["--plan", "--bits", "9"], "--bits: expected 2 to 8, got 9"),
        (["--plan", "--bandwidth", "0"], "bandwidth"),
        (["--at", "x", "--classes", "none.txt"], "none.txt"),
    ],
)
def test_commands_say_what_is_wrong(tmp_path: Path, images: Path, options: list[str], match: str) -> None:
    path = tiny_networks.write_branches(tmp_path, "fixed")
    done = CliRunner().invoke(app, ["split", str(path), "--images", str(images), *options])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert match in done.stderr


@pytest.mark.parametrize("kind", ["a path where nothing is", "a folder", "no graph", "no classifier", "no images"])
@pytest.mark.parametrize("action", [("--plan",), ("--at", "even")])
def test_wrong_files_end_in_one_line(tmp_path: Path, images: Path, kind: str, action: tuple[str, ...]) -> None:
    path, calibration = tmp_path / "net.onnx", images
    if kind == "a folder":
        path.mkdir()
    elif kind == "no graph":
        path.write_bytes(b"nothing of the kind")
    elif kind == "no classifier":
        onnx.save(tiny_networks.segmenter_model(), path)
        action = (*action, "--task", "classify")
    elif kind == "no images":
        onnx.save(tiny_networks.uneven_model(), path)
        calibration = tmp_path / "none"
    done = CliRunner().invoke(app, ["split", str(path), "--images", str(calibration), *action])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert str(calibration if kind == "no images" else "net") in done.stderr


@pytest.mark.parametrize(("package", "command"), [("onnx", "split"), ("cv2", "split"), ("onnx", "build-squeezenet")])
def test_a_missing_package_is_named_with_its_extra(
    package: str, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("isthmus.command.split_network.find_spec", lambda name: None if name == package else 1)
    options = ["--plan", "--images", str(tmp_path)] if command == "split" else []
    done = CliRunner().invoke(app, [command, str(tmp_path / "a.onnx"), *options])
    assert done.exit_code == 2
    assert done.stderr == f"error: splitting needs {package}: pip install 'isthmus[measure]'\n"


def test_pictures_of_files_and_folders(tmp_path: Path) -> None:
    for k in range(5):
        PIL.Image.fromarray(photo(k)).save(tmp_path / f"{k}.png")
    whole = load_pictures(tmp_path)
    assert len(whole) == 5
    some = load_pictures(tmp_path, 2)
    assert [np.array_equal(some.frames[0], whole.frames[0]), np.array_equal(some.frames[1], whole.frames[2])] == [
        True
    ] * 2
    assert some.sha256 != whole.sha256
    assert whole.sized(10, 20).frames[0].shape == (10, 20, 3)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="jpg and off"):
        load_pictures(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("model", "tensor", "step", "name"),
    [
        ("squeezenet", "fire5/squeeze", 0.0, "video-squeezenet-fire5-squeeze-b6"),
        ("My Net.v2", "/a/Relu_output_0", 1.0, "video-my-net-v2-a-relu-output-0-step"),
    ],
)
def test_names_of_codecs(model: str, tensor: str, step: float, name: str) -> None:
    assert default_name(model, tensor, 6, step) == name


@pytest.mark.skipif(
    not (SQUEEZENET.exists() and IMAGENET.exists()), reason="needs ../shared/data (SqueezeNet, imagenet500)"
)
def test_squeezenet_is_cut_at_strides_of_four_eight_and_sixteen() -> None:
    from isthmus.data.image.labelled import load_labelled_images

    network = read_network(squeezenet_model(SQUEEZENET), "squeezenet").sized(227, 227)
    strides = {cut.tensor: cut.stride for cut in find_cuts(network)}
    assert {t: strides[t] for t in ("conv1", "pool1", "pool4", "fire5/squeeze", "pool8")} == {
        "conv1": 2,
        "pool1": 4,
        "pool4": 8,
        "fire5/squeeze": 8,
        "pool8": 16,
    }
    assert "fire5/expand1" not in strides
    images = load_labelled_images(IMAGENET).take(range(0, 500, 25))
    seen = Pictures("imagenet", "", tuple(images.pixels(i) for i in range(len(images)))).sized(227, 227)
    calibrated = calibrate_cut(network, seen, SplitOptions("fire9/squeeze", 6))
    from isthmus.split.graphs import batch_of, open_model

    edge, cloud = open_model(calibrated.halves.edge), open_model(calibrated.halves.cloud)
    right = sum(
        int(cloud(np.clip(np.rint(edge(batch_of(f))), 0, 63)).argmax()) == label
        for f, label in zip(seen.frames, images.labels, strict=True)
    )
    assert right >= 10  # 65 % of 20 are right without a cut


@pytest.mark.slow
def test_tables_are_learned_from_the_encoder_that_is_handed_in(codec: Path, tmp_path: Path) -> None:
    """One that sends key frames alone leaves nothing to learn motion from, and other residuals."""
    network = load_network(tiny_networks.write_branches(tmp_path, "any"))
    options = SplitOptions(cut_name(network, 2), bits=5, class_names=("a", "b", "c", "d", "e"))
    opened: list[Path] = []

    def open_still(folder: Path, choices: Choices) -> VideoEncoder:
        assert choices == Choices()
        opened.append(folder)
        return VideoEncoder(folder, VideoPolicy(mode="intra"))

    still = replace(EDGE_ENCODER, open_encoder=open_still)
    manifest = write_split_codec(network, pictures(), options, tmp_path / "video-branches", still)
    assert [folder.name for folder in opened] == ["video-branches"]
    learned, other = (VideoTables.load(path / ENTROPY_FILE, manifest) for path in (codec, tmp_path / "video-branches"))
    message = np.zeros((3, 6, 8), np.int32)
    assert learned.intra.encode(y := np.ones((8, 4, 4), np.int32)) == other.intra.encode(y)
    assert learned.motion.encode(message) != other.motion.encode(message)


@pytest.mark.slow
def test_a_plan_says_how_frames_are_prepared_and_what_to_type(tmp_path: Path, images: Path) -> None:
    """Without a word on pixels, in a graph that does not normalise: what was found is said and typed again."""
    network = load_network(tiny_networks.write_unpadded(tmp_path)).sized(35, 35)
    path = tmp_path / "sized.onnx"
    onnx.save(network.model, path)
    words = ["split", str(path), "--images", str(images), "--zoo", str(tmp_path / "zoo"), "--edge-speed", "1"]
    runner = CliRunner()
    planned = runner.invoke(app, [*words, "--plan", "--bits", "8"])
    assert planned.exit_code == 0, planned.output
    assert "note: frames are prepared by" in planned.stderr
    assert "that is doubtful" in planned.stderr  # it is not trained at all
    following = shlex.split(planned.stdout.splitlines()[-1])
    assert "--range" in following
    said = following[following.index("--bits") + 2 : following.index("--zoo")]
    again = runner.invoke(app, [*words, "--plan", *said])
    assert "note:" not in again.stderr


def squeezenet_for(pixels: Preprocessing) -> Network:
    """SqueezeNet, were it trained on pixels that are treated so. Its first layer, which pads nothing, takes it back."""
    model = squeezenet_model(SQUEEZENET)
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    kernel, bias = (next(c for c in model.graph.initializer if c.name == name) for name in first.input[1:])
    weight = numpy_helper.to_array(kernel)[:, :: -1 if pixels.order == "bgr" else 1].astype(np.float64)
    gain, shift = 1 / pixels.gain.astype(np.float64), -pixels.shift.astype(np.float64) / pixels.gain
    moved = numpy_helper.to_array(bias) + (weight * shift.reshape(1, -1, 1, 1)).sum((1, 2, 3))
    kernel.CopyFrom(numpy_helper.from_array((weight * gain.reshape(1, -1, 1, 1)).astype(np.float32), kernel.name))
    bias.CopyFrom(numpy_helper.from_array(moved.astype(np.float32), bias.name))
    return read_network(model, "squeezenet").sized(227, 227)


@pytest.mark.slow
@pytest.mark.skipif(
    not (SQUEEZENET.exists() and IMAGENET.exists()), reason="needs ../shared/data (SqueezeNet, imagenet500)"
)
@pytest.mark.parametrize("name", ["0 to 255", "Caffe's mean, BGR"])
def test_a_real_network_is_fed_as_it_was_trained(name: str) -> None:
    """As `isthmus build-squeezenet` writes it, it takes 0 to 255; its own training took Caffe's mean off BGR."""
    from isthmus.data.image.labelled import load_labelled_images
    from isthmus.split.conventions import CONVENTIONS, choose_convention, prepared
    from isthmus.split.graphs import open_model

    images = load_labelled_images(IMAGENET).take(range(0, 500, 32))
    seen = Pictures("imagenet", "", tuple(images.pixels(i) for i in range(len(images)))).sized(227, 227)
    network = squeezenet_for(next(c.preprocessing for c in CONVENTIONS if c.name == name))
    choice = choose_convention(network, seen.frames)
    run = open_model(network.model)
    right = sum(
        int(run(prepared(frame, choice.convention.preprocessing)).argmax()) == label
        for frame, label in zip(seen.frames, images.labels, strict=True)
    )
    assert right >= 7  # of 16; 9 are right under its own
    assert choice.convention.name == name or choice.doubt
