"""The engine for narrow edge halves: three implementations, bit for bit, and what is refused."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_codec

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.prior import Prior
from isthmus.common.errors import InputError, IsthmusError, ManifestError, MissingDependencyError
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, write_codec_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest, Preprocessing
from isthmus.common.zoo import codec_folders, find_zoo
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.measure.determinism import pointcloud, runtimes
from isthmus.models.exact.graph import CategoricalSymbols, cloud_graph, edge_graph
from isthmus.models.exact.net import INPUT_BITS, IntegerLinear
from isthmus.runtime import pointwise
from isthmus.runtime.pointwise import PointwiseNetwork, run_reference
from isthmus.runtime.pointwise_plan import EXACT_LIMIT, MAX_SHIFT, PLAN_FILE, PlanLayer, PointwisePlan, load_plan

needs_compiler = pytest.mark.skipif(
    not pointwise.IS_COMPILED, reason="the C engine is not built: run `python hatch_build.py`"
)
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


def int32(value: npt.ArrayLike) -> Int32:
    return np.array(value, np.int32)


def random_linear(
    rng: np.random.Generator, inputs: int, outputs: int, input_top: int, density: float, share: float = 0.98
) -> tuple[Int32, Int32]:
    """Weights of both signs, some zero, that use most of the room under 2**24, or a `share`; smaller biases."""
    parts = rng.standard_normal((outputs, inputs + 1)) * (rng.random((outputs, inputs + 1)) < density)
    parts[:, -1] *= 0.2
    parts /= np.maximum(np.abs(parts).sum(1, keepdims=True), 1e-9)
    room = share * EXACT_LIMIT * rng.choice([1.0, 1.0, 0.01], (outputs, 1))
    weight = np.fix(parts[:, :-1] * room / input_top)
    return weight.astype(np.int32), np.fix(parts[:, -1] * room[:, 0]).astype(np.int32)


def random_plan(
    rng: np.random.Generator,
    widths: list[int],
    heads: int,
    size: int,
    density: float = 0.6,
    tops: tuple[int, ...] = (255, 1023),
) -> PointwisePlan:
    """A plan whose steps and biases fit what clouds give, so that symbols differ between clouds."""
    layers: list[PlanLayer] = []
    x = np.rint(clouds_in_ball(rng, 1, 256)[0] * 2.0**INPUT_BITS).astype(np.int64)
    input_top = 1 << INPUT_BITS
    for width in widths:
        weight, bias = random_linear(rng, len(x), width, input_top, density)
        sums = weight.astype(np.int64) @ x + bias[:, None]
        input_top = int(rng.choice(tops))
        # Some channels stay dark, some saturate.
        fitting = np.log2(np.maximum(sums.max(1), 1) / input_top) + rng.integers(-1, 2, width)
        shift = np.clip(np.ceil(fitting), 0, MAX_SHIFT).astype(np.int32)
        layers.append(PlanLayer(weight, bias, shift, input_top))
        x = np.clip(sums >> shift[:, None], 0, input_top)
    head_weight, _ = random_linear(rng, len(x), heads * size, input_top, 1.0, 0.49)
    head_bias = -(head_weight.astype(np.int64) @ x.max(1))
    return PointwisePlan(INPUT_BITS, tuple(layers), heads, head_weight, head_bias.astype(np.int32))


def clouds_in_ball(rng: np.random.Generator, batch: int, count: int) -> Float32:
    """Clouds [batch, 3, count] in the unit ball, with corners and halves of a step among their coordinates."""
    points = rng.uniform(-1, 1, (batch, 3, count)) / np.sqrt(3)
    exact = np.array([-1, 1, 0, 0.5 / 1024, 1.5 / 1024, -2.5 / 1024, 1023.5 / 1024])
    where = rng.random((batch, count)) < 0.1
    points[np.repeat(where[:, None], 3, 1)] = 0
    points[:, 0][where] = rng.choice(exact, int(where.sum()))
    return np.asarray(points, np.float32)


def plan_arrays(plan: PointwisePlan) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {
        "input_bits": np.array(plan.input_bits, np.int32),
        "head_count": np.array(plan.head_count, np.int32),
        "head_weight": plan.head_weight,
        "head_bias": plan.head_bias,
    }
    for n, layer in enumerate(plan.layers):
        arrays |= {f"weight{n}": layer.weight, f"bias{n}": layer.bias, f"shift{n}": layer.shift}
        arrays[f"top{n}"] = np.array(layer.top, np.int32)
    return arrays


def graph_bytes(plan: PointwisePlan) -> bytes:
    """The plan's `edge.onnx`."""
    layers, input_top = [], 1 << INPUT_BITS
    for layer in plan.layers:
        layers.append(IntegerLinear(layer.weight, layer.bias, layer.shift, layer.top, input_top))
        input_top = layer.top
    heads = IntegerLinear(plan.head_weight, plan.head_bias, np.zeros(len(plan.head_bias), np.int32), 0, input_top)
    data: bytes = edge_graph(layers, CategoricalSymbols(heads, plan.head_count)).SerializeToString()
    return data


