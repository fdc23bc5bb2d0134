"""What classifiers end in: the codec's probabilities are those of the network's own answer, whichever it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from isthmus.cloud.labels import probabilities
from isthmus.common.errors import InputError
from isthmus.split.cuts import find_cuts
from isthmus.split.graphs import open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.heads import are_probabilities
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.reading import read_with

Float32 = npt.NDArray[np.float32]
CLASSES, SIDE = 5, 16
Nodes = list[onnx.NodeProto]


def classifier(
    head: Nodes, outputs: tuple[str, ...] = ("answer",), *, classes: int = CLASSES, opset: int = 17, flat: bool = True
) -> onnx.ModelProto:
    """A convolution, a pool, a layer of 1 x 1 that makes `logits` [1, classes] or [1, classes, 1, 1]; the head."""
    rng = np.random.default_rng(3)
    weights: dict[str, npt.NDArray[Any]] = {
        "w": rng.normal(size=(6, 3, 3, 3)).astype(np.float32) / 90,
        "v": 3 * rng.normal(size=(classes, 6, 1, 1)).astype(np.float32),
        "shape": np.array([1, -1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "hundred": np.array(100, np.float32),
        "half": np.array(0.5, np.float32),
        "one": np.array([1], np.int64),
        "k": np.array([2], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["stem"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["stem"], ["seen"]),
        helper.make_node("GlobalAveragePool", ["seen"], ["mean"]),
        helper.make_node("Conv", ["mean", "v"], ["logits" if not flat else "planes"]),
        *([helper.make_node("Flatten", ["planes"], ["logits"])] if flat else []),
        *head,
    ]
    used = {i for node in nodes for i in node.input}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, _kind_of(head, name), None) for name in outputs],
        [numpy_helper.from_array(v, k) for k, v in weights.items() if k in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _kind_of(head: Nodes, output: str) -> int:
    """Element type of an output: numbers of classes are integers."""
    maker = next((n for n in head if output in n.output), None)
    is_number = maker is not None and (maker.op_type == "ArgMax" or list(maker.output[1:]) == [output])
    return TensorProto.INT64 if is_number else TensorProto.FLOAT


def node(op: str, *inputs: str, to: str = "answer", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [to], **attributes)


def frames(count: int = 8) -> list[Float32]:
    rng = np.random.default_rng(0)
    return [(rng.random((1, 3, 1, 1)) * rng.random((1, 3, SIDE, SIDE)) * 255).astype(np.float32) for _ in range(count)]


def own_answer(model: onnx.ModelProto, x: Float32, output: str = "answer") -> Float32:
    """What the user's own graph answers, run by ONNX Runtime alone."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: Float32 = np.asarray(session.run([output], {"x": x})[0], np.float32)
    return answer.ravel()


def pictures() -> Pictures:
    return Pictures("made", "", tuple(np.rint(x[0].transpose(1, 2, 0)).astype(np.uint8) for x in frames()))


def understood(model: onnx.ModelProto, output: str = "") -> tuple[Network, tuple[str, ...]]:
    network = read_network(model, "net", "", output)
    reading = read_with(network, network, pictures(), Preprocessing())
    return reading.network, reading.notes


def codec_answer(network: Network, x: Float32) -> Float32:
    """Probabilities as the cloud tells them, over both halves of a cut."""
    cut = find_cuts(network)[0]
    halves = cut_halves(network, cut, Preprocessing(), unquantised(cut), free=False)
    answer: Float32 = probabilities(open_model(halves.cloud)(open_model(halves.edge)(x)))[0]
    return answer


PROBABILITIES: dict[str, onnx.ModelProto] = {
    "Softmax": classifier([node("Softmax", "logits")]),
    "Softmax, axis 1": classifier([node("Softmax", "logits", axis=1)]),
    "Softmax of operator set 11": classifier([node("Softmax", "logits")], opset=11),
    "Softmax of planes": classifier([node("Softmax", "logits", axis=1)], flat=False),
    "Softmax, Identity": classifier([node("Softmax", "logits", to="p"), node("Identity", "p")]),
    "Softmax, Reshape": classifier(
        [node("Softmax", "logits", axis=1, to="p"), node("Reshape", "p", "shape")], flat=False
    ),
    "Softmax, Squeeze": classifier(
        [node("Softmax", "logits", axis=1, to="p"), node("Squeeze", "p", "axes")], flat=False
    ),
    "Softmax, Squeeze of all": classifier([node("Softmax", "logits", to="p"), node("Squeeze", "p")]),
    "Softmax twice": classifier([node("Softmax", "logits", to="p"), node("Softmax", "p")]),
    "Softmax of warmer logits": classifier([node("Mul", "logits", "half", to="warm"), node("Softmax", "warm")]),
    "Exp of LogSoftmax": classifier([node("LogSoftmax", "logits", to="l"), node("Exp", "l")]),
    "Exp, ReduceSum, Div": classifier(
        [node("Exp", "logits", to="e"), node("ReduceSum", "e", "one", to="s", keepdims=1), node("Div", "e", "s")]
    ),
    "mean of two": classifier(
        [
            node("Softmax", "logits", to="p"),
            node("Mul", "logits", "half", to="warm"),
            node("Softmax", "warm", to="q"),
            node("Add", "p", "q", to="sum"),
            node("Mul", "sum", "half"),
        ]
    ),
}


