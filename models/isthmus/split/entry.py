"""How a frame enters a graph: all are made to take one frame float32 `[1, 3, H, W]`, whatever they took before.

| a graph takes | what is put before it |
|---|---|
| float32 `[N, 3, H, W]` | nothing; one frame at a time |
| float32 `[N, H, W, 3]`, as TensorFlow and Keras have it | a Transpose |
| uint8 of either | a Cast, and frames of 0 to 255 are what it wants |
| float16 of either | a Cast |
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from isthmus.common.errors import InputError

CHANNELS = 3
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
    is_last = len(lengths) == 4 and lengths[3] == CHANNELS and lengths[1] != CHANNELS
    is_frame = len(lengths) == 4 and lengths[3 if is_last else 1] in (CHANNELS, 0) and tensor.elem_type in READ_KINDS
    if not is_frame:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise InputError(
            f"{name}: expected an input float32 [1, 3, H, W], or uint8, or float16, or [1, H, W, 3], got {given.name} "
            f"{kind} {[n or 'any' for n in lengths]}"
        )
    if not is_last and tensor.elem_type == TensorProto.FLOAT:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    rows, columns = (lengths[1:3] if is_last else lengths[2:]) or (0, 0)
    frame, before = f"{given.name}/frame", []
    source = frame
    if tensor.elem_type != TensorProto.FLOAT:
        target = f"{given.name}/pixels" if is_last else given.name
        cast = PIXELS if tensor.elem_type == TensorProto.UINT8 else HALVES
        before.append(helper.make_node("Cast", [source], [target], name=cast, to=tensor.elem_type))
        source = target
    if is_last:
        before.append(helper.make_node("Transpose", [source], [given.name], perm=[0, 2, 3, 1]))
    nodes = [*before, *changed.graph.node]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    kept = [i for i in changed.graph.input if i.name != given.name]
    del changed.graph.input[:]
    sides = [rows or "rows", columns or "columns"]
    changed.graph.input.extend([helper.make_tensor_value_info(frame, TensorProto.FLOAT, [1, CHANNELS, *sides]), *kept])
    return changed


def takes_bytes(model: onnx.ModelProto) -> bool:
    """Whether the graph took uint8 before `with_frame_input`."""
    return any(node.name == PIXELS for node in model.graph.node)