def run_graph(data: bytes, points: Float32) -> Int32:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    symbols: Int32 = session.run(None, {"points": points})[0]
    return symbols


@st.composite
def any_plans(draw: st.DrawFn) -> PointwisePlan:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    widths = draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, 8, 9, 16, 20, 33, 64]), min_size=1, max_size=4))
    heads, size = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 3, 16, 33]))
    return random_plan(rng, widths, heads, size, draw(st.sampled_from([0.0, 0.2, 0.7, 1.0])), (1, 7, 255, 1023))


@needs_compiler
@settings(max_examples=60)
@given(any_plans(), st.integers(0, 2**32 - 1), st.integers(0, 3), st.one_of(st.integers(1, 300), st.integers(1, 3000)))
def test_every_instruction_set_gives_the_references_symbols(
    plan: PointwisePlan, seed: int, batch: int, count: int
) -> None:
    points = clouds_in_ball(np.random.default_rng(seed), batch, count)
    expected = run_reference(plan, points)
    for level in (0, 1, 2):
        symbols = PointwiseNetwork(plan, level).symbols(points)
        assert symbols.dtype == np.int32
        assert symbols.shape == (batch, plan.head_count)
        assert np.array_equal(symbols, expected)


@settings(max_examples=25)
@given(any_plans(), st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_the_graph_gives_the_references_symbols(plan: PointwisePlan, seed: int, count: int) -> None:
    points = clouds_in_ball(np.random.default_rng(seed), 2, count)
    assert np.array_equal(run_graph(graph_bytes(plan), points), run_reference(plan, points))


@needs_compiler
@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 255, 256, 257, 1024, 3000])
def test_block_edges(count: int) -> None:
    """The one point that decides lies in the last place, also where it is alone in its block."""
    rng = np.random.default_rng(count)
    plan = random_plan(rng, [8, 16, 32], 4, 16, density=1.0)
    seen: set[tuple[int, ...]] = set()
    for _ in range(20):
        points = np.zeros((2, 3, count), np.float32)
        points[:, :, -1] = clouds_in_ball(rng, 2, 1)[:, :, 0]
        symbols = PointwiseNetwork(plan).symbols(points)
        assert np.array_equal(symbols, run_reference(plan, points))
        seen.update(map(tuple, symbols.tolist()))
    assert len(seen) > 1, "the last point must matter for this test to say anything"


@needs_compiler
def test_the_first_of_equal_scores_wins() -> None:
    rng = np.random.default_rng(0)
    plan = random_plan(rng, [8, 8], 1, 8)
    twice = replace(
        plan, head_weight=np.tile(plan.head_weight, (2, 1)), head_bias=np.tile(plan.head_bias, 2), head_count=1
    )
    points = clouds_in_ball(rng, 8, 50)
    assert np.array_equal(PointwiseNetwork(twice).symbols(points), run_reference(plan, points))
    flat = replace(plan, head_weight=np.zeros_like(plan.head_weight), head_bias=np.zeros_like(plan.head_bias))
    assert not PointwiseNetwork(flat).symbols(points).any()
    assert not run_reference(flat, points).any()


