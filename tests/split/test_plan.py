"""Plans: every cut as the codec that it would become, beside files of images, and what is said of them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import PIL.Image
import pytest
from onnx import helper, numpy_helper
from support import tiny_networks
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.command.options import Given
from isthmus.command.split import next_command
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.fine import fine_latents
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.measure.video.network import WholeNetwork
from isthmus.split.codec_folder import SplitOptions
from isthmus.split.cuts import Cut, CutTensor
from isthmus.split.network import Network, read_network
from isthmus.split.options import PlanOptions
from isthmus.split.pictures import Pictures
from isthmus.split.plan import Plan, _worth_measuring, plan_cuts
from isthmus.split.plan_points import Judge, PlanPoint, bits_at
from isthmus.split.plan_stepped import stepped_points
from isthmus.split.plan_table import plan_json, plan_table
from isthmus.split.plan_words import columns_said, heads_of, verdict_said
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.stepped_writer import TARGET_NATS, write_stepped_codec
from isthmus.split.ways import Link, Way, fastest, reigns

UInt8 = npt.NDArray[np.uint8]
SURER = 300.0
SPEEDS = PlanOptions(bandwidth_mbit_per_s=0.1, delay_ms=5, edge_gmacs_per_s=0.001, cloud_factor=7)


def photo(seed: int, height: int = 64, width: int = 96) -> UInt8:
    """Soft shapes: something that has edges and moves well."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC))


