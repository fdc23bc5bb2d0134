"""Graphs as people's tools leave them: quantised in QDQ form, with NMS behind the heads, in a newer format."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

SCALE = 0.05
NEWER_IR = 99
MOST_BOXES, OVERLAP, LEAST_SCORE = 20, 0.5, 0.3


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Every ReLU's output through uint8 and back."""
    changed = _copy(model)
    changed.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(SCALE, np.float32), "q/scale"),
            numpy_helper.from_array(np.array(0, np.uint8), "q/zero"),
        ]
    )
    nodes = []
    for node in changed.graph.node:
        nodes.append(node)
        if node.op_type == "Relu":
            made = node.output[0]
            node.output[0] = f"{made}/float"
            ends = "q/scale", "q/zero"
            nodes.append(helper.make_node("QuantizeLinear", [f"{made}/float", *ends], [f"{made}/levels"]))
            nodes.append(helper.make_node("DequantizeLinear", [f"{made}/levels", *ends], [made]))
    _set_nodes(changed, nodes)
    return changed


def with_newer_ir(model: onnx.ModelProto) -> onnx.ModelProto:
    """As a tool of tomorrow would number its format."""
    changed = _copy(model)
    changed.ir_version = NEWER_IR
    return changed


def with_nms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Of `scores` [1, classes, n] and `boxes` [1, 4, n] the boxes that are left: as torchvision answers, as many as
    there are, in three outputs."""
    changed = _copy(model)
    constants: dict[str, npt.NDArray[Any]] = {
        "nms/most": np.array([MOST_BOXES], np.int64),
        "nms/overlap": np.array([OVERLAP], np.float32),
        "nms/least": np.array([LEAST_SCORE], np.float32),
        "nms/class": np.array(1, np.int64),
        "nms/place": np.array(2, np.int64),
        "nms/axes": np.array([0], np.int64),
    }
    changed.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    nodes = [
        helper.make_node("Sigmoid", ["scores"], ["nms/scores"]),
        helper.make_node("Transpose", ["boxes"], ["nms/boxes"], perm=[0, 2, 1]),
        helper.make_node(
            "NonMaxSuppression",
            ["nms/boxes", "nms/scores", "nms/most", "nms/overlap", "nms/least"],
            ["nms/kept"],
            center_point_box=1,
        ),
        helper.make_node("Gather", ["nms/kept", "nms/class"], ["labels"], axis=1),
        helper.make_node("Gather", ["nms/kept", "nms/place"], ["nms/places"], axis=1),
        helper.make_node("Squeeze", ["nms/boxes", "nms/axes"], ["nms/flat"]),
        helper.make_node("Gather", ["nms/flat", "nms/places"], ["found"], axis=0),
        helper.make_node("GatherND", ["nms/scores", "nms/kept"], ["likely"]),
    ]
    _set_nodes(changed, [*changed.graph.node, *nodes])
    del changed.graph.output[:]
    for name, kind in (("found", TensorProto.FLOAT), ("labels", TensorProto.INT64), ("likely", TensorProto.FLOAT)):
        changed.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    return changed


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    return changed


def _set_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)