@needs_compiler
def test_sums_one_below_the_limit_are_exact() -> None:
    """The largest odd sums: a float32 with one bit less, or a product rounded on its way, would be off by one."""
    weight = np.array([[5461, 5461, 5461]], np.int32)
    bias = np.array([EXACT_LIMIT - 1 - 3 * 5461 * 1024], np.int32)
    layer = PlanLayer(weight, bias, np.zeros(1, np.int32), EXACT_LIMIT - 1)
    points = np.ones((1, 3, 5), np.float32)
    for rival, expected in ((EXACT_LIMIT - 1, 0), (EXACT_LIMIT - 2, 1)):  # a tie, and one less
        plan = PointwisePlan(10, (layer,), 1, np.array([[0], [1]], np.int32), np.array([rival, 0], np.int32))
        assert run_reference(plan, points).tolist() == [[expected]]
        for level in (0, 1, 2):
            assert PointwiseNetwork(plan, level).symbols(points).tolist() == [[expected]]


@needs_compiler
@pytest.mark.parametrize("sign", [1, -1])
def test_halves_are_rounded_to_even(sign: int) -> None:
    """A plan whose symbol is the rounded x itself: the score of v, 2 a v - v**2, is largest at v = a."""
    v = np.arange(12, dtype=np.int32)
    layer = PlanLayer(int32([[sign, 0, 0]]), int32([0]), int32([0]), 11)
    plan = PointwisePlan(10, (layer,), 1, 2 * v[:, None], -(v**2))
    points = np.zeros((8, 3, 1), np.float32)
    points[:, 0, 0] = sign * (np.arange(8) + 0.5) / 1024
    expected = [[0], [2], [2], [4], [4], [6], [6], [8]]
    assert run_reference(plan, points).tolist() == expected
    assert run_graph(graph_bytes(plan), points).tolist() == expected
    for level in (0, 1, 2):
        assert PointwiseNetwork(plan, level).symbols(points).tolist() == expected


@needs_compiler
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 5.0])
def test_coordinates_outside_the_ball_give_some_symbol_in_range(value: float) -> None:
    rng = np.random.default_rng(1)
    plan = random_plan(rng, [8, 12, 32], 3, 7, density=1.0)
    points = clouds_in_ball(rng, 4, 200)
    points[:2, :, ::3] = value
    points[2, 1] = value
    for level in (0, 1, 2):
        symbols = PointwiseNetwork(plan, level).symbols(points)
        assert ((symbols >= 0) & (symbols < 7)).all()
        # A cloud beside them is as it is alone.
        assert np.array_equal(symbols[3:], run_reference(plan, points[3:]))


@needs_compiler
def test_strided_unaligned_and_read_only_points() -> None:
    rng = np.random.default_rng(2)
    plan = random_plan(rng, [8, 16], 2, 9)
    points = clouds_in_ball(rng, 2, 77)
    expected = run_reference(plan, points)
    engine = PointwiseNetwork(plan)
    shifted = np.frombuffer(b"x" + points.tobytes(), np.uint8)[1:].view(np.float32).reshape(points.shape)
    assert not shifted.flags.aligned
    for same in (shifted, np.repeat(points, 2, 2)[:, :, ::2], np.asfortranarray(points)):
        assert np.array_equal(engine.symbols(same), expected)


@needs_compiler
@pytest.mark.parametrize(
    "points",
    [
        np.zeros((3, 5), np.float32),
        np.zeros((1, 2, 5), np.float32),
        np.zeros((1, 3, 0), np.float32),
        np.zeros((1, 3, 5), np.float64),
        np.zeros((1, 3, 5), np.int32),
    ],
)
def test_points_of_another_shape_or_type(points: Any) -> None:
    with pytest.raises(InputError, match=r"expected float32 \[batch, 3, points\], got"):
        PointwiseNetwork(random_plan(np.random.default_rng(0), [4], 1, 2)).symbols(points)


@needs_compiler
def test_threads_share_an_engine() -> None:
    rng = np.random.default_rng(3)
    plan = random_plan(rng, [8, 16, 32], 4, 16)
    engine = PointwiseNetwork(plan)
    batches = [clouds_in_ball(rng, 24, 1024) for _ in range(3)]  # large enough to let the interpreter lock go
    expected = [engine.symbols(points) for points in batches]
    found: list[bool] = []

    def work(index: int) -> None:
        found.append(all(np.array_equal(engine.symbols(batches[index]), expected[index]) for _ in range(10)))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 3


