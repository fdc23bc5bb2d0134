"""Building ONNX graphs: nodes and constants one after the other, then a checked model of our operator set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


def checked_model(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A graph as a model of our operator set, refused here rather than by a runtime if it is unsound."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="isthmus")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


class GraphBuilder:
    """Nodes and constants under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: npt.ArrayLike) -> str:
        """A constant ``[...]`` stored as it is."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, value: npt.NDArray[np.int64] | Int32) -> str:
        """A float32 constant of any shape ``[...]``, stored in the smallest integer type that holds it."""
        largest = int(np.abs(value).max(initial=0))
        dtype = np.int8 if largest < 2**7 else np.int16 if largest < 2**15 else np.int32
        return self.node("Cast", [self.constant(value.astype(dtype))], to=TensorProto.FLOAT)

    def halves(self, value: Float32) -> str:
        """A float32 constant of any shape ``[...]``, stored in half precision (relative steps of 2^-11)."""
        return self.node("Cast", [self.constant(value.astype(np.float16))], to=TensorProto.FLOAT)

    def node(self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """An operator with one output; its name, or the one it is to have."""
        out = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [out], **attributes))
        return out

    def scaled(self, value: Int32, shift: Int32, shape: tuple[int, ...]) -> str:
        """`value` ``[out, ...]`` times ``2**-shift``, `shift` ``[out]``, reshaped."""
        stored = self.integers(value.reshape(shape))
        power = np.exp2(-shift.astype(np.float64)).astype(np.float32)
        return self.node("Mul", [stored, self.constant(power.reshape(-1, *[1] * (len(shape) - 1)))])

    def step(self, acc: str, top: int) -> str:
        """``clip(floor(acc), 0, top)``: between the layers of an integer network."""
        clipped = self.node("Clip", [acc, self.constant(np.float32(0)), self.constant(np.float32(top))])
        return self.node("Floor", [clipped])

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """All of it, checked."""
        return checked_model(helper.make_graph(self.nodes, name, inputs, outputs, self.constants))