@pytest.mark.parametrize("kind", PROBABILITIES)
def test_probabilities_stay_what_the_network_says(kind: str) -> None:
    model = PROBABILITIES[kind]
    network, notes = understood(model)
    assert len(notes) == 1
    assert ("Softmax" in notes[0]) or ("probabilities" in notes[0])
    expected = np.array([own_answer(model, x) for x in frames()])
    assert expected.sum(1) == pytest.approx(1, abs=1e-5)
    assert expected.max() > 0.3  # so that a second softmax would show
    found = np.array([codec_answer(network, x) for x in frames()])
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_per_cent_become_probabilities() -> None:
    model = classifier([node("Softmax", "logits", to="p"), node("Mul", "p", "hundred")])
    network, _ = understood(model)
    for x in frames():
        np.testing.assert_allclose(codec_answer(network, x), own_answer(model, x) / 100, atol=2e-6)


def test_log_probabilities_and_logits_are_left_as_they_are() -> None:
    for head in ([node("LogSoftmax", "logits")], [node("Identity", "logits")]):
        model = classifier(head)
        network, notes = understood(model)
        assert not notes
        assert len(network.nodes) == len(model.graph.node)
        for x in frames():
            logits = own_answer(model, x).astype(np.float64)
            np.testing.assert_allclose(codec_answer(network, x), np.exp(logits) / np.exp(logits).sum(), atol=2e-6)


def test_one_sigmoid_is_two_classes_of_its_probabilities() -> None:
    model = classifier([node("Sigmoid", "logits")], classes=1)
    network, notes = understood(model)
    assert len(notes) == 1
    for x in frames():
        p = float(own_answer(model, x)[0])
        np.testing.assert_allclose(codec_answer(network, x), [1 - p, p], atol=2e-6)


def test_sigmoids_keep_their_order_and_it_is_said() -> None:
    model = classifier([node("Sigmoid", "logits")])
    network, notes = understood(model)
    assert "Sigmoid" in notes[0]
    assert "same order" in notes[0]
    for x in frames():
        own = own_answer(model, x)[codec_answer(network, x).argsort()]
        assert (np.diff(own) >= 0).all()


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (
            classifier([node("ArgMax", "logits", axis=1)]),
            "ArgMax makes of them: name the tensor before it, --output logits",
        ),
        (
            classifier([node("Softmax", "logits", to="p"), node("ArgMax", "p", axis=1)]),
            "ArgMax makes of them: name the tensor before it, --output p",
        ),
        (classifier([node("Hardmax", "logits")]), "Hardmax makes of them"),
        (
            classifier([helper.make_node("TopK", ["logits", "k"], ["values", "answer"])]),
            "TopK makes of them: name the tensor before it, --output logits",
        ),
        (
            classifier([node("Softmax", "logits")], ("logits", "answer")),
            "one output, the logits, got 2: logits, answer; .* --output logits",
        ),
        (classifier([node("Softmax", "logits")], flat=False), "over the classes, got one over .* --output logits"),
        (classifier([node("Identity", "logits")], classes=1), "two classes or more, .* ends in a Sigmoid"),
    ],
)
def test_answers_without_logits_are_refused_with_the_next_step(model: onnx.ModelProto, match: str) -> None:
    with pytest.raises(InputError, match=match):
        understood(model)


@pytest.mark.parametrize(
    ("model", "output"),
    [
        (classifier([node("ArgMax", "logits", axis=1)]), "logits"),
        (classifier([node("Softmax", "logits")], ("logits", "answer")), "logits"),
        (classifier([node("Softmax", "logits")], ("logits", "answer")), "answer"),
        (classifier([helper.make_node("TopK", ["logits", "k"], ["values", "answer"])], ("values", "answer")), "logits"),
    ],
)
def test_an_output_may_be_named(model: onnx.ModelProto, output: str) -> None:
    network, _ = understood(model, output)
    expected = classifier([node("Softmax", "logits")])
    for x in frames():
        np.testing.assert_allclose(codec_answer(network, x), own_answer(expected, x), atol=2e-6)


def test_an_output_that_is_not_there() -> None:
    with pytest.raises(InputError, match="expected --output to name a tensor of the graph, got 'none'"):
        understood(PROBABILITIES["Softmax"], "none")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[0.2, 0.8], [0.5, 0.5]], True),
        ([[20.0, 80.0], [50.0, 50.0]], True),
        ([[0.2, 0.8], [0.2, 0.8]], False),  # all alike: a network that has not seen the frames
        ([[0.2, 0.8]], False),
        ([[0.2, 0.8], [0.5, 0.6]], False),
        ([[-0.2, 1.2], [0.5, 0.5]], False),
        ([[0.0, 0.0], [0.0, 0.0]], False),
        ([[np.nan, 0.0], [0.0, 1.0]], False),
    ],
)
def test_probabilities_are_told_by_their_sums(answers: list[list[float]], expected: bool) -> None:
    assert are_probabilities(np.array(answers)) == expected