def pictures(count: int = 6, **size: int) -> Pictures:
    return Pictures("made", "0" * 64, tuple(photo(k, **size) for k in range(count)))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Of frames of one size, so sure of its answers that they can be moved."""
    model = onnx.load(tiny_networks.write_branches(tmp_path_factory.mktemp("plan"), "fixed"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(SURER, np.float32), "surer"))
    model.graph.node.append(helper.make_node("Mul", [model.graph.output[0].name, "surer"], ["sure"]))
    model.graph.output[0].name = "sure"
    return read_network(model, "fixed")


@pytest.fixture(scope="module")
def plan(network: Network) -> Plan:
    return plan_cuts(network, pictures(12), Preprocessing(), SPEEDS)


def test_a_plan_measures_every_cut_at_three_qualities(plan: Plan) -> None:
    assert (plan.calibrated, plan.measured, plan.target) == (6, 6, TARGET_NATS)
    assert plan.cuts
    for p in plan.cuts:
        assert not p.cut.is_passed_on
        assert [point.quality for point in p.points] == [3, 5, 7]
        assert p.points[0].bits < p.points[1].bits < p.points[2].bits


def test_a_step_is_found_that_moves_answers_as_far_as_they_may() -> None:
    random = np.random.default_rng(5)
    mixing = random.normal(size=(8, 8))
    metric = mixing @ mixing.T

    def latents() -> list[npt.NDArray[np.float32]]:
        white = 0.3 * random.normal(size=(8, 12, 12))
        return [(np.linalg.inv(mixing).T @ white.reshape(8, -1)).reshape(8, 12, 12).astype(np.float32)]

    def distance(whole: Sequence[npt.NDArray[np.float32]], other: Sequence[npt.NDArray[np.float32]]) -> float:
        off = (whole[0] - other[0])[0].reshape(8, -1).astype(np.float64)
        return float(np.einsum("ik,ij,jk->", off, metric, off)) / 2  # what a metric says that an error costs

    judge = Judge(lambda y: [y], distance, lambda _whole, _other: 1.0, 0.1)
    found = stepped_points(judge, [metric], [latents() for _ in range(8)], iter([latents() for _ in range(8)]))
    assert found.points[1].moved == pytest.approx(0.1, rel=0.15)
    for coarse, fine in pairwise(found.points):
        assert 2.5 < coarse.moved / fine.moved < 4.5  # twice the step
        assert 0.8 < (fine.bits - coarse.bits) / (8 * 12 * 12) < 1.2  # a bit for each that is not 0


def test_latency_is_edge_link_and_cloud(plan: Plan) -> None:
    for p in plan.able:
        assert p.latency_ms == pytest.approx(p.edge_ms + 1e3 * p.bits / 1e5 + 10 + p.cloud_ms)
    best = min(plan.able, key=lambda p: p.latency_ms)
    assert plan.best == best.cut.tensor
    # The whole network runs at the speed that was said, whatever this machine is.
    assert plan.others[-1].name == "edge only"
    assert plan.others[-1].edge_ms == pytest.approx(plan.macs / 0.001 / 1e6)
    assert plan.verdict == min(plan.ways, key=lambda way: way.latency_ms(plan.link)).name


@pytest.mark.slow
def test_a_plan_tells_the_size_of_the_codec_that_is_made(plan: Plan, network: Network, tmp_path: Path) -> None:
    p = plan.cuts[-1]
    options = SplitOptions(p.cut.tensor)
    every = pictures(12)
    half = replace(every, frames=every.frames[::2])
    manifest = write_stepped_codec(network, half, options, tmp_path / "video-made", EDGE_ENCODER)
    coder = VideoCoder(manifest, open_tables(tmp_path / "video-made" / ENTROPY_FILE, manifest))
    whole = WholeNetwork(tmp_path / "video-made")
    shown = every.sized(network.height, network.width).frames[1::2]
    bits = [
        coder.encode_latents(fine_latents(manifest, whole.latents(frame[None])[0]), 0, DEFAULT_STEP).packet.size_bytes
        * 8
        for frame in shown
    ]
    # A packet has a head and a checksum besides; tables of six small images are what differs.
    assert 0.6 * p.points[1].bits < np.mean(bits) < 1.6 * p.points[1].bits + 200


def test_a_plan_is_told_as_json_and_in_words(plan: Plan) -> None:
    document = json.loads(json.dumps(plan_json(plan), allow_nan=False))
    assert document["best"] == plan.best
    assert document["verdict"] == plan.verdict
    assert [p["quality"] for p in document["cuts"][0]["points"]] == [3, 5, 7]
    by_bandwidth = document["latency_ms_by_mbit_per_s"]
    assert list(by_bandwidth) == ["0.1", "0.3", "1", "3", "10"]
    narrow, wide = by_bandwidth["0.1"], by_bandwidth["10"]
    assert all(narrow[name] > wide[name] for name in narrow if name != "edge only")
    assert plan_table(plan).renderables
    said = " ".join(verdict_said(plan))
    assert "6 images calibrate, 6 others are measured" in said
    assert plan.best in said
    assert "edge only takes" in said
    heads = heads_of(plan)
    told = list(columns_said(plan, heads))
    assert told[0].startswith("MMAC: ")
    assert any(line.startswith("kbit at 0.1: ") for line in told)
    assert not any("KL" in line for line in columns_said(plan, [h for h in heads if h != "KL"]))


def test_a_quantiser_of_bits_is_planned_as_such(network: Network) -> None:
    plan = plan_cuts(network, pictures(6), Preprocessing(), replace(SPEEDS, bits=7))
    for p in plan.cuts:
        assert [point.quality for point in p.points] == [5, 7, 8]
        assert p.points[0].bits < p.points[2].bits
    assert "kbit 7b" in heads_of(plan)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_seed_gives_the_same_plan(plan: Plan, network: Network, workers: int) -> None:
    again = plan_cuts(network, pictures(12), Preprocessing(), SPEEDS, workers=workers)
    assert [p.points for p in again.cuts] == [p.points for p in plan.cuts]


def test_forward_passes_do_where_gradients_cannot_be_had(
    plan: Plan, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("isthmus.split.cut_metrics.find_spec", lambda _: None)
    monkeypatch.setattr("isthmus.split.plane_metric.find_spec", lambda _: None)
    passes = plan_cuts(network, pictures(12), Preprocessing(), SPEEDS)
    for p, q in zip(passes.cuts, plan.cuts, strict=True):
        assert p.points != q.points
        assert p.points[1].bits == pytest.approx(q.points[1].bits, rel=0.5)


def test_a_plan_of_one_image_is_refused(network: Network) -> None:
    with pytest.raises(InputError, match="2 images or more"):
        plan_cuts(network, pictures(1), Preprocessing(), PlanOptions())


@pytest.mark.parametrize(
    "changes",
    [
        {"bandwidth_mbit_per_s": 0},
        {"delay_ms": -1},
        {"cloud_factor": 0},
        {"edge_factor": 0},
        {"edge_factor": math.inf},
        {"edge_gmacs_per_s": -1},
    ],
)
def test_plan_options_out_of_range(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        PlanOptions(**changes)  # type: ignore[arg-type]


def test_bits_are_read_between_the_qualities() -> None:
    points = [
        PlanPoint(q, bits, moved, moved, 100) for q, bits, moved in ((3, 1e3, 0.4), (5, 2e3, 0.1), (7, 4e3, 0.025))
    ]
    assert bits_at(points, 0.1) == pytest.approx(2e3)
    assert bits_at(points, 0.05) == pytest.approx(2e3 * math.sqrt(2))
    assert bits_at(points, 1.0) == pytest.approx(1e3)  # coarser ones were not measured
    assert math.isnan(bits_at(points, 0.01))


def test_reigns_of_ways_meet_where_they_take_the_same() -> None:
    edge, cut, cloud = Way("edge only", 80, 0, 0), Way("split", 20, 10_000, 2), Way("cloud only", 1, 80_000, 5)
    found = reigns((edge, cut, cloud), 10)
    assert [r.way.name for r in found] == ["edge only", "split", "cloud only"]
    assert (found[0].least, found[-1].most) == (0, math.inf)
    for before, after in pairwise(found):
        assert before.most == after.least
    turn = Link(found[1].most, 10)
    assert cut.latency_ms(turn) == pytest.approx(cloud.latency_ms(turn))
    at = Link(found[0].most, 10)
    assert edge.latency_ms(at) == pytest.approx(cut.latency_ms(at), rel=0.1)
    assert fastest((edge, cut, cloud), Link(1, 10)) is cut


def test_where_no_cut_is_good_enough_the_next_plan_has_more_bits(plan: Plan) -> None:
    none = replace(plan, cuts=tuple(replace(p, bits=math.nan) for p in plan.cuts), options=PlanOptions(bits=3))
    given = Given({"plan": True, "bits": 3, "delay_ms": 5.0, "json": True})
    following = next_command(Path("a b.onnx"), Path("in"), given, none)
    assert following == "isthmus split 'a b.onnx' --images in --plan --bits 8 --delay 5.0"
    assert "No cut keeps the answers within 0.1" in " ".join(verdict_said(none))
    assert none.verdict in [way.name for way in plan.others]
    for bits in (0, 8):
        most = replace(none, options=PlanOptions(bits=bits))
        assert next_command(Path("a.onnx"), Path("in"), given, most) == ""


def test_later_and_larger_cuts_are_passed_over() -> None:
    def cut(name: str, channels: int, macs: int, others: int = 0) -> Cut:
        tensors = [CutTensor(f"{name}{k or ''}", (channels, 8, 8), 4, 1) for k in range(1 + others)]
        return Cut(tuple(tensors), macs, 100 - macs, is_passed_on=False)

    cuts = [cut("a", 8, 10), cut("b", 17, 20), cut("c", 16, 30), cut("d", 4, 40), cut("e", 12, 50), cut("f", 12, 60, 1)]
    kept, over = _worth_measuring(cuts)
    assert over == ("b", "e")  # over twice what a has, and d; of several tensors none is passed over
    assert [c.tensor for c in kept] == ["a", "c", "d", "f,f1"]


@pytest.mark.slow
def test_the_command_on_a_screen_and_in_a_pipe(tmp_path: Path) -> None:
    path = tiny_networks.write_branches(tmp_path, "any")
    (tmp_path / "in").mkdir()
    for k in range(4):
        PIL.Image.fromarray(photo(k)).save(tmp_path / "in" / f"{k}.png")
    words = ["split", str(path), "--images", str(tmp_path / "in"), "--plan", "--size", "64x96", "--edge-factor", "20"]
    picture = tmp_path / "new" / "plan.png"
    shown = CliRunner().invoke(app, [*words, "--picture", str(picture)])
    assert shown.exit_code == 0, shown.output
    assert "by Mbit/s" in shown.stdout
    assert "20 times as slow" in shown.stdout
    following = shown.stdout.splitlines()[-1]
    assert following.startswith("isthmus split ")
    assert "--picture" not in following
    with PIL.Image.open(picture) as drawn:
        assert drawn.size == (1056, 672)
    refused = CliRunner().invoke(app, [*words[:4], "--at", "x", "--picture", str(picture)])
    assert refused.exit_code == 2
    assert "--picture with --plan" in refused.stderr
