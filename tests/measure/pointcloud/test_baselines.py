"""Input codecs: recorded and live TMC13, Draco, and the classifiers that see ragged clouds."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.paths import SHARED

from isthmus.common.errors import InputError
from isthmus.measure.pointcloud.baselines import (
    TMC3_OPTIONS,
    CodedCloud,
    Draco,
    Float64,
    LiveTmc13,
    RecordedTmc13,
    Rival,
    draw_order,
    from_grid,
    quantize_to_grid,
    sweep,
)
from isthmus.measure.pointcloud.classifiers import Classifiers, pad

RECORDED = SHARED / "reference" / "tmc13_modelnet10_bits.npz"
MODELNET10 = SHARED / "data" / "modelnet10_2048.npz"


def _ball(clouds: int, stored: int, seed: int = 0) -> Float64:
    points = np.random.default_rng(seed).normal(size=(clouds, stored, 3))
    ball: Float64 = points / np.linalg.norm(points, axis=2).max(1)[:, None, None]
    return ball


def _record(path: Path, clouds: Float64, counts: tuple[int, ...], grid: tuple[int, ...]) -> None:
    order = draw_order(clouds.shape[1])
    unique = np.array(
        [[[len(quantize_to_grid(c[order[:p]], b)) for c in clouds] for b in grid] for p in counts], np.int16
    )
    np.savez(path, points=np.array(counts), grid_bits=np.array(grid), bits=unique * 3 + 8, unique_points=unique)


@pytest.fixture
def fake_tmc3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that checks its options and input, and prints a size of 10 bytes and one a point."""
    program = tmp_path / "bin" / "tmc3"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"options = {TMC3_OPTIONS!r}\n"
        "given = sys.argv[1:]\n"
        "assert [g for g in given if 'Path=' not in g] == list(options), given\n"
        "path = next(g.split('=')[1] for g in given if g.startswith('--uncompressedDataPath'))\n"
        "head, body = open(path).read().split('end_header\\n')\n"
        "rows = [tuple(map(int, r.split())) for r in body.splitlines()]\n"
        "assert f'element vertex {len(rows)}' in head and len(set(rows)) == len(rows)\n"
        "print('Slice number: 1')\n"
        "print(f'positions bitstream size {10 + len(rows)} B (1.5 bpp)')\n"
        "print('Total bitstream size 999 B')\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return program


@pytest.mark.parametrize("grid_bits", [1, 2, 5, 8])
def test_grid_round_trip_is_within_half_a_step(grid_bits: int) -> None:
    points = _ball(1, 300)[0]
    grid = quantize_to_grid(points, grid_bits)
    assert grid.min() >= 0
    assert grid.max() <= 2**grid_bits - 1
    assert len(np.unique(grid, axis=0)) == len(grid)
    np.testing.assert_array_equal(quantize_to_grid(from_grid(grid, grid_bits), grid_bits), grid)
    nearest = np.abs(points[:, None] - from_grid(grid, grid_bits)[None]).max(2).min(1)
    assert nearest.max() <= 1 / (2**grid_bits - 1) + 1e-12


def test_draws_are_nested_and_the_reference_ones() -> None:
    assert draw_order(2048)[:4].tolist() == np.random.default_rng(1234).permutation(2048)[:4].tolist()
    assert sorted(draw_order(50)) == list(range(50))


def test_recorded_counts_fit_only_their_own_clouds(tmp_path: Path) -> None:
    clouds = _ball(3, 64)
    _record(tmp_path / "bits.npz", clouds, (16, 32), (2, 4))
    recorded = RecordedTmc13.load(tmp_path / "bits.npz", 3)
    points = clouds[1][draw_order(64)[:32]]
    coded = recorded.code(1, points, 4)
    assert coded.bits == 3 * len(coded.points) + 8
    with pytest.raises(InputError, match="made on other points"):
        recorded.code(1, points * 0.1, 4)
    with pytest.raises(InputError, match=r"expected counts \(2, 2, 4\)"):
        RecordedTmc13.load(tmp_path / "bits.npz", 4)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"broken\.npz"):
        RecordedTmc13.load(tmp_path / "broken.npz", 4)


def test_recorded_counts_fit_the_real_test_split() -> None:
    if not (RECORDED.exists() and MODELNET10.exists()):
        pytest.skip("no ModelNet10 and TMC13 bit counts under ../shared")
    with np.load(MODELNET10) as z:
        test = np.flatnonzero(z["is_test"])
        clouds = z["points"][test[::150]].astype(np.float64) * float(z["scale"])
    recorded = RecordedTmc13.load(RECORDED, len(test))
    order = draw_order(2048)
    for row, cloud in zip(range(0, len(test), 150), clouds, strict=True):
        for count in recorded.point_counts:
            for grid_bits in recorded.grid_bits:
                assert recorded.code(row, cloud[order[:count]], grid_bits).bits > 0


