"""A network whose answers to any frame are constants: boxes of a form of detectors, which are then known."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def detector(outputs: dict[str, Any], size: tuple[int, int], kind: str = "f4") -> onnx.ModelProto:
    """A graph that answers any frame with constants: of the forms of detectors, whose boxes are then known."""
    weights = [numpy_helper.from_array(np.zeros((1, 3, 2, 2), np.float32), "w")]
    nodes = [
        helper.make_node("Conv", ["frame", "w"], ["cut"], strides=[2, 2]),
        helper.make_node("ReduceMax", ["cut"], ["most"], keepdims=0),
    ]
    ends = []
    for name, given_array in outputs.items():
        array = given_array.astype(kind) if given_array.dtype.kind == "f" else given_array
        weights.append(numpy_helper.from_array(array, f"{name}/constant"))
        number = helper.np_dtype_to_tensor_dtype(array.dtype)
        nodes.append(helper.make_node("Cast", ["most"], [f"{name}/zero"], to=number))
        nodes.append(helper.make_node("Add", [f"{name}/constant", f"{name}/zero"], [name]))
        ends.append(helper.make_tensor_value_info(name, number, list(array.shape)))
    given = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, *size])
    graph = helper.make_graph(nodes, "g", [given], ends, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
