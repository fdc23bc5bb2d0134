"""Edge halves in eight-bit integers: near the floats, brought back by a linear map, and whole codecs of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import PIL.Image
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import tiny_networks
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.command.split import default_name
from isthmus.common.errors import InputError
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.measure.stills.halves import Halves
from isthmus.split.codec_folder import SPLIT_FILE, SplitOptions, frames_before
from isthmus.split.components import Components
from isthmus.split.cuts import find_cuts
from isthmus.split.graphs import Float32, open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.integer_edge import integer_edge
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.stepped_writer import write_stepped_codec

PIXELS = Preprocessing((127.0,) * 3, (128.0,) * 3)


def deep() -> Network:
    """Five convolutions, so that two in the middle are integers, and a class each of five channels."""
    random = np.random.default_rng(2)
    sides = ((8, 3, 3), (8, 8, 3), (12, 8, 3), (12, 12, 3), (10, 12, 1), (5, 10, 1))
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    h = "x"
    for k, (out, given, side) in enumerate(sides):
        scale = np.sqrt(2 / (given * side * side))
        # Weights in halves, as `build-efficientnet --float16` stores them.
        w = (scale * random.normal(size=(out, given, side, side))).astype(np.float16)
        weights.append(numpy_helper.from_array(w, f"w{k}"))
        nodes.append(helper.make_node("Cast", [f"w{k}"], [f"f{k}"], to=TensorProto.FLOAT))
        strides = [2, 2] if k in (0, 2) else [1, 1]
        nodes.append(helper.make_node("Conv", [h, f"f{k}"], [f"c{k}"], strides=strides, pads=[side // 2] * 4))
        h = f"c{k}"
        if k in (0, 1, 2, 3):
            nodes.append(helper.make_node("Relu", [h], [f"r{k}"]))
            h = f"r{k}"
    nodes.append(helper.make_node("GlobalAveragePool", [h], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["logits"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 48])
    y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "deep", [x], [y], weights)
    return read_network(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), "deep")


def pictures(count: int = 8) -> Pictures:
    frames = []
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        frames.append(np.asarray(PIL.Image.fromarray(coarse).resize((48, 32), PIL.Image.Resampling.BICUBIC)))
    return Pictures("made", "0" * 64, tuple(frames))


def test_integers_come_near_to_floats_and_nearer_when_brought_back() -> None:
    network = deep()
    cut = next(c for c in find_cuts(network) if c.tensor == "c4")
    plain = cut_halves(network, cut, PIXELS, unquantised(cut), free=False)
    frames = frames_before(plain, pictures(16))
    before = plain.edge.SerializeToString(deterministic=True)
    integers = integer_edge(plain.edge, frames[:12])
    assert plain.edge.SerializeToString(deterministic=True) == before  # the quantiser is known to write into its input
    kinds = [c.data_type for c in integers.model.graph.initializer if len(c.dims) == 4]
    assert kinds.count(TensorProto.INT8) == 2  # the first two, and what makes the latents, stay in floats
    floats, run = open_model(plain.edge), open_model(integers.model)

    def off(latents: list[npt.NDArray[np.float32]]) -> float:
        whole = [floats(frame)[0] for frame in frames]
        spread = float(np.std(whole))
        return float(np.sqrt(np.mean([np.square(a - b).mean() for a, b in zip(whole, latents, strict=True)]))) / spread

    as_made, brought = [run(frame)[0] for frame in frames], integers.latents(frames)
    assert 0 < off(brought) <= off(as_made) < 0.1


def test_components_behind_integers_are_those_of_what_is_brought_back() -> None:
    network = deep()
    cut = next(c for c in find_cuts(network) if c.tensor == "c4")
    plain = cut_halves(network, cut, PIXELS, unquantised(cut), free=False)
    frames = frames_before(plain, pictures(6))
    integers = integer_edge(plain.edge, frames)
    random = np.random.default_rng(0)
    components = Components(random.normal(size=(4, 10)), random.normal(size=(10, 4)), random.normal(size=10))
    run = open_model(integers.with_components(components))
    for frame, latents in zip(frames, integers.latents(frames), strict=True):
        expected: Float32 = components.of(latents)
        np.testing.assert_allclose(run(frame)[0], expected, atol=1e-3 * float(np.abs(expected).max()))


@pytest.mark.slow
def test_a_codec_of_integers_answers_as_one_of_floats(tmp_path: Path) -> None:
    options = SplitOptions("c4", preprocessing=PIXELS)
    shown = pictures(10)
    opened = []
    for kind in (False, True):
        folder = tmp_path / f"video-{kind}".lower()
        write_stepped_codec(deep(), shown, replace(options, int8=kind), folder, EDGE_ENCODER)
        opened.append(Halves(folder))
        facts = json.loads((folder / SPLIT_FILE).read_text())["quantiser"]
        assert facts.get("edge") == ("int8" if kind else None)
    floats, integers = ([h.logits(h.latents(frame)) for frame in shown.frames] for h in opened)
    spread = float(np.std(floats))
    assert np.abs(np.array(floats) - np.array(integers)).mean() < 0.1 * spread


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--plan", "--int8"], "expected --int8 with --at"),
        (["--at", "TENSOR", "--int8", "--bits", "4"], "without --bits and --step"),
    ],
)
def test_where_integers_are_not_to_be_had(tmp_path: Path, words: list[str], match: str) -> None:
    path = tiny_networks.write_branches(tmp_path, "fixed")
    (tmp_path / "in").mkdir()
    for k, frame in enumerate(pictures(2).frames):
        PIL.Image.fromarray(frame).save(tmp_path / "in" / f"{k}.png")
    tensor = find_cuts(read_network(onnx.load(path), "fixed"))[2].tensor
    asked = [tensor if word == "TENSOR" else word for word in words]
    made = CliRunner().invoke(app, ["split", str(path), "--images", str(tmp_path / "in"), "--range", "1", *asked])
    assert made.exit_code == 2
    assert match in " ".join(made.stderr.split())


def test_a_graph_that_cannot_be_quantised_is_told() -> None:
    with pytest.raises(InputError, match="--int8"):
        integer_edge(onnx.ModelProto(), [])


def test_names_say_integers() -> None:
    assert default_name("net", "a/b", 0, 0, int8=True) == "video-net-a-b-int8"
