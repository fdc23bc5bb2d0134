"""The point-cloud measure, end to end: a cloud in another process, a codec small enough to check by hand."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import typer
from onnx import TensorProto, helper, numpy_helper
from support.tiny_codec import CLASS_NAMES, CLASSES, WEIGHTS, child_environment, expected_symbols, write_codec
from typer.testing import CliRunner

from isthmus.command.measure import add_commands
from isthmus.common.errors import CloudUnreachableError, InputError, MissingDependencyError
from isthmus.common.results import read_results, read_summary
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.data.pointcloud.normalize import normalize
from isthmus.data.pointcloud.sets import load_labelled
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.command_line import command_line
from isthmus.measure.pointcloud.baselines import Float64, draw_order, quantize_to_grid
from isthmus.measure.pointcloud.live import clouds_to_send, measure_codec
from isthmus.measure.pointcloud.options import LiveOptions, PointCloudOptions
from isthmus.measure.pointcloud.run import choose_codecs, measure, require_pointcloud_packages
from isthmus.measure.pointcloud.training_record import Validation
from isthmus.measure.pointcloud.trial_clouds import TrialClouds, turn

POINTS, STORED, CLOUDS = 16, 48, 50
LIVE = LiveOptions(coalesced_clouds=8, timed_clouds=10)


def _clouds() -> Float64:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(CLOUDS, STORED, 3)) * rng.uniform(0.05, 1, (CLOUDS, 1, 3))
    ball: Float64 = points / np.linalg.norm(points, axis=2).max(1)[:, None, None]
    return ball


def _answers(clouds: Float64) -> list[int]:
    """What the tiny codec says of the first draw."""
    drawn = clouds.astype(np.float32)[:, draw_order(STORED)[:POINTS]]
    return [int((expected_symbols(normalize(c)) @ WEIGHTS).argmax()) for c in drawn]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed set of which the tiny codec gets all but every fifth cloud right; one train cloud in front."""
    path = tmp_path_factory.mktemp("data") / "tiny_set.npz"
    stored = np.rint(_clouds() * 2000).astype(np.int16)
    clouds = stored.astype(np.float32) * np.float32(0.0005)
    labels = np.array(_answers(clouds.astype(np.float64)))
    labels[::5] = (labels[::5] + 1) % CLASSES
    np.savez(
        path,
        points=np.concatenate((stored[:1], stored)),
        scale=np.float32(0.0005),
        labels=np.concatenate(([0], labels)).astype(np.uint8),
        is_test=np.arange(CLOUDS + 1) > 0,
        class_names=np.array(CLASS_NAMES),
    )
    return path


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two codecs of one family, and classifiers for 8 and 16 points."""
    folder = tmp_path_factory.mktemp("zoo")
    write_codec(folder, "pc-lite-any-q1")
    second = write_codec(folder, "pc-lite-p16-q1", checksum_size_bytes=2)
    notes = {"encoder_macs_per_point": 48, "quantizer_macs": 7, "validation": {"bits": 4.0, "top1_percent": 81.0}}
    (second / "training.json").write_text(json.dumps(notes))
    (folder / "classifiers").mkdir()
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(CLASSES, 3, 1)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["points", "w"], ["z"]),
        helper.make_node("ReduceMax", ["z", "axes"], ["logits"], keepdims=0),
    ]
    given = helper.make_tensor_value_info("points", TensorProto.FLOAT, ["b", 3, "p"])
    made = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", CLASSES])
    axes = numpy_helper.from_array(np.array([2], np.int64), "axes")
    graph = helper.make_graph(nodes, "pointnet", [given], [made], [weights, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for count in (8, POINTS):
        onnx.save(model, folder / "classifiers" / f"pointnet-p{count}.onnx")
    return folder


@pytest.fixture(scope="module")
def trial(data: Path) -> TrialClouds:
    return TrialClouds.draw(load_labelled(data, "test"), POINTS)


@pytest.fixture(scope="module")
def address(zoo: Path) -> Iterator[str]:
    with CloudProcess(zoo) as cloud:
        yield cloud.address


def test_a_codec_over_the_wire(zoo: Path, trial: TrialClouds, address: str) -> None:
    steps: list[int] = []
    point = measure_codec(zoo / "pc-lite-any-q1", trial, address, LIVE, steps.append)
    assert point.top1_percent == 80.0
    assert point.top1_draws_percent == (80.0,)
    assert 0 <= point.random_heading_top1_percent < 80
    assert (point.clouds, point.points, point.coalesced_clouds) == (CLOUDS, POINTS, 8)
    rate = point.rate
    # One byte over the payload, a tag and a length in the message, and frames and headers around it.
    assert rate.packet_bits == pytest.approx(rate.coded_bits + 8)
    assert rate.message_bits == pytest.approx(rate.packet_bits + 16)
    assert rate.wire_bits == pytest.approx(8 * point.wire_bytes.up)
    assert 8 * 10 < rate.wire_bits - rate.message_bits < 8 * 100
    assert 0 < rate.estimated_bits <= rate.coded_bits < rate.estimated_bits + 8
    assert point.coalesced_rate.estimated_bits == pytest.approx(rate.estimated_bits)
    assert point.coalesced_rate.coded_bits < rate.coded_bits
    assert point.coalesced_wire_bytes.both < point.wire_bytes.both / 4
    assert point.times.total.p50 >= max(point.times.edge.p50, point.times.wire.p50) > 0
    assert (point.edge_macs, point.decoder_macs) == (0, 0)
    assert sum(steps) == clouds_to_send(trial, LIVE)


def test_checksums_and_operations_are_counted(zoo: Path, trial: TrialClouds, address: str) -> None:
    point = measure_codec(zoo / "pc-lite-p16-q1", trial, address, LIVE)
    assert point.rate.packet_bits == pytest.approx(point.rate.coded_bits + 8 + 16)
    assert point.edge_macs == 48 * POINTS + 7
    assert point.validation == Validation(4.0, 81.0)


def test_classes_must_be_the_codecs(zoo: Path, trial: TrialClouds, address: str) -> None:
    with pytest.raises(InputError, match=r"expected data of its 5 classes cube, cone, ball, .*got tiny_set with pea"):
        measure_codec(zoo / "pc-lite-any-q1", replace(trial, class_names=("pea",) * 5), address, LIVE)


def test_no_cloud_is_an_error_in_time(zoo: Path, trial: TrialClouds) -> None:
    with pytest.raises(CloudUnreachableError):
        measure_codec(zoo / "pc-lite-any-q1", trial, "127.0.0.1:1", LIVE)


def test_a_cloud_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(CloudUnreachableError, match=r"expected at least one codec.*--cloud HOST:PORT"),
        CloudProcess(tmp_path),
    ):
        pass


def test_trial_clouds_are_the_baselines_draw(data: Path) -> None:
    clouds = load_labelled(data, "test")
    trial = TrialClouds.draw(clouds, POINTS, draws=2)
    expected = clouds.cloud(3)[draw_order(STORED)[:POINTS]]
    np.testing.assert_array_equal(trial.draws[0][3].points, expected)
    assert not np.array_equal(trial.draws[1][3].points, expected)
    turned = trial.turned[0][3].points
    np.testing.assert_allclose(turned[:, 2], expected[:, 2], atol=1e-6)
    np.testing.assert_allclose(np.hypot(*turned[:, :2].T), np.hypot(*expected[:, :2].T), atol=1e-6)
    assert np.abs(turned - expected).max() > 0.01
    again = TrialClouds.draw(clouds, POINTS, draws=2)
    np.testing.assert_array_equal(again.turned[1][7].points, trial.turned[1][7].points)
    np.testing.assert_allclose(turn(np.array([[1, 0, 5]], np.float32), np.pi / 2), [[0, 1, 5]], atol=1e-7)


def test_trial_clouds_need_points(data: Path) -> None:
    clouds = load_labelled(data, "test")
    with pytest.raises(InputError, match="expected 49 points in each cloud, got one of 48: lower --points"):
        TrialClouds.draw(clouds, STORED + 1)
    none = LabelledClouds.from_clouds([], [], CLASS_NAMES, "empty")
    with pytest.raises(InputError, match="got 0 clouds"):
        TrialClouds.draw(none, 4)


def test_codecs_are_chosen_by_points_and_pattern(zoo: Path) -> None:
    both = choose_codecs(zoo, PointCloudOptions(points=POINTS))
    assert [f.name for f in both] == ["pc-lite-any-q1", "pc-lite-p16-q1"]
    assert [f.name for f in choose_codecs(zoo, PointCloudOptions(points=1024))] == ["pc-lite-any-q1"]
    assert [f.name for f in choose_codecs(zoo, PointCloudOptions(codecs="x, *-p16-*"))] == ["pc-lite-p16-q1"]
    with pytest.raises(InputError, match=r"pc-full-\* in .*isthmus train pointcloud"):
        choose_codecs(zoo, PointCloudOptions(codecs="pc-full-*"))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tmc13": "live"}, "program tmc3 on PATH"),
        ({"tmc13": "always"}, "--tmc13 one of auto, recorded, live, none"),
        ({"baselines": "dracula"}, "expected baselines tmc13 and draco"),
        ({"tmc13": "recorded", "tmc13_bits": Path("missing.npz")}, r"missing\.npz"),
        ({"data": Path("nowhere.npz")}, "nowhere"),
        ({"zoo": Path("nowhere")}, "nowhere"),
    ],
)
def test_options_that_cannot_be_measured(
    zoo: Path, data: Path, address: str, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], match: str
) -> None:
    monkeypatch.setenv("PATH", "")
    options = PointCloudOptions(data=data, zoo=zoo, points=POINTS, cloud=address, codecs="*-any-*", limit_clouds=4)
    with pytest.raises(InputError, match=match):
        measure(replace(options, **changes), LIVE)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_command(zoo: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    clouds = load_labelled(data, "test").stacked().astype(np.float64)
    order = draw_order(STORED)
    unique = [[[len(quantize_to_grid(c[order[:p]], b)) for c in clouds] for b in (2, 4)] for p in (8, 16, 32)]
    counts, out = tmp_path / "bits.npz", tmp_path / "results"
    np.savez(counts, points=[8, 16, 32], grid_bits=[2, 4], bits=8 * np.array(unique), unique_points=unique)
    app = typer.Typer()
    add_commands(app)
    arguments = ["pointcloud", "--data", data, "--zoo", zoo, "--points", POINTS, "--tmc13-bits", counts]
    arguments += ["--timed", 5, "--coalesced", 8, "--out", out]
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    assert "pc-lite-any-q1" in done.output
    assert "recorded counts" in done.output
    results = read_results(out / "pointcloud_tiny_set_p16.json")
    assert results.provenance.command.startswith("isthmus measure pointcloud --data tiny_set.npz --points 16")
    assert str(tmp_path) not in (out / "pointcloud_tiny_set_p16.json").read_text()
    assert results.summary["pointcloud_tiny_set_p16.lite.any_aligned_top1_percent"] == 80.0
    assert read_summary(out) == dict(results.summary)
    chosen_on = {family["name"]: family["chosen_on"] for family in results.detail["families"]}
    assert chosen_on == {"pc-lite-any": "test", "pc-lite-p16": "validation"}
    assert "but on test those of pc-lite-any" in results.provenance.chosen
    assert results.provenance.versions["tmc13"] == "G-PCC TMC13 v23.0-rc2, octree"
    assert "level 10; 16 to 16 points × 1 to 10 bits" in done.output
    sweeps = results.detail["sweeps"]
    # Only where there is a classifier: no P of 32 (nor more) for either.
    assert {(p["points"], p["grid_bits"]) for p in sweeps["tmc13"]} == {(8, 2), (8, 4), (16, 2), (16, 4)}
    assert {p["points"] for p in sweeps["draco"]} == {16}
    assert (out / "pointcloud_tiny_set_p16.html").stat().st_size > 1_000_000
    assert (out / "pointcloud_tiny_set_p16.png").exists()
    again = CliRunner().invoke(app, ["summary", str(out)])
    assert again.exit_code == 0
    assert "any_aligned_top1_percent" in again.output


def test_the_command_fails_with_the_next_step(zoo: Path, data: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    add_commands(app)
    done = CliRunner().invoke(app, ["pointcloud", "--data", str(data), "--zoo", str(zoo), "--codecs", "none-*"])
    assert done.exit_code == 2
    assert "isthmus train pointcloud" in done.stderr
    assert "Traceback" not in done.output
    done = CliRunner().invoke(app, ["summary", str(tmp_path)])
    assert done.exit_code == 2
    assert "isthmus measure pointcloud" in done.stderr


def test_missing_packages_are_named_before_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    require_pointcloud_packages(PointCloudOptions())
    monkeypatch.setattr("isthmus.measure.packages.find_spec", lambda name: None if name in {"plotly", "DracoPy"} else 1)
    with pytest.raises(MissingDependencyError, match=r"needs plotly, DracoPy: pip install 'isthmus\[measure\]'"):
        require_pointcloud_packages(PointCloudOptions())
    require_pointcloud_packages(PointCloudOptions(baselines="tmc13"), page=False)


def test_importing_the_commands_is_cheap() -> None:
    """`isthmus --help` must not pay for numpy, grpc, onnxruntime or matplotlib."""
    code = "import sys, isthmus.command.measure; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"numpy", "grpc", "onnxruntime", "matplotlib", "plotly", "torch"}


def test_command_lines_name_what_was_not_default() -> None:
    assert (
        command_line("isthmus measure pointcloud", PointCloudOptions(), LiveOptions()) == "isthmus measure pointcloud"
    )
    options = PointCloudOptions(data=Path("/somewhere/set.npz"), points=256, baselines="none", draws=3)
    expected = "isthmus measure pointcloud --data set.npz --points 256 --draws 3 --baselines none"
    assert command_line("isthmus measure pointcloud", options, LiveOptions()) == expected