@needs_compiler
def test_the_c_type_checks_for_itself() -> None:
    """No mistake of its caller may become a wrong access."""
    network: Any = type(PointwiseNetwork(random_plan(np.random.default_rng(0), [2], 1, 2)).network)
    ints = [np.array(v, np.int32) for v in ([3, 2], [7], [1] * 6, [0] * 2, [0] * 2, [1] * 8, [0] * 4)]
    network(10, 2, *ints)
    wrong: list[tuple[int, int, int, Any]] = [
        (i, 10, 2, np.append(array, np.int32(1))) for i, array in enumerate(ints) if i != 6
    ]
    wrong += [(6, 10, 2, np.zeros(3, np.int32)), (6, 10, 3, ints[6]), (6, 10, 0, ints[6]), (6, 10, -1, ints[6])]
    wrong += [(6, -1, 2, ints[6]), (6, 21, 2, ints[6]), (0, 10, 2, np.array([4, 2], np.int32))]
    wrong += [(0, 10, 2, np.array([3, value], np.int32)) for value in (0, -2, 257, 2**31 - 1)]
    wrong += [(1, 10, 2, np.array([value], np.int32)) for value in (0, -1, EXACT_LIMIT)]
    wrong += [(4, 10, 2, np.array([0, value], np.int32)) for value in (-1, 25, 2**31 - 1)]
    wrong += [(1, 10, 2, np.zeros(0, np.int32)), (2, 10, 2, b"123")]
    for place, input_bits, head_count, value in wrong:
        with pytest.raises(ValueError, match="expected"):
            network(input_bits, head_count, *(value if i == place else array for i, array in enumerate(ints)))
    with pytest.raises(TypeError):
        network(10, 2, *ints[:6])
    with pytest.raises(TypeError):
        network(10, 2, *ints[:6], None)
    run = network(10, 2, *ints).run
    points = np.zeros(12, np.float32)
    assert len(run(points, 4)) == 8
    assert run(points[:0], 4) == b""
    for data, count in ((points, 0), (points, -4), (points, 5), (points, 2**62), (b"123", 1)):
        with pytest.raises(ValueError, match="expected"):
            run(data, count)
    for arguments in ((), (points,), (points, 4, 4), (points, "4"), ("points", 4)):
        with pytest.raises(TypeError):
            run(*arguments)


# ---- edge.npz ----


@pytest.fixture(scope="module")
def plan() -> PointwisePlan:
    return random_plan(np.random.default_rng(4), [8, 16], 2, 9, 1.0, (1023,))


