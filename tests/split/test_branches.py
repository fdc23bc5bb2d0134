"""Branches and loops inside of a network: kept whole on one side of a cut, read through, never cut around."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError
from isthmus.runtime.engine import open_graph
from isthmus.split.branches import DEEPEST, every_node, reads, rename
from isthmus.split.network import Network, needed, read_network
from isthmus.split.plane_halves import cut_planes
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import all_cuts, find_cut
from isthmus.split.soft_answers import soft_outputs

Float32 = npt.NDArray[np.float32]


def info(name: str, kind: int = TensorProto.FLOAT, shape: list[int] | None = None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def weights(name: str, *shape: int) -> onnx.TensorProto:
    made = np.random.default_rng(len(name)).normal(size=shape, scale=0.3).astype(np.float32)
    return numpy_helper.from_array(made, name)


def chooser(skip: str) -> onnx.NodeProto:
    """If any score is above 0.1 the scores, doubled, plus what it reads of `skip` from around; else minus them."""
    doubled = helper.make_graph(
        [
            helper.make_node("Mul", ["scores", "two"], ["twice"]),
            helper.make_node("GlobalAveragePool", [skip], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Add", ["twice", "flat"], ["then_out"]),
        ],
        "then",
        [],
        [info("then_out")],
        [numpy_helper.from_array(np.array(2, np.float32), "two")],
    )
    negative = helper.make_graph([helper.make_node("Neg", ["scores"], ["else_out"])], "else", [], [info("else_out")])
    return helper.make_node("If", ["any"], ["answer"], name="choose", then_branch=doubled, else_branch=negative)


def looped(count: int) -> list[onnx.NodeProto]:
    """`chosen` from `answer`: halved so many times, plus scores each time."""
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["state", "half"], ["halved"]),
            helper.make_node("Add", ["halved", "scores"], ["state_out"]),
            helper.make_node("Identity", ["going"], ["going_out"]),
        ],
        "body",
        [info("i", TensorProto.INT64, []), info("going", TensorProto.BOOL, []), info("state")],
        [info("going_out", TensorProto.BOOL, []), info("state_out")],
    )
    return [
        helper.make_node("Constant", [], ["count"], value=numpy_helper.from_array(np.array(count, np.int64))),
        helper.make_node("Constant", [], ["going_in"], value=numpy_helper.from_array(np.ones((), bool))),
        helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(np.array(0.5, np.float32))),
        helper.make_node("Loop", ["count", "going_in", "answer"], ["chosen"], body=body),
    ]


def model(skip: str = "c2", shape: tuple[int, ...] = (1, 3, 32, 48), kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """Three convolutions, then scores that an If and a Loop choose by; the If reads the tensor `skip` by its name."""
    nodes = [
        helper.make_node("Conv", ["x4", "w1"], ["c1"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c2", "w3"], ["c3"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c3"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["scores"]),
        helper.make_node("ReduceMax", ["scores"], ["most"], keepdims=0),
        helper.make_node("Constant", [], ["least"], value=numpy_helper.from_array(np.array(0.1, np.float32))),
        helper.make_node("Greater", ["most", "least"], ["any"]),
        chooser(skip),
        *looped(3),
    ]
    h = "frame"
    before = []
    if kind != TensorProto.FLOAT:
        before.append(helper.make_node("Cast", [h], ["floats"], to=TensorProto.FLOAT))
        h = "floats"
    if 3 not in shape[:2] and shape[-1] == 3:
        before.append(
            helper.make_node("Transpose", [h], ["first"], perm=[2, 0, 1] if len(shape) == 3 else [0, 3, 1, 2])
        )
        h = "first"
    axes = numpy_helper.from_array(np.array([0], np.int64), "axes")
    alone = len(shape) == 3
    before.append(
        helper.make_node("Unsqueeze", [h, "axes"], ["x4"]) if alone else helper.make_node("Identity", [h], ["x4"])
    )
    graph = helper.make_graph(
        [*before, *nodes],
        "choosing",
        [info("frame", kind, list(shape))],
        [info("chosen", TensorProto.FLOAT, [1, 8]), info("scores", TensorProto.FLOAT, [1, 8])],
        [weights("w1", 8, 3, 3, 3), weights("w2", 8, 8, 3, 3), weights("w3", 8, 8, 3, 3), axes],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def network(made: onnx.ModelProto) -> Network:
    return read_network(made, "choosing", task="tensors")


def frames(count: int = 6) -> list[Float32]:
    # Some of them dark: both branches are taken.
    rng = np.random.default_rng(0)
    return [(scale * rng.normal(size=(1, 3, 32, 48))).astype(np.float32) for scale in np.linspace(0.01, 3, count)]


def run(made: onnx.ModelProto, given: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    return list(open_graph(made.SerializeToString()).run(given))


def test_a_node_reads_what_its_branches_take_from_around_them() -> None:
    made = model()
    choose = next(node for node in made.graph.node if node.op_type == "If")
    loop = next(node for node in made.graph.node if node.op_type == "Loop")
    assert reads(choose) == ["any", "scores", "c2"]
    assert reads(loop) == ["count", "going_in", "answer", "half", "scores"]
    assert {"Mul", "Neg", "If", "Conv"} <= {node.op_type for node in every_node(made.graph)}


def test_what_only_a_branch_reads_is_kept() -> None:
    nodes = network(model("r1")).nodes
    kept = [node.op_type for node in needed(nodes, "r1", "answer")]
    assert kept[-1] == "If"
    assert "r1" in {name for node in needed(nodes, "frame", "answer") for name in node.output}


@pytest.mark.parametrize(("skip", "wanted"), [("c2", {"c1", "r1", "c2"}), ("r1", {"c1", "r1"}), ("c1", {"c1"})])
def test_a_cut_does_not_leave_out_what_a_branch_reads(skip: str, wanted: set[str]) -> None:
    """A tensor behind the one that a branch reads is no cut by itself: the branch would read around it."""
    cuts = all_cuts(network(model(skip)))
    assert {cut.tensor for cut in cuts if len(cut.tensors) == 1} == wanted
    # What is behind it is a cut with it.
    if skip != "c2":
        assert find_cut(network(model(skip)), f"{skip},c2").tensor == f"{skip},c2"


@pytest.mark.parametrize("at", ["c1", "r1", "c2"])
def test_halves_choose_as_the_whole_does(at: str) -> None:
    made = model()
    whole = network(made)
    halves = cut_planes(whole, find_cut(whole, at), Preprocessing(), free=False)
    taken = set()
    for frame in frames():
        (y,) = run(halves.edge, {"frame": frame})
        name = halves.cloud.graph.input[0].name
        found, _ = run(halves.cloud, {name: y})
        expected, scores = run(made, {"frame": frame})
        np.testing.assert_array_equal(found, expected)
        taken.add(bool(np.allclose(expected, 1.625 * scores)))  # three rounds of the loop on minus the scores
    assert taken == {True, False}


def test_every_name_of_a_branch_is_renamed_once() -> None:
    made = model()
    for node in made.graph.node:
        rename(node, lambda name: "net/" + name)
    for constant in made.graph.initializer:
        constant.name = "net/" + constant.name
    made.graph.input[0].name = "net/frame"
    made.graph.output[0].name, made.graph.output[1].name = "net/chosen", "net/scores"
    onnx.checker.check_model(made, full_check=True)
    frame = frames()[-1]
    np.testing.assert_array_equal(run(made, {"net/frame": frame})[0], run(model(), {"frame": frame})[0])


def test_what_is_chosen_by_is_what_is_compared() -> None:
    """Behind an If answers jump: an error of latents is looked at before it, where a branch reads as well."""
    assert soft_outputs(network(model()), ["r1"]) == ("c2", "scores", "most")


def test_layers_inside_of_a_branch_are_refused() -> None:
    made = model()
    choose = next(node for node in made.graph.node if node.op_type == "If")
    branch = next(a.g for a in choose.attribute if a.name == "then_branch")
    branch.node[0].op_type = "MatMul"
    branch.initializer[0].CopyFrom(numpy_helper.from_array(np.eye(8, dtype=np.float32), "two"))
    with pytest.raises(InputError, match=r"without layers in them, got MatMul inside of If choose.*--output"):
        network(made)
    # Answers before it may still be asked for.
    assert read_network(made, "choosing", output="scores", task="tensors").output_names == ("scores",)


def test_graphs_in_graphs_have_an_end() -> None:
    deep = helper.make_graph([], "inner", [], [])
    for _ in range(DEEPEST + 2):
        deep = helper.make_graph([helper.make_node("Loop", ["c"], ["o"], body=deep)], "g", [], [])
    with pytest.raises(InputError, match="graphs in graphs"):
        list(every_node(deep))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((3, 32, 48), TensorProto.FLOAT),
        ((32, 48, 3), TensorProto.FLOAT),
        ((3, 32, 48), TensorProto.UINT8),
        ((32, 48, 3), TensorProto.UINT8),
    ],
)
def test_a_frame_without_an_axis_of_a_batch(shape: tuple[int, ...], kind: int) -> None:
    made = model(shape=shape, kind=kind)
    whole = network(made)
    assert (whole.height, whole.width) == (32, 48)
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 48)).astype(np.float32)
    given = pixels[0].transpose(1, 2, 0) if shape[-1] == 3 else pixels[0]
    dtype = np.uint8 if kind == TensorProto.UINT8 else np.float32
    expected, _ = run(made, {"frame": np.ascontiguousarray(given).astype(dtype)})
    halves = cut_planes(whole, find_cut(whole, "c2"), Preprocessing(), free=False)
    (y,) = run(halves.edge, {"frame": pixels})
    found, _ = run(halves.cloud, {halves.cloud.graph.input[0].name: y})
    np.testing.assert_array_equal(found, expected)
