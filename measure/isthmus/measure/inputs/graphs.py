"""Small classifiers as ONNX files, and how `isthmus split` reads one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SIDE = 8


def graph_files() -> tuple[bytes, ...]:
    """Plain, behind a Softmax with a normalisation in front, and quantised."""
    return _classifier(), _classifier(is_own=True), _classifier(is_quantised=True)


def read_graph(path: Path) -> None:
    """A graph understood, every cut of it found, and run once."""
    from isthmus.split.cuts import find_cuts
    from isthmus.split.graphs import open_model
    from isthmus.split.network import load_network
    from isthmus.split.normalising import own_preprocessing

    network = load_network(path)
    find_cuts(network)
    own_preprocessing(network)
    sides = (network.height or SIDE, network.width or SIDE)
    if max(sides) <= 8 * SIDE:
        open_model(network.model)(np.zeros((1, 3, *sides), np.float32))


def _classifier(*, is_own: bool = False, is_quantised: bool = False) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    weights: dict[str, Any] = {
        "w": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "v": rng.normal(size=(5, 4)).astype(np.float32),
    }
    nodes, source = [], "x"
    if is_own:
        weights["mean"] = np.full((1, 3, 1, 1), 120, np.float32)
        nodes.append(helper.make_node("Sub", ["x", "mean"], ["centred"]))
        source = "centred"
    nodes.append(helper.make_node("Conv", [source, "w"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]))
    source = "a"
    if is_quantised:
        weights |= {"s": np.array(0.05, np.float32), "z": np.array(0, np.uint8)}
        nodes.append(helper.make_node("QuantizeLinear", ["a", "s", "z"], ["q"]))
        nodes.append(helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]))
        source = "d"
    nodes += [
        helper.make_node("Relu", [source], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "v"], ["logits"], transB=1),
    ]
    answer = "logits"
    if is_own:
        nodes.append(helper.make_node("Softmax", ["logits"], ["p"], axis=1))
        answer = "p"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found: bytes = model.SerializeToString()
    return found