def save(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> Path:
    np.savez_compressed(path / PLAN_FILE, **arrays)  # type: ignore[arg-type, unused-ignore]
    return path / PLAN_FILE


def test_a_plan_survives_its_file(plan: PointwisePlan, tmp_path: Path) -> None:
    arrays = plan_arrays(plan)
    arrays["weight1"] = np.asfortranarray(arrays["weight1"])
    loaded = plan_arrays(load_plan(save(tmp_path, arrays)))
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"weight0": None}, "expected the arrays"),
    ({"top1": None}, "expected the arrays"),
    ({"head_bias": None}, "expected the arrays"),
    ({"weight2": int32([[1] * 16])}, "expected the arrays"),
    ({"extra": int32(1)}, "each array of a plan once, got extra.npy"),
    ({"weight01": int32(1)}, "each array of a plan once, got weight01.npy"),
    ({"weight0": np.zeros((8, 3), np.int64)}, "weight0: expected int32, little-endian, got int64"),
    ({"bias0": np.zeros(8, ">i4")}, "bias0: expected int32, little-endian, got >i4"),
    ({"bias0": np.zeros(8, np.float32)}, "bias0: expected int32"),
    ({"bias0": np.array([None] * 8)}, "bias0: expected int32, little-endian, got object"),
    ({"input_bits": int32([10])}, "input_bits: expected one number, got shape"),
    ({"top0": int32([[1]])}, "top0: expected one number"),
    ({"input_bits": int32(-1)}, "input_bits: expected 0 to 20, got -1"),
    ({"input_bits": int32(21)}, "input_bits: expected 0 to 20, got 21"),
    ({"weight0": int32(np.zeros((8, 4)))}, r"weight0: expected shape \[1 to 256, 3\], got \[8, 4\]"),
    ({"weight0": int32(np.zeros((0, 3)))}, "weight0: expected shape"),
    ({"weight0": int32(np.zeros((257, 3)))}, "weight0: expected shape"),
    ({"weight0": int32(np.zeros(24))}, "weight0: expected shape"),
    ({"weight1": int32(np.zeros((16, 9)))}, r"weight1: expected shape \[1 to 256, 8\], got \[16, 9\]"),
    ({"bias1": int32(np.zeros(15))}, r"bias1: expected shape \[16\], got \[15\]"),
    ({"shift1": int32(np.zeros(17))}, r"shift1: expected shape \[16\], got \[17\]"),
    ({"shift0": int32([0] * 7 + [-1])}, r"shift0: expected 0 to 24, got \[-1, 0\]"),
    ({"shift0": int32([0] * 7 + [25])}, "shift0: expected 0 to 24"),
    ({"top0": int32(0)}, "top0: expected 1 to"),
    ({"top1": int32(EXACT_LIMIT)}, "top1: expected 1 to"),
    ({"weight0": int32(np.full((8, 3), 5462)), "bias0": int32([0] * 8)}, "weight0: expected every sum under"),
    ({"weight0": int32(np.full((8, 3), -(2**31)))}, "weight0: expected every sum under"),
    ({"bias1": int32([-(2**31)] * 16)}, "weight1: expected every sum under 2.*24, got a bound of"),
    ({"head_bias": int32([EXACT_LIMIT] * 18)}, "head_weight: expected every sum under"),
    ({"head_weight": int32(np.zeros((18, 15)))}, r"head_weight: expected shape \[1 to 65536, 16\], got \[18, 15\]"),
    ({"head_bias": int32(np.zeros(17))}, r"head_bias: expected shape \[18\], got \[17\]"),
    ({"head_count": int32(0)}, "head_count: expected a divisor of the 18 scores, got 0"),
    ({"head_count": int32(4)}, "head_count: expected a divisor of the 18 scores, got 4"),
    ({"head_count": int32(-2)}, "head_count: expected a divisor"),
]