@pytest.mark.usefixtures("fake_tmc3")
def test_live_tmc13_runs_the_program() -> None:
    live = LiveTmc13.find()
    assert live is not None
    points = _ball(1, 40)[0]
    coded = live.code(0, points, 3)
    grid = quantize_to_grid(points, 3)
    assert coded.bits == 8 * (10 + len(grid))
    np.testing.assert_array_equal(coded.points, from_grid(grid, 3))


def test_live_tmc13_says_what_went_wrong(fake_tmc3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tmc3.write_text(f"#!{sys.executable}\nimport sys\nsys.stderr.write('no such option')\nsys.exit(3)\n")
    live = LiveTmc13.find()
    assert live is not None
    with pytest.raises(InputError, match="exit code 3 and 'no such option'; use --tmc13 recorded"):
        live.code(5, _ball(1, 4)[0], 2)
    fake_tmc3.unlink()
    with pytest.raises(InputError, match="cloud 5"):
        live.code(5, _ball(1, 4)[0], 2)
    monkeypatch.setenv("PATH", "")
    assert LiveTmc13.find() is None


def test_draco_keeps_points_to_its_grid_and_counts_the_file() -> None:
    points = _ball(1, 200)[0]
    fine, coarse = (Draco().code(0, points, b) for b in (10, 2))
    assert coarse.bits < fine.bits
    assert fine.bits % 8 == 0
    extent = float((points.max(0) - points.min(0)).max())
    nearest = np.abs(points[:, None] - fine.points[None]).max(2).min(1)
    assert nearest.max() <= extent / (2**10 - 1)
    assert fine.points.dtype == np.float64


class _Halves:
    """A codec for sweeps: keeps every other point, at bits that tell points and grid apart."""

    name = "halves"
    rival = Rival("Halves", "every other point", "all")
    point_counts = (4, 8, 1000)
    grid_bits = (1, 3)

    def code(self, index: int, points: Float64, grid_bits: int) -> CodedCloud:
        return CodedCloud(len(points) * 100 + grid_bits * 10 + index % 2, points[::2])


def test_sweep_visits_each_cell_with_the_networks_for_it() -> None:
    seen = []

    def classify(points: int, clouds: list[Float64]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        seen.append((points, {len(c) for c in clouds}))
        return np.array([0, 1])

    steps: list[int] = []
    found = sweep(_Halves(), _ball(2, 16), np.array([0, 0]), classify, (4, 8, 1000), progress=steps.append)
    assert [(p.points, p.grid_bits, p.bits) for p in found] == [
        (4, 1, 410.5),
        (4, 3, 430.5),
        (8, 1, 810.5),
        (8, 3, 830.5),
    ]
    assert {p.top1_percent for p in found} == {50.0}
    assert seen == [(4, {2}), (4, {2}), (8, {4}), (8, {4})]
    assert sum(steps) == 8
    assert {p.points for p in sweep(_Halves(), _ball(2, 16), np.array([0, 0]), classify, (8,))} == {8}


@pytest.fixture
def classifiers(tmp_path: Path) -> Classifiers:
    """`pointnet-p8` (answers the largest coordinate axis by a maximum over points) and one for P=16."""
    weight = numpy_helper.from_array(np.array([[2.0, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)[:, :, None], "w")
    nodes = [
        helper.make_node("Conv", ["points", "w"], ["z"]),
        helper.make_node("ReduceMax", ["z", "axes"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "pointnet",
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", 3, "points"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [weight, numpy_helper.from_array(np.array([2], np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for count in (8, 16):
        onnx.save(model, str(tmp_path / f"pointnet-p{count}.onnx"))
    return Classifiers(tmp_path)


def test_ragged_batches_answer_as_single_clouds(classifiers: Classifiers) -> None:
    rng = np.random.default_rng(3)
    clouds = [rng.normal(size=(n, 3)) * rng.uniform(0.2, 3, 3) for n in rng.integers(1, 30, 50)]
    together = classifiers.predict(8, clouds)
    alone = np.concatenate([classifiers.predict(8, [c]) for c in clouds])
    np.testing.assert_array_equal(together, alone)
    assert set(together) == {0, 1, 2}


def test_padding_comes_after_normalising() -> None:
    cloud, longer = np.array([[0.0, 0, 0], [2, 0, 0]]), np.arange(15.0).reshape(5, 3)
    batch = pad([cloud, longer])
    assert batch.shape == (2, 3, 5)
    np.testing.assert_allclose(batch[0, 0], [-1, 1, -1, -1, -1])


def test_classifiers_name_what_is_missing(classifiers: Classifiers, tmp_path: Path) -> None:
    assert classifiers.point_counts == (8, 16)
    with pytest.raises(InputError, match=r"P=32, got only \(8, 16\)"):
        classifiers.predict(32, [np.zeros((1, 3))])
    with pytest.raises(InputError, match="--baselines none"):
        Classifiers(tmp_path / "nowhere")
