"""How a frame enters a graph: all are made to take one frame float32 `[1, 3, H, W]`, whatever they took before.

| a graph takes | what is put before it |
|---|---|
| float32 `[N, 3, H, W]` | nothing; one frame at a time |
| float32 `[N, H, W, 3]`, as TensorFlow and Keras have it | a Transpose |
| uint8 of either | a Cast, and frames of 0 to 255 are what it wants |
| float16 of either | a Cast |
| any of these without the first axis, as detectors of torchvision have it | a Gather of the one frame |
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError

CHANNELS = 3
FIRST = "isthmus/first"
"""Name of the Gather before a graph that takes one frame without an axis of a batch, and of its index."""
PIXELS = "isthmus/pixels"
HALVES = "isthmus/halves"
"""Names of the Cast before a graph of uint8, and before one of float16."""
READ_KINDS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8)


def with_frame_input(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The graph with one input, a frame float32 `[1, 3, H, W]`; free sides stay free.

    Raises:
        InputError: no input, or several, or one that is no frame.
    """
    constants = {c.name for c in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in constants]
    if len(inputs) != 1:
        raise InputError(f"{name}: expected a graph of one input, the frame; got {[i.name for i in inputs]}")
    given, tensor = inputs[0], inputs[0].type.tensor_type
    lengths = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else 0 for d in tensor.shape.dim]
    is_alone = len(lengths) == 3  # no axis of a batch
    axes = lengths if is_alone else lengths[1:]
    is_last = len(axes) == 3 and axes[2] == CHANNELS and axes[0] != CHANNELS
    is_frame = len(axes) == 3 and axes[2 if is_last else 0] in (CHANNELS, 0) and tensor.elem_type in READ_KINDS
    if not is_frame:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise InputError(
            f"{name}: expected an input float32 [1, 3, H, W], or uint8, or float16, or [1, H, W, 3], or without the "
            f"first axis, got {given.name} {kind} {[n or 'any' for n in lengths]}"
        )
    if not is_alone and not is_last and tensor.elem_type == TensorProto.FLOAT:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    rows, columns = axes[:2] if is_last else axes[1:]
    frame = f"{given.name}/frame"
    before: list[onnx.NodeProto] = []
    if tensor.elem_type != TensorProto.FLOAT:
        cast = PIXELS if tensor.elem_type == TensorProto.UINT8 else HALVES
        before.append(helper.make_node("Cast", [""], [], name=cast, to=tensor.elem_type))
    if is_alone:
        before.append(helper.make_node("Gather", ["", FIRST], [], name=FIRST, axis=0))
        changed.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), FIRST))
    if is_last:
        before.append(helper.make_node("Transpose", [""], [], perm=[1, 2, 0] if is_alone else [0, 2, 3, 1]))
    _in_a_row(before, frame, given.name)
    nodes = [*before, *changed.graph.node]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    kept = [i for i in changed.graph.input if i.name != given.name]
    del changed.graph.input[:]
    sides = [rows or "rows", columns or "columns"]
    changed.graph.input.extend([helper.make_tensor_value_info(frame, TensorProto.FLOAT, [1, CHANNELS, *sides]), *kept])
    return changed


def _in_a_row(nodes: list[onnx.NodeProto], source: str, target: str) -> None:
    """Each node reads what the one before it makes, the first the source; the last makes the target."""
    for place, node in enumerate(nodes):
        node.input[0] = source
        source = target if place == len(nodes) - 1 else f"{target}/{node.op_type.lower()}"
        node.output.append(source)


def takes_bytes(model: onnx.ModelProto) -> bool:
    """Whether the graph took uint8 before `with_frame_input`."""
    return any(node.name == PIXELS for node in model.graph.node)