@pytest.mark.parametrize(("changes", "says"), MALFORMED)
def test_malformed_plans(plan: PointwisePlan, tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    arrays = {name: array for name, array in (plan_arrays(plan) | changes).items() if array is not None}
    with pytest.raises(ManifestError, match=says) as caught:
        load_plan(save(tmp_path, arrays))
    assert str(caught.value).startswith(str(tmp_path / PLAN_FILE))


def test_a_plan_of_too_many_layers(plan: PointwisePlan) -> None:
    square = PlanLayer(np.eye(8, dtype=np.int32), int32([0] * 8), int32([0] * 8), 1)
    with pytest.raises(ManifestError, match="expected 1 to 16 layers, got 17"):
        replace(plan, layers=(plan.layers[0], *[square] * 16))
    with pytest.raises(ManifestError, match="expected 1 to 16 layers, got 0"):
        replace(plan, layers=())


def test_files_that_are_no_plan(plan: PointwisePlan, tmp_path: Path) -> None:
    path = save(tmp_path, plan_arrays(plan))
    sound = path.read_bytes()

    def refuse(data: bytes, says: str) -> None:
        path.write_bytes(data)
        with pytest.raises(ManifestError, match=says):
            load_plan(path)

    def member(name: str, content: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        return stream.getvalue()

    def header(shape: str, tail: bytes = b"") -> bytes:
        text = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + tail

    refuse(b"", "expected an npz file")
    refuse(b"not a zip", "expected an npz file")
    refuse(sound[: len(sound) // 2], "expected an npz file")
    refuse(sound + b"\0" * (1 << 20), "expected at most 1048576 bytes")
    refuse(member("bias0.npy", b"\x93NUMPX"), "NumPy's format")
    refuse(member("bias0.npy", b""), "NumPy's format")
    refuse(member("bias0.npy", b"\x93NUMPY\x03\x00"), "version 1.0")
    refuse(
        member("bias0.npy", header("(2, )", b"1234")), r"bias0: expected as many bytes as its shape \[2\] has, got 4"
    )
    refuse(member("bias0.npy", header("(1, )", b"12345678")), "as many bytes")
    refuse(member("bias0.npy", header("(1000000000000, )")), "as many bytes")
    refuse(member("bias0.npy", header("(-1, -1)", b"1234")), "as many bytes")
    refuse(member("bias0.npy", header("'x'")), "NumPy's format")
    refuse(member("head_weight.npy", b"\0" * (4 * 256 * 65536 + 1025)), "head_weight: expected at most")
    path.unlink()
    with pytest.raises(ManifestError, match="cannot read it: No such file"):
        load_plan(path)


def test_damage_anywhere_is_a_clear_error_or_harmless(plan: PointwisePlan, tmp_path: Path) -> None:
    path = save(tmp_path, plan_arrays(plan))
    sound = path.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(300):
        data = bytearray(sound)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            load_plan(path)
        except ManifestError:
            continue


# ---- the encoder ----

HEADS, SIZE = 2, 9


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory, plan: PointwisePlan) -> Path:
    folder = tiny_codec.write_codec(tmp_path_factory.mktemp("zoo"), "narrow-q1")
    (folder / "edge.onnx").write_bytes(graph_bytes(plan))
    embedding = np.arange(HEADS * SIZE * 2, dtype=np.int32).reshape(HEADS, SIZE, 2)
    first = IntegerLinear(embedding.reshape(-1, 2).T.copy(), int32([0, 1]), int32([0, 0]), 255, 1)
    logits = IntegerLinear(int32([[1, -1], [2, 1]]), int32([3, 4]), int32([0, 0]), 0, 255)
    (folder / "cloud.onnx").write_bytes(cloud_graph([first, logits], 0, embedding, HEADS).SerializeToString())
    save(folder, plan_arrays(plan))
    tables = CdfTables.from_frequencies([[28] * 8 + [32]] * HEADS, np.zeros(HEADS, np.int32), 8)
    write_manifest(folder, Prior(tables, int32([0, 1]), int32([-1, -1])))
    return folder


def write_manifest(folder: Path, prior: Prior) -> None:
    names = ("cloud.onnx", "edge.npz", "edge.onnx")
    weights = tuple((name, file_sha256(folder / name)) for name in names)
    manifest = PointCloudManifest(
        name="narrow-q1", class_names=("a", "b"), prior=prior, weights=weights, preprocessing=Preprocessing(4, 64)
    )
    write_codec_manifest(manifest, folder)


@needs_compiler
def test_the_encoder_prefers_the_compiled_engine(codec: Path) -> None:
    clouds = [cloud for points in (8, 8, 20, 64) for cloud in tiny_codec.clouds(3, points, seed=points)]
    ours, other = PointCloudEncoder(codec), PointCloudEncoder(codec, engine="onnxruntime")
    assert (ours.engine, other.engine) == ("compiled", "onnxruntime")
    assert PointCloudEncoder(codec, engine="compiled").engine == "compiled"
    assert ours.encode_batch(clouds).packet == other.encode_batch(clouds).packet
    assert ours.symbols(clouds) == other.symbols(clouds)
    for cloud in clouds:
        assert ours.encode(cloud).packet == other.encode(cloud).packet
    assert len(np.unique(ours.symbols(clouds).values, axis=0)) > 3, "the clouds must differ to say anything"


def test_without_the_compiled_engine(codec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointwise, "IS_COMPILED", False)
    monkeypatch.setattr(pointwise, "compiled", None)
    assert PointCloudEncoder(codec).engine == "onnxruntime"
    with pytest.raises(MissingDependencyError, match="was not built: install a C compiler"):
        PointCloudEncoder(codec, engine="compiled")
    with pytest.raises(MissingDependencyError, match="hatch_build"):
        PointwiseNetwork(load_plan(codec / PLAN_FILE))


def test_engines_that_cannot_be_had(codec: Path, tmp_path: Path) -> None:
    wide = tiny_codec.write_codec(tmp_path)
    assert PointCloudEncoder(wide).engine == "onnxruntime"
    with pytest.raises(ManifestError, match=r"codec tiny-q1 has no edge\.npz, which the engine compiled runs"):
        PointCloudEncoder(wide, engine="compiled")
    with pytest.raises(InputError, match="engine: expected one of auto, compiled, onnxruntime, got 'tensorrt'"):
        PointCloudEncoder(codec, engine="tensorrt")


@needs_compiler
def test_only_the_engines_file_is_needed(codec: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes((codec / "manifest.json").read_bytes())
    for name, engine in (("edge.npz", "compiled"), ("edge.onnx", "onnxruntime")):
        for other in ("edge.npz", "edge.onnx"):
            (tmp_path / other).unlink(missing_ok=True)
        (tmp_path / name).write_bytes((codec / name).read_bytes())
        assert PointCloudEncoder(tmp_path).engine == engine
    with pytest.raises(ManifestError, match=r"edge\.npz: the manifest names this file, cannot read it"):
        PointCloudEncoder(tmp_path, engine="compiled")


@needs_compiler
def test_a_damaged_plan_is_refused_also_in_an_open_folder(codec: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "edge.onnx", "edge.npz"):
        (tmp_path / name).write_bytes((codec / name).read_bytes())
    folder = load_codec_folder(tmp_path, needed=("edge.onnx",), kind=PointCloudManifest)
    assert PointCloudEncoder(folder).engine == "compiled"
    (tmp_path / "edge.npz").write_bytes(b"none")
    for damaged in (tmp_path, folder):
        with pytest.raises(ManifestError, match=r"edge\.npz: expected SHA-256"):
            PointCloudEncoder(damaged)
    assert PointCloudEncoder(folder, engine="onnxruntime").engine == "onnxruntime"


@needs_compiler
def test_a_plan_of_another_codec(codec: Path, tmp_path: Path) -> None:
    for path in codec.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tables = CdfTables.from_frequencies([[256]] * 3, np.zeros(3, np.int32), 8)
    write_manifest(tmp_path, Prior(tables, int32([0, 1, 2]), int32([-1, -1, -1])))
    with pytest.raises(ManifestError, match=r"expected a graph .*symbols.*3.*got .*symbols.*2"):
        PointCloudEncoder(tmp_path)


@needs_compiler
def test_a_compiled_encoder_does_without_onnxruntime(codec: Path) -> None:
    script = (
        "import sys; sys.modules['onnxruntime'] = None; import numpy as np\n"
        "from isthmus.common.signals import PointCloud; from isthmus.edge.pointcloud.encoder import PointCloudEncoder\n"
        f"PointCloudEncoder({str(codec)!r}).encode(PointCloud(np.eye(8, 3)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=tiny_codec.child_environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr


@needs_compiler
def test_shipped_plans_agree_with_their_graphs() -> None:
    try:
        folders = [f for f in codec_folders(find_zoo(None)) if (f / PLAN_FILE).is_file()]
    except IsthmusError:
        folders = []
    if not folders:
        pytest.skip("no codec of the zoo has a plan")
    for folder in folders:
        plan = load_plan(folder / PLAN_FILE)
        rng = np.random.default_rng(len(folder.name))
        for count in (1, 100, 1024):
            points = clouds_in_ball(rng, 6, count) * rng.uniform(0.2, 1, (6, 3, 1)).astype(np.float32)
            expected = run_reference(plan, points)
            for level in (0, 1, 2):
                assert np.array_equal(PointwiseNetwork(plan, level).symbols(points), expected), folder.name
            assert np.array_equal(run_graph((folder / "edge.onnx").read_bytes(), points), expected), folder.name


@needs_compiler
def test_determinism_compares_the_compiled_engine(codec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = clouds_in_ball(np.random.default_rng(6), 5, 40)

    def compare(points: Float32) -> pointcloud.Agreement:
        return pointcloud.compare_codec(codec, points, ())

    ours = [case for case in pointcloud.COMPILED_CASES if case.runtime == "compiled"]
    assert [case.batch for case in ours] == [1, 4, 32]
    assert compare(points).comparisons == 3 * 5 * HEADS
    assert compare(points).mismatches == 0

    def off_by_one(plan: PointwisePlan) -> Any:
        class Wrong:
            def symbols(self, points: Float32) -> Int32:
                return (run_reference(plan, points) + 1) % SIZE

        return Wrong()

    monkeypatch.setattr(runtimes, "PointwiseNetwork", off_by_one)
    assert compare(points).symbol_mismatches == 3 * 5 * HEADS
