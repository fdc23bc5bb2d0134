"""Multiply-accumulates of a frozen graph, counted on the arrays that its layers read and make when it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from isthmus.split.branches import COUNTED
from isthmus.split.cuts import node_macs


@dataclass(frozen=True, slots=True)
class LayerMacs:
    """One layer: its operator, multiply-accumulates, and weights that are not 0."""

    operator: str
    macs: int
    weights: int


def layers_of(path: Path, *shape: int) -> list[LayerMacs]:
    """For an input of this shape, all zeros."""
    model = onnx.load(path)
    nodes = [node for node in model.graph.node if node.op_type in COUNTED]
    known = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    (given,) = model.graph.input
    kind = onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
    known[given.name] = np.zeros(shape, kind)
    shown = sorted({tensor for node in nodes for tensor in (*node.input[:2], node.output[0])} - set(known))
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in shown)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    known |= dict(zip(shown, session.run(shown, {given.name: known[given.name]}), strict=True))
    shapes = {name: array.shape for name, array in known.items()}
    return [
        LayerMacs(node.op_type, node_macs(node, shapes), int(np.count_nonzero(known[node.input[1]]))) for node in nodes
    ]


def graph_macs(path: Path, *shape: int) -> int:
    """Of all layers, for an input of this shape."""
    return sum(layer.macs for layer in layers_of(path, *shape))
